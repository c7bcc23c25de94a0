import { CliError } from './cli-error.js';
import type { Connection } from './connection.js';
import type { IamClient } from './iam-client.js';

/** Entities as the API has them; ids are 32 digits of hex. */
export interface Account {
  id: string;
  name: string;
  enabled: boolean;
  description: string;
  organisation_quota: number | null;
}
export interface User {
  id: string;
  name: string;
  domain_id: string;
  enabled: boolean;
  description: string;
  is_administrator: boolean;
}
export interface Project {
  id: string;
  name: string;
  domain_id: string;
}

/** Finds by name what the API knows by id. */
export class Directory {
  readonly client: IamClient;

  constructor(private readonly connection: Connection) {
    this.client = connection.client;
  }

  /** Id and name of the account of this name, or of whoever asks. */
  async account(name: string | undefined): Promise<{ id: string; name: string }> {
    const { domains } = await this.client.request<{ domains: Account[] }>('GET', '/v3/auth/domains');
    const own = domains[0]!;
    return name === undefined || name === own.name ? own : this.wholeAccount(name);
  }

  /** As the operator sees it. */
  async wholeAccount(name: string): Promise<Account> {
    const found = named(name, await this.client.list<Account>('/v3/domains', 'domains', { name }));
    if (!found) throw new CliError(`there is no account ${name}`);
    return found;
  }

  async user(name: string, accountName: string | undefined): Promise<User> {
    const account = await this.account(accountName);
    const parameters = { name, domain_id: account.id };
    const found = named(name, await this.client.list<User>('/v3/users', 'users', parameters));
    if (!found) throw new CliError(`there is no user ${name} in the account ${account.name}`);
    return found;
  }

  /** The user of this name, or who logged in. */
  async userOrSelf(name: string | undefined, accountName: string | undefined): Promise<User> {
    const { user: self } = this.connection;
    if (self !== null && accountName === undefined && (name ?? self.name) === self.name) return this.self(self.id);
    if (name === undefined) throw new CliError('whose is it? name the user by --user');
    return this.user(name, accountName);
  }

  isSelf(user: User): boolean {
    return this.connection.user?.id === user.id;
  }

  /** The account's first project, which has the name of the region. */
  async project(accountId: string): Promise<Project> {
    const [project] = await this.projects(accountId);
    if (!project) throw new CliError('the account has no project');
    return project;
  }

  async projects(accountId: string): Promise<Project[]> {
    const path = `/v3/projects?domain_id=${accountId}`;
    return (await this.client.request<{ projects: Project[] }>('GET', path)).projects;
  }

  private async self(id: string): Promise<User> {
    return (await this.client.request<{ user: User }>('GET', `/v3/users/${id}`)).user;
  }
}

/** Whatever the server made of the filter, no other one. */
const named = <Entity extends { name: string }>(name: string, entities: Entity[]): Entity | undefined =>
  entities.find((entity) => entity.name === name);
