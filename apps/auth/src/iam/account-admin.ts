import type {
  AccountV1,
  ChangeAccountV1,
  CreateAccountV1,
  CreateProjectV1,
  ListAccountsV1,
  ProjectV1,
  ShowAccountV1,
} from '@berth/contracts';
import { MAX_PROJECTS } from '@berth/contracts';
import { AccountAdministrationStore, type AccountRow, ProjectStore } from '@berth/metadata';
import { Settings } from '@berth/platform';
import { Injectable } from '@nestjs/common';
import { administers, Authority, conflict, unknown } from './authority.js';

/** Accounts as operators administer them, and their projects. */
@Injectable()
export class AccountAdmin {
  constructor(
    private readonly authority: Authority,
    private readonly store: AccountAdministrationStore,
    private readonly projects: ProjectStore,
    private readonly settings: Settings,
  ) {}

  async create({ actorId, name, description, isEnabled }: CreateAccountV1): Promise<AccountV1> {
    await this.authority.demandOperator(actorId);
    const { organisationQuota, region } = this.settings;
    const account = { name, description, organisationQuota, disabled: !isEnabled };
    const made = await this.store.createAccount(account, region);
    if (!made) throw conflict('there is an account of this name');
    return shown(made);
  }

  async show({ actorId, accountId }: ShowAccountV1): Promise<AccountV1> {
    await this.authority.demandOperator(actorId);
    const found = await this.store.showAccount(accountId);
    if (!found) throw unknown('account');
    return shown(found);
  }

  async list({ actorId, limit, ...page }: ListAccountsV1): Promise<{ accounts: AccountV1[]; more: boolean }> {
    await this.authority.demandOperator(actorId);
    const found = await this.store.listAccounts({ ...page, limit: limit + 1 });
    return { accounts: found.slice(0, limit).map(shown), more: found.length > limit };
  }

  async change({ actorId, accountId, isEnabled, ...change }: ChangeAccountV1): Promise<AccountV1> {
    await this.authority.demandOperator(actorId);
    const disabled = isEnabled === undefined ? {} : { disabled: !isEnabled };
    const outcome = await this.store.changeAccount(accountId, { ...change, ...disabled });
    if (outcome === 'unknown') throw unknown('account');
    if (outcome === 'first-account') throw conflict('the first account cannot be disabled: it has the operators');
    return shown(outcome);
  }

  async createProject(request: CreateProjectV1): Promise<{ accountId: string; project: ProjectV1 }> {
    const actor = await this.authority.demandAdministrator(request.actorId);
    const { accountId = actor.accountId, name } = request;
    if (!administers(actor, accountId)) throw unknown('account');
    const outcome = await this.projects.create(accountId, name, MAX_PROJECTS);
    if (outcome === 'account-unknown') throw unknown('account');
    if (outcome === 'exists') throw conflict('the account has a project of this name');
    if (outcome === 'limit-reached') throw conflict(`an account may have ${MAX_PROJECTS} projects`);
    return { accountId, project: { id: outcome.id, name: outcome.name } };
  }
}

const shown = ({ id, name, description, organisationQuota, disabledAt }: AccountRow): AccountV1 => ({
  id,
  name,
  description,
  isEnabled: disabledAt === null,
  organisationQuota,
});
