import { AccountStore, ProjectStore } from '@berth/metadata';
import { Settings } from '@berth/platform';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { hashPassword } from './password-hash.js';

export const ADMIN = 'admin';

/**
 * At first start: the account `admin` with its administrator `admin`, whose password the operator chose. At every start:
 * the region's project for each account that has none.
 */
@Injectable()
export class FirstAccount implements OnModuleInit {
  private readonly logger = new Logger(FirstAccount.name);

  constructor(
    private readonly accounts: AccountStore,
    private readonly projects: ProjectStore,
    private readonly settings: Settings,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.makeFirstAccount();
    await this.projects.ensure(this.settings.region);
  }

  private async makeFirstAccount(): Promise<void> {
    if (await this.accounts.isInitialised()) return;
    const password = this.settings.adminPassword;
    if (password === undefined) {
      throw new Error('BERTH_ADMIN_PASSWORD is not set: the first start needs a password for the user admin');
    }
    const made = await this.accounts.createFirst(ADMIN, { name: ADMIN, passwordHash: await hashPassword(password) });
    if (made) this.logger.log({ msg: 'first account made', account: ADMIN, user: ADMIN });
  }
}
