import {
  AuditStore,
  Database,
  OrganisationPermissionStore,
  OrganisationStore,
  OverviewStore,
  PublicRepositoryListStore,
  QuotaStore,
  RepositoryListStore,
  RepositoryPermissionStore,
  RepositoryShareStore,
  RepositoryStore,
  SharedRepositoryListStore,
  TagListStore,
} from '@berth/metadata';
import { Settings } from '@berth/platform';
import { Module } from '@nestjs/common';
import { AuditController } from './audit/audit.controller.js';
import { AuditRetention } from './audit/audit-retention.js';
import { EnsureOrganisation } from './organisation/ensure-organisation.js';
import { OrganisationController } from './organisation/organisation.controller.js';
import { OrganisationPermissionController } from './organisation/organisation-permission.controller.js';
import { OrganisationPermissions } from './organisation/organisation-permissions.js';
import { Organisations } from './organisation/organisations.js';
import { OverviewController } from './overview/overview.controller.js';
import { QuotaController } from './quota/quota.controller.js';
import { Quotas } from './quota/quotas.js';
import { RepositoryController } from './repository/repository.controller.js';
import { RepositoryPermissionController } from './repository/repository-permission.controller.js';
import { RepositoryPermissions } from './repository/repository-permissions.js';
import { ShareController } from './repository/share.controller.js';
import { Shares } from './repository/shares.js';
import { TagController } from './tag/tag.controller.js';

const STORES = [
  AuditStore,
  OrganisationPermissionStore,
  OrganisationStore,
  OverviewStore,
  PublicRepositoryListStore,
  QuotaStore,
  RepositoryListStore,
  RepositoryPermissionStore,
  RepositoryShareStore,
  SharedRepositoryListStore,
  TagListStore,
].map((store) => ({
  provide: store,
  useFactory: (database: Database) => new store(database),
  inject: [Database],
}));

const REPOSITORY_STORE = {
  provide: RepositoryStore,
  useFactory: (database: Database, { repositoryQuota }: Settings) => new RepositoryStore(database, repositoryQuota),
  inject: [Database, Settings],
};

@Module({
  controllers: [
    AuditController,
    OrganisationController,
    OrganisationPermissionController,
    OverviewController,
    QuotaController,
    RepositoryController,
    RepositoryPermissionController,
    ShareController,
    TagController,
  ],
  providers: [
    ...STORES,
    REPOSITORY_STORE,
    AuditRetention,
    EnsureOrganisation,
    OrganisationPermissions,
    Organisations,
    Quotas,
    RepositoryPermissions,
    Shares,
  ],
})
export class ManageModule {}
