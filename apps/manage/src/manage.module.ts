import { Database, OrganisationPermissionStore, OrganisationStore } from '@berth/metadata';
import { Module } from '@nestjs/common';
import { EnsureOrganisation } from './organisation/ensure-organisation.js';
import { OrganisationController } from './organisation/organisation.controller.js';
import { OrganisationPermissionController } from './organisation/organisation-permission.controller.js';
import { OrganisationPermissions } from './organisation/organisation-permissions.js';
import { Organisations } from './organisation/organisations.js';

const STORES = [OrganisationPermissionStore, OrganisationStore].map((store) => ({
  provide: store,
  useFactory: (database: Database) => new store(database),
  inject: [Database],
}));

@Module({
  controllers: [OrganisationController, OrganisationPermissionController],
  providers: [...STORES, EnsureOrganisation, OrganisationPermissions, Organisations],
})
export class ManageModule {}
