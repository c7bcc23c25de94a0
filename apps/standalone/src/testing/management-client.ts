import { exchange, type HttpAnswer } from '@berth/testing';

export interface ManagementLogin {
  account: string;
  user: string;
  password: string;
}

/** Speaks the management API with a token, one request at a time. */
export class ManagementClient {
  private constructor(
    private readonly address: string,
    private readonly token: string,
  ) {}

  static async logIn(address: string, { account, user, password }: ManagementLogin): Promise<ManagementClient> {
    const identity = { methods: ['password'], password: { user: { name: user, password, domain: { name: account } } } };
    const body = JSON.stringify({ auth: { identity } });
    const answer = await exchange({ method: 'POST', url: `${address}/v3/auth/tokens`, body });
    return new ManagementClient(address, answer.expect(201).header('x-subject-token')!);
  }

  /** What each request of its carries. */
  get headers(): Record<string, string> {
    return { 'x-auth-token': this.token, 'content-type': 'application/json' };
  }

  /** `path` behind `/v2/manage/`. */
  ask(method: string, path: string, body?: unknown): Promise<HttpAnswer> {
    return exchange({
      method,
      url: `${this.address}/v2/manage/${path}`,
      headers: this.headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  get(path: string): Promise<HttpAnswer> {
    return this.ask('GET', path);
  }
}

/** What scripts compare. */
export const codeOf = (answer: HttpAnswer): string => answer.json<{ error_code: string }>().error_code;
