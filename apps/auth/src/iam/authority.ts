import { AccountStore, type UserOfAccount } from '@berth/metadata';
import { registryError } from '@berth/oci';
import { Injectable } from '@nestjs/common';

/** An actor as it is now, and whether it operates the installation: the administrators of the first account do. */
export interface ActorNow extends UserOfAccount {
  isOperator: boolean;
}

/** Who may administer what: operators everything, administrators their account, users themselves. */
@Injectable()
export class Authority {
  constructor(private readonly accounts: AccountStore) {}

  /** UNAUTHORIZED where there is no such user any more, or it is disabled. */
  async actor(actorId: string): Promise<ActorNow> {
    const user = await this.accounts.findUserOfAccount(actorId);
    if (!user) throw registryError('UNAUTHORIZED');
    const isOperator = user.isAdministrator && (await this.accounts.findFirst())?.id === user.accountId;
    return { ...user, isOperator };
  }

  /** DENIED where the actor is none. */
  async demandAdministrator(actorId: string): Promise<ActorNow> {
    const actor = await this.actor(actorId);
    if (!actor.isAdministrator) throw registryError('DENIED');
    return actor;
  }

  /** DENIED where the actor is none. */
  async demandOperator(actorId: string): Promise<ActorNow> {
    const actor = await this.actor(actorId);
    if (!actor.isOperator) throw registryError('DENIED');
    return actor;
  }
}

/** Whether that account, which need not exist, is the actor's to administer. */
export const administers = (actor: ActorNow, accountId: string): boolean =>
  actor.isOperator || (actor.isAdministrator && actor.accountId === accountId);

/** For what does not exist, and for what is not the actor's to see: in the same words. */
export const unknown = (what: 'account' | 'user' | 'token' | 'project') =>
  registryError('NAME_UNKNOWN', undefined, { message: `there is no such ${what}` });

/** What stands in the way of a change. */
export const conflict = (message: string) => registryError('DENIED', undefined, { status: 409, message });
