import type { AccessLevel, DecideAccessV1, DecidedAccessV1 } from '@berth/contracts';
import { type AccessFacts, AccessFactsStore, AccountStore, type UserOfAccount } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { claimsOperator, isOperatorToken, Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { AccessKeys } from '../access-key/access-keys.js';
import { IamTokens } from '../iam/iam-tokens.js';
import { Authenticator } from '../user/authenticator.js';
import { accessLevels, principalOf } from './access-engine.js';

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
    const actor = await this.actorOf(request);
    const facts = await this.factsOf(request, actor);
    if (request.everything) return { actor, ...everythingThatIsThere(facts) };
    return { actor, ...accessLevels(principalOf(actor), facts) };
  }

  private async actorOf(request: DecideAccessV1): Promise<UserOfAccount> {
    if (request.everything) return this.firstAdministrator();
    if (request.token !== undefined && claimsOperator(request.token)) return this.operator(request.token);
    const actor = await this.accounts.findUserOfAccount(await this.userOf(request));
    if (!actor) throw registryError('UNAUTHORIZED');
    return actor;
  }

  private async userOf({ token, signed, identity }: DecideAccessV1): Promise<string> {
    if (signed) return (await this.accessKeys.verifySignature(signed)).userId;
    if (identity) return (await this.authenticator.byIdentity(identity)).id;
    if (token === undefined) throw registryError('UNAUTHORIZED');
    return (await this.tokens.verify(token)).userId;
  }

  /** For whoever holds the operator's key. */
  private async operator(token: string): Promise<UserOfAccount> {
    const { secretKey, tokenService } = this.settings;
    if (!(await isOperatorToken(secretKey!, tokenService, token))) throw registryError('UNAUTHORIZED');
    return this.firstAdministrator();
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
