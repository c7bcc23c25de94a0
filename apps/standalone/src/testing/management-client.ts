import { exchange, type HttpAnswer } from '@berth/testing';
import { DocumentedAnswers } from './documented-answers.js';

export interface ManagementLogin {
  account: string;
  user: string;
  password: string;
}

/** Speaks the management API with a token, one request at a time, and holds each answer against the OpenAPI document. */
export class ManagementClient {
  private constructor(
    private readonly address: string,
    private readonly token: string,
    private readonly documented: DocumentedAnswers,
  ) {}

  static async logIn(address: string, { account, user, password }: ManagementLogin): Promise<ManagementClient> {
    const identity = { methods: ['password'], password: { user: { name: user, password, domain: { name: account } } } };
    const body = JSON.stringify({ auth: { identity } });
    const answer = await exchange({ method: 'POST', url: `${address}/v3/auth/tokens`, body });
    const documented = await DocumentedAnswers.at(address);
    const token = documented.hold('POST', '/v3/auth/tokens', answer.expect(201)).header('x-subject-token')!;
    return new ManagementClient(address, token, documented);
  }

  /** What each request of its carries. */
  get headers(): Record<string, string> {
    return { 'x-auth-token': this.token, 'content-type': 'application/json' };
  }

  /** `path` behind `/v2/manage/`. */
  async ask(method: string, path: string, body?: unknown): Promise<HttpAnswer> {
    const target = `/v2/manage/${path}`;
    const answer = await exchange({
      method,
      url: this.address + target,
      headers: this.headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return this.documented.hold(method, target, answer);
  }

  get(path: string): Promise<HttpAnswer> {
    return this.ask('GET', path);
  }
}

/** What scripts compare. */
export const codeOf = (answer: HttpAnswer): string => answer.json<{ error_code: string }>().error_code;
