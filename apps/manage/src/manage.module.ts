import { Database, OrganisationStore } from '@berth/metadata';
import { Module } from '@nestjs/common';
import { EnsureOrganisation } from './organisation/ensure-organisation.js';
import { OrganisationController } from './organisation/organisation.controller.js';

@Module({
  controllers: [OrganisationController],
  providers: [
    {
      provide: OrganisationStore,
      useFactory: (database: Database) => new OrganisationStore(database),
      inject: [Database],
    },
    EnsureOrganisation,
  ],
})
export class ManageModule {}
