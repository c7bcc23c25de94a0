import {
  Database,
  OrganisationPermissionStore,
  OrganisationStore,
  OverviewStore,
  RepositoryListStore,
  TagListStore,
} from '@berth/metadata';
import { Module } from '@nestjs/common';
import { EnsureOrganisation } from './organisation/ensure-organisation.js';
import { OrganisationController } from './organisation/organisation.controller.js';
import { OrganisationPermissionController } from './organisation/organisation-permission.controller.js';
import { OrganisationPermissions } from './organisation/organisation-permissions.js';
import { Organisations } from './organisation/organisations.js';
import { OverviewController } from './overview/overview.controller.js';
import { RepositoryController } from './repository/repository.controller.js';
import { TagController } from './tag/tag.controller.js';

const STORES = [OrganisationPermissionStore, OrganisationStore, OverviewStore, RepositoryListStore, TagListStore].map(
  (store) => ({
    provide: store,
    useFactory: (database: Database) => new store(database),
    inject: [Database],
  }),
);

@Module({
  controllers: [
    OrganisationController,
    OrganisationPermissionController,
    OverviewController,
    RepositoryController,
    TagController,
  ],
  providers: [...STORES, EnsureOrganisation, OrganisationPermissions, Organisations],
})
export class ManageModule {}
