import { HealthController } from '@berth/platform';
import { type DynamicModule, Inject, Module, type OnApplicationShutdown, type Provider } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { AccessChanges } from './auth/access-changes.js';
import { ActorAuthenticator } from './auth/actor-authenticator.js';
import { Authorizer } from './auth/authorizer.js';
import { BasicVerifier } from './auth/basic-verifier.js';
import { CurrentAccess } from './auth/current-access.js';
import { TokenController } from './auth/token.controller.js';
import { TokenVerifier } from './auth/token-verifier.js';
import { ClientAddress } from './http/client-address.js';
import { EnvelopeFilter } from './http/envelope.filter.js';
import { PublicUrl } from './http/public-url.js';
import { RequestLog } from './http/request-log.js';
import { CredentialController } from './iam/credential.controller.js';
import { DomainController } from './iam/domain.controller.js';
import { IamController } from './iam/iam.controller.js';
import { IamRequests } from './iam/iam-requests.js';
import { RegionController } from './iam/region.controller.js';
import { UserController } from './iam/user.controller.js';
import { RateLimits } from './limit/rate-limits.js';
import { ManagementController } from './management/management.controller.js';
import { AcceleratorRoutes } from './management/accelerator.routes.js';
import { AuditRoutes } from './management/audit.routes.js';
import { DockyardController } from './management/dockyard.controller.js';
import { DockerLoginRoutes } from './management/docker-login.routes.js';
import { ManagementRoutes } from './management/management-routes.js';
import { OfficialImageRoutes } from './management/official-image.routes.js';
import { GarbageRoutes } from './management/garbage.routes.js';
import { OrganisationAccessRoutes } from './management/organisation-access.routes.js';
import { OrganisationRoutes } from './management/organisation.routes.js';
import { ReconciliationRoutes } from './management/reconciliation.routes.js';
import { RepositoryListRoutes } from './management/repository-list.routes.js';
import { TagListRoutes } from './management/tag-list.routes.js';
import { RepositoryTagRoutes } from './management/repository-tag.routes.js';
import { RepositoryRoutes } from './management/repository.routes.js';
import { QuotaRoutes } from './management/quota.routes.js';
import { RepositoryAccessRoutes } from './management/repository-access.routes.js';
import { ShareRoutes } from './management/share.routes.js';
import { UntaggedPolicyRoutes } from './management/untagged-policy.routes.js';
import { VersionController } from './management/version.controller.js';
import { OpenApiController } from './openapi/openapi.controller.js';
import { BlobRoutes } from './registry/blob.routes.js';
import { CatalogRoutes } from './registry/catalog.routes.js';
import { ManifestCache } from './registry/manifest-cache.js';
import { ManifestRoutes } from './registry/manifest.routes.js';
import { PullCounts } from './registry/pull-counts.js';
import { ReferrerRoutes } from './registry/referrer.routes.js';
import { RegistryController } from './registry/registry.controller.js';
import { RegistryRoutes } from './registry/registry-routes.js';
import { Schema1Images } from './registry/schema1-images.js';
import { TagRoutes } from './registry/tag.routes.js';
import { UploadRoutes } from './registry/upload.routes.js';
import { BlobRedirects } from './transfer/blob-redirects.js';
import { ClientTransfers } from './transfer/client-transfers.js';
import { BlobTransport } from './transfer/blob-transport.js';
import { HttpBlobTransport } from './transfer/http-blob-transport.js';
import { ObjectReader } from './transfer/object-reader.js';

@Module({
  controllers: [
    CredentialController,
    DockyardController,
    DomainController,
    HealthController,
    IamController,
    ManagementController,
    OpenApiController,
    RegionController,
    RegistryController,
    TokenController,
    UserController,
    VersionController,
  ],
  providers: [
    { provide: APP_FILTER, useClass: EnvelopeFilter },
    AccessChanges,
    AcceleratorRoutes,
    AuditRoutes,
    ReconciliationRoutes,
    ActorAuthenticator,
    Authorizer,
    BasicVerifier,
    BlobRedirects,
    BlobRoutes,
    CatalogRoutes,
    ClientAddress,
    ClientTransfers,
    CurrentAccess,
    DockerLoginRoutes,
    IamRequests,
    ManagementRoutes,
    ManifestCache,
    ManifestRoutes,
    ObjectReader,
    OfficialImageRoutes,
    OrganisationAccessRoutes,
    OrganisationRoutes,
    PublicUrl,
    PullCounts,
    QuotaRoutes,
    RateLimits,
    ReferrerRoutes,
    RegistryRoutes,
    RepositoryAccessRoutes,
    RepositoryListRoutes,
    RepositoryRoutes,
    RepositoryTagRoutes,
    RequestLog,
    Schema1Images,
    ShareRoutes,
    UntaggedPolicyRoutes,
    GarbageRoutes,
    TagListRoutes,
    TagRoutes,
    TokenVerifier,
    UploadRoutes,
  ],
})
export class GatewayModule implements OnApplicationShutdown {
  constructor(@Inject(BlobTransport) private readonly transport: BlobTransport) {}

  /** The gateway on the data plane's HTTP, or on another transport. */
  static with(
    transport: Provider<BlobTransport> = { provide: BlobTransport, useFactory: () => new HttpBlobTransport() },
  ): DynamicModule {
    return { module: GatewayModule, providers: [transport] };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.transport.close();
  }
}
