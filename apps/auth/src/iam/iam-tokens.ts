import type { Identity, IssuedIamTokenV1, IssueIamTokenV1, ProjectV1 } from '@berth/contracts';
import { AccountStore, ProjectStore, type UserOfAccount } from '@berth/metadata';
import { RegistryError, registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';
import { decodeJwt } from 'jose';
import { SignedTokens } from '../token/signed-tokens.js';
import { Authenticator } from '../user/authenticator.js';
import { unknown } from './authority.js';

const LIFE_SECONDS = 86_400;
export const MOST_PROJECTS = 1_000;

/** Tokens of the management API. They say who somebody is, and nothing of what they may do: that is asked each time. */
@Injectable()
export class IamTokens {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly accounts: AccountStore,
    private readonly projects: ProjectStore,
    private readonly tokens: SignedTokens,
  ) {}

  async issue(request: IssueIamTokenV1): Promise<IssuedIamTokenV1> {
    const { accountName, userName, password, address } = request;
    const { user, credential } = await this.authenticator.byAccount(accountName, userName, password, address);
    const actor = await this.accounts.findUserOfAccount(user.id);
    if (!actor) throw registryError('UNAUTHORIZED');
    demandOwnAccount(actor, request);
    const project = request.scope === 'project' ? await this.projectOf(actor.accountId, request) : null;
    const issuedAt = Math.floor(Date.now() / 1000);
    const life = { issuedAt, lifeSeconds: LIFE_SECONDS };
    const claims = { credential, ...(project && { project: project.id }) };
    const token = await this.tokens.sign('iam+jwt', user.id, claims, life);
    return { token, actor, project, issuedAt: at(issuedAt), expiresAt: at(issuedAt + LIFE_SECONDS) };
  }

  /** What was said when it was issued. NAME_UNKNOWN where it is not valid now. */
  async show(token: string): Promise<Omit<IssuedIamTokenV1, 'token'>> {
    const { userId } = await this.verify(token).catch((error: unknown) => {
      throw error instanceof RegistryError && error.code === 'UNAUTHORIZED' ? unknown('token') : error;
    });
    const actor = await this.accounts.findUserOfAccount(userId);
    if (!actor) throw unknown('token');
    const { iat, exp, project: projectId } = decodeJwt<{ project?: string }>(token);
    const projects = await this.projects.list(actor.accountId, null, MOST_PROJECTS);
    const project = projects.find(({ id }) => id === projectId);
    return {
      actor,
      project: project ? { id: project.id, name: project.name } : null,
      issuedAt: at(iat!),
      expiresAt: at(exp!),
    };
  }

  /** Whose it is. UNAUTHORIZED where it is none of ours, is over, or the user has another password or is disabled. */
  async verify(token: string): Promise<Identity> {
    const identity = await this.tokens.verify('iam+jwt', token, 'the token is not valid');
    await this.authenticator.byIdentity(identity);
    return identity;
  }

  private async projectOf(accountId: string, { projectId, projectName }: IssueIamTokenV1): Promise<ProjectV1> {
    const projects = await this.projects.list(accountId, projectName ?? null, MOST_PROJECTS);
    const project = projects.find(({ id }) => projectId === undefined || id === projectId);
    if (!project) throw unknown('project');
    return { id: project.id, name: project.name };
  }
}

function demandOwnAccount(actor: UserOfAccount, { scopeAccountId, scopeAccountName }: IssueIamTokenV1): void {
  const { accountId, accountName } = actor;
  if ((scopeAccountId ?? accountId) === accountId && (scopeAccountName ?? accountName) === accountName) return;
  throw registryError('DENIED', undefined, { message: 'the scope names another account than the user’s' });
}

const at = (seconds: number): string => new Date(seconds * 1000).toISOString();
