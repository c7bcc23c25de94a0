import type { AccessLevel, DecideAccessV1, DecidedAccessV1, Identity } from '@berth/contracts';
import { type AccessFacts, AccessFactsStore, AccountStore, type UserOfAccount } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { claimsOperator, isOperatorToken, Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { AccessKeys } from '../access-key/access-keys.js';
import { IamTokens } from '../iam/iam-tokens.js';
import { Authenticator } from '../user/authenticator.js';
import { accessLevels, principalOf } from './access-engine.js';

interface Authenticated {
  actor: UserOfAccount;
  /** Absent in open mode, and for whoever holds the operator's key. */
  credential?: string;
}

/**
 * What the management API asks before it does anything: who somebody is now, and what they may do with what a path names.
 * A user who was disabled, a key that was removed and a permission that was taken away count from the next request on.
 */
@Injectable()
export class DecideAccess {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly tokens: IamTokens,
    private readonly accessKeys: AccessKeys,
    private readonly accounts: AccountStore,
    private readonly facts: AccessFactsStore,
    private readonly settings: Settings,
  ) {}

  async run(request: DecideAccessV1): Promise<DecidedAccessV1> {
    const { actor, credential } = await this.authenticated(request);
    const facts = await this.factsOf(request, actor);
    const levels = request.everything ? everythingThatIsThere(facts) : accessLevels(principalOf(actor), facts);
    const operator = request.operator ? { isOperator: await this.isOperator(actor) } : {};
    return { actor, ...(credential !== undefined && { credential }), ...levels, ...operator };
  }

  private async authenticated(request: DecideAccessV1): Promise<Authenticated> {
    if (request.everything) return { actor: await this.firstAdministrator() };
    const { token } = request;
    if (token !== undefined && claimsOperator(token)) return { actor: await this.operator(token) };
    const { userId, credential } = await this.identityOf(request);
    const actor = await this.accounts.findUserOfAccount(userId);
    if (!actor) throw registryError('UNAUTHORIZED');
    return { actor, credential };
  }

  private async identityOf({ token, signed, identity }: DecideAccessV1): Promise<Identity> {
    if (signed) return this.accessKeys.verifySignature(signed);
    if (identity) {
      await this.authenticator.byIdentity(identity);
      return identity;
    }
    if (token === undefined) throw registryError('UNAUTHORIZED');
    return this.tokens.verify(token);
  }

  /** For whoever holds the operator's key. */
  private async operator(token: string): Promise<UserOfAccount> {
    const { secretKey, tokenService } = this.settings;
    if (!(await isOperatorToken(secretKey!, tokenService, token))) throw registryError('UNAUTHORIZED');
    return this.firstAdministrator();
  }

  private async isOperator({ isAdministrator, accountId }: UserOfAccount): Promise<boolean> {
    return isAdministrator && (await this.accounts.findFirst())?.id === accountId;
  }

  private async firstAdministrator(): Promise<UserOfAccount> {
    const administrator = await this.accounts.findFirstAdministrator();
    if (!administrator) throw registryError('UNAUTHORIZED');
    return administrator;
  }

  private async factsOf({ organisation, repository }: DecideAccessV1, actor: UserOfAccount): Promise<AccessFacts> {
    const { accountId, userId } = actor;
    if (organisation === undefined) return { organisation: null, repository: null };
    return repository === undefined
      ? this.facts.findOrganisation(organisation, accountId, userId)
      : this.facts.find(repository, accountId, userId);
  }
}

const everythingThatIsThere = ({ organisation, repository }: AccessFacts) => ({
  organisation: (organisation ? 7 : 0) as AccessLevel,
  repository: (repository ? 7 : 0) as AccessLevel,
});
