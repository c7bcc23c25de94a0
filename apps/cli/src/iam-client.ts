import { CliError } from './cli-error.js';

const TIMEOUT_MS = 30_000;
const MOST_PAGES = 1_000;

/** How a request says who makes it. */
export type Authorisation = () => Promise<string>;

/** What the identity API and the management API say of a failure. */
interface Answer {
  error?: { message?: string };
  error_msg?: string;
}

/** Speaks the identity API and the management API of a registry. Whatever it refuses is a CliError in its words. */
export class IamClient {
  constructor(
    private readonly url: string,
    private readonly token: Authorisation,
    private readonly signal: AbortSignal,
  ) {}

  /** Who a password logs in, and a client with the token of it. */
  static async logIn(url: string, account: string, name: string, password: string, signal: AbortSignal) {
    const identity = { methods: ['password'], password: { user: { name, password, domain: { name: account } } } };
    const scope = { domain: { name: account } };
    const response = await ask(url, 'POST', '/v3/auth/tokens', { signal, body: { auth: { identity, scope } } });
    const { token } = await bodyOf<{ token: { user: { id: string; name: string } } }>(url, response);
    const subject = response.headers.get('x-subject-token') ?? '';
    return { user: token.user, client: new IamClient(url, async () => subject, signal) };
  }

  async request<Body = unknown>(method: string, path: string, body?: unknown): Promise<Body> {
    const [token, { signal }] = [await this.token(), this];
    return bodyOf<Body>(this.url, await ask(this.url, method, path, { signal, token, body }));
  }

  /** All entries of a list, whatever the number of its pages. */
  async list<Entry>(path: string, key: string, parameters: Record<string, string> = {}): Promise<Entry[]> {
    const entries: Entry[] = [];
    const query = new URLSearchParams({ limit: '1000', ...parameters });
    for (let page = 0; page < MOST_PAGES; page++) {
      const answer = await this.request<Record<string, Entry[]> & { links?: { next?: string | null } }>(
        'GET',
        `${path}?${query.toString()}`,
      );
      entries.push(...(answer[key] ?? []));
      const { next } = answer.links ?? {};
      if (!next) return entries;
      query.set('marker', new URL(next).searchParams.get('marker') ?? '');
    }
    return entries;
  }
}

interface AskOptions {
  signal: AbortSignal;
  token?: string;
  body?: unknown;
}

async function ask(url: string, method: string, path: string, { signal, token, body }: AskOptions): Promise<Response> {
  try {
    return await fetch(url.replace(/\/+$/, '') + path, {
      method,
      // Whatever a redirect leads to is not given the token.
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      headers: { 'content-type': 'application/json', ...(token !== undefined && { 'x-auth-token': token }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    const { cause, message } = error as Error;
    const reason = (cause as NodeJS.ErrnoException | undefined)?.code ?? message;
    throw new CliError(`the registry at ${url} does not answer (${reason})`);
  }
}

async function bodyOf<Body>(url: string, response: Response): Promise<Body> {
  const text = await response.text();
  const body = parsed(text);
  if (response.ok && (text === '' || body !== null)) return body as Body;
  const failure = body as Answer | null;
  const message = failure?.error?.message ?? failure?.error_msg;
  if (message === undefined) throw new CliError(`what answers at ${url} is no Berth (status ${response.status})`);
  if (response.status === 401)
    throw new CliError(`the registry at ${url} does not accept these credentials: ${message}`);
  throw new CliError(message);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
