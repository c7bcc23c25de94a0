import type { AccessLevel } from '@berth/contracts';
import { Injectable } from '@nestjs/common';
import { AcceleratorRoutes } from './accelerator.routes.js';
import { AuditRoutes } from './audit.routes.js';
import { DockerLoginRoutes } from './docker-login.routes.js';
import { OfficialImageRoutes } from './official-image.routes.js';
import { GarbageRoutes } from './garbage.routes.js';
import { OrganisationAccessRoutes } from './organisation-access.routes.js';
import { OrganisationRoutes } from './organisation.routes.js';
import { ReconciliationRoutes } from './reconciliation.routes.js';
import { RepositoryListRoutes } from './repository-list.routes.js';
import { TagListRoutes } from './tag-list.routes.js';
import { RepositoryTagRoutes } from './repository-tag.routes.js';
import { RepositoryRoutes } from './repository.routes.js';
import { QuotaRoutes } from './quota.routes.js';
import { RepositoryAccessRoutes } from './repository-access.routes.js';
import { ShareRoutes } from './share.routes.js';
import { UntaggedPolicyRoutes } from './untagged-policy.routes.js';
import type { ManagementPath } from './management-path.js';
import type { ManagementRequest } from './management-request.js';

/** What an endpoint needs: to be somebody, or to operate the installation, or a right on what its path names. */
export type Needs =
  'user' | 'operator' | { organisation: Exclude<AccessLevel, 0> } | { repository: Exclude<AccessLevel, 0> };

/** One endpoint: what the SDKs call it, the right that it needs, and what it does. */
export interface ManagementRoute<Path extends ManagementPath = ManagementPath> {
  id: string;
  needs: Needs;
  handle(request: ManagementRequest, path: Path): Promise<void>;
}

/** The methods that each path has. */
export interface ManagementMethods {
  organisations: 'GET' | 'POST';
  organisation: 'GET' | 'DELETE';
  organisationAccess: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  overview: 'GET';
  repositories: 'GET';
  sharedRepositories: 'GET';
  organisationRepositories: 'POST';
  repository: 'GET' | 'PATCH' | 'DELETE';
  tags: 'GET' | 'POST';
  tag: 'GET' | 'DELETE';
  repositoryAccess: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  shares: 'GET' | 'POST';
  share: 'GET' | 'PATCH' | 'DELETE';
  organisationUntaggedPolicy: 'GET' | 'PUT' | 'DELETE';
  repositoryUntaggedPolicy: 'GET' | 'PUT' | 'DELETE';
  explanation: 'GET';
  repositoryExplanation: 'GET';
  collectionPlan: 'GET';
  quotas: 'GET';
  dockerLogin: 'POST';
  accelerator: 'GET';
  officialImages: 'GET';
  officialImage: 'GET';
  officialImageTags: 'GET';
  audit: 'GET';
  organisationAudit: 'GET';
  reconciliation: 'GET';
  reconciliationConfirmation: 'POST';
}

type PathOf<Kind extends ManagementPath['kind']> = Extract<ManagementPath, { kind: Kind }>;
type Table = {
  [Kind in keyof ManagementMethods]: Record<ManagementMethods[Kind], ManagementRoute<PathOf<Kind>>>;
};

const READ = { organisation: 1 } as const;
const MANAGE = { organisation: 7 } as const;
const READ_REPOSITORY = { repository: 1 } as const;
const EDIT = { organisation: 3 } as const;
const EDIT_REPOSITORY = { repository: 3 } as const;
const MANAGE_REPOSITORY = { repository: 7 } as const;

/** Every endpoint of the management API, by path and method. */
@Injectable()
export class ManagementRoutes {
  private readonly table: Map<string, Map<string, ManagementRoute>>;

  constructor(
    organisations: OrganisationRoutes,
    access: OrganisationAccessRoutes,
    repositoryLists: RepositoryListRoutes,
    tagLists: TagListRoutes,
    repositories: RepositoryRoutes,
    tags: RepositoryTagRoutes,
    repositoryAccess: RepositoryAccessRoutes,
    shares: ShareRoutes,
    quotas: QuotaRoutes,
    dockerLogins: DockerLoginRoutes,
    accelerators: AcceleratorRoutes,
    officialImages: OfficialImageRoutes,
    reconciliation: ReconciliationRoutes,
    untagged: UntaggedPolicyRoutes,
    garbage: GarbageRoutes,
    audit: AuditRoutes,
  ) {
    const table: Table = {
      organisations: {
        GET: { id: 'listNamespaces', needs: 'user', handle: (request) => organisations.list(request) },
        POST: { id: 'createNamespace', needs: 'user', handle: (request) => organisations.create(request) },
      },
      organisation: {
        GET: { id: 'showNamespace', needs: READ, handle: (request, path) => organisations.show(request, path) },
        DELETE: {
          id: 'deleteNamespaces',
          needs: MANAGE,
          handle: (request, path) => organisations.delete(request, path),
        },
      },
      organisationAccess: {
        GET: { id: 'showNamespaceAuth', needs: READ, handle: (request, path) => access.list(request, path) },
        POST: { id: 'createNamespaceAuth', needs: MANAGE, handle: (request, path) => access.add(request, path) },
        PATCH: { id: 'updateNamespaceAuth', needs: MANAGE, handle: (request, path) => access.update(request, path) },
        DELETE: { id: 'deleteNamespaceAuth', needs: MANAGE, handle: (request, path) => access.remove(request, path) },
      },
      overview: {
        GET: { id: 'showDomainOverview', needs: 'user', handle: (request) => repositoryLists.overview(request) },
      },
      repositories: {
        GET: { id: 'listReposDetails', needs: 'user', handle: (request) => repositoryLists.list(request) },
      },
      organisationRepositories: {
        POST: { id: 'createRepo', needs: EDIT, handle: (request, path) => repositories.create(request, path) },
      },
      repository: {
        GET: {
          id: 'showRepository',
          needs: READ_REPOSITORY,
          handle: (request, path) => repositoryLists.show(request, path),
        },
        PATCH: {
          id: 'updateRepo',
          needs: EDIT_REPOSITORY,
          handle: (request, path) => repositories.update(request, path),
        },
        DELETE: {
          id: 'deleteRepo',
          needs: MANAGE_REPOSITORY,
          handle: (request, path) => repositories.delete(request, path),
        },
      },
      tags: {
        GET: {
          id: 'listRepositoryTags',
          needs: READ_REPOSITORY,
          handle: (request, path) => tagLists.list(request, path),
        },
        POST: { id: 'createRepoTag', needs: EDIT_REPOSITORY, handle: (request, path) => tags.retag(request, path) },
      },
      tag: {
        GET: {
          id: 'showRepositoryTag',
          needs: READ_REPOSITORY,
          handle: (request, path) => tagLists.show(request, path),
        },
        DELETE: {
          id: 'deleteRepoTag',
          needs: MANAGE_REPOSITORY,
          handle: (request, path) => tags.delete(request, path),
        },
      },
      repositoryAccess: {
        GET: {
          id: 'showUserRepositoryAuth',
          needs: READ_REPOSITORY,
          handle: (request, path) => repositoryAccess.list(request, path),
        },
        POST: {
          id: 'createUserRepositoryAuth',
          needs: MANAGE_REPOSITORY,
          handle: (request, path) => repositoryAccess.add(request, path),
        },
        PATCH: {
          id: 'updateUserRepositoryAuth',
          needs: MANAGE_REPOSITORY,
          handle: (request, path) => repositoryAccess.update(request, path),
        },
        DELETE: {
          id: 'deleteUserRepositoryAuth',
          needs: MANAGE_REPOSITORY,
          handle: (request, path) => repositoryAccess.remove(request, path),
        },
      },
      shares: {
        GET: { id: 'listRepoDomains', needs: MANAGE_REPOSITORY, handle: (request, path) => shares.list(request, path) },
        POST: {
          id: 'createRepoDomains',
          needs: MANAGE_REPOSITORY,
          handle: (request, path) => shares.create(request, path),
        },
      },
      share: {
        GET: {
          id: 'showAccessDomain',
          needs: MANAGE_REPOSITORY,
          handle: (request, path) => shares.show(request, path),
        },
        PATCH: {
          id: 'updateRepoDomains',
          needs: MANAGE_REPOSITORY,
          handle: (request, path) => shares.update(request, path),
        },
        DELETE: {
          id: 'deleteRepoDomains',
          needs: MANAGE_REPOSITORY,
          handle: (request, path) => shares.remove(request, path),
        },
      },
      organisationUntaggedPolicy: {
        GET: {
          id: 'showNamespaceUntaggedPolicy',
          needs: READ,
          handle: (request, path) => untagged.show(request, path),
        },
        PUT: {
          id: 'setNamespaceUntaggedPolicy',
          needs: MANAGE,
          handle: (request, path) => untagged.set(request, path),
        },
        DELETE: {
          id: 'deleteNamespaceUntaggedPolicy',
          needs: MANAGE,
          handle: (request, path) => untagged.inherit(request, path),
        },
      },
      repositoryUntaggedPolicy: {
        GET: {
          id: 'showRepositoryUntaggedPolicy',
          needs: READ_REPOSITORY,
          handle: (request, path) => untagged.show(request, path),
        },
        PUT: {
          id: 'setRepositoryUntaggedPolicy',
          needs: MANAGE_REPOSITORY,
          handle: (request, path) => untagged.set(request, path),
        },
        DELETE: {
          id: 'deleteRepositoryUntaggedPolicy',
          needs: MANAGE_REPOSITORY,
          handle: (request, path) => untagged.inherit(request, path),
        },
      },
      explanation: {
        GET: { id: 'explainDigest', needs: 'operator', handle: (request) => garbage.explain(request) },
      },
      repositoryExplanation: {
        GET: {
          id: 'explainRepositoryDigest',
          needs: READ_REPOSITORY,
          handle: (request, path) => garbage.explain(request, path),
        },
      },
      collectionPlan: {
        GET: { id: 'planCollection', needs: 'operator', handle: (request) => garbage.plan(request) },
      },
      quotas: {
        GET: { id: 'listQuotas', needs: 'user', handle: (request, path) => quotas.list(request, path) },
      },
      dockerLogin: {
        POST: { id: 'createSecret', needs: 'user', handle: (request) => dockerLogins.create(request) },
      },
      accelerator: {
        GET: { id: 'showAccelerator', needs: 'user', handle: (request, path) => accelerators.show(request, path) },
      },
      sharedRepositories: {
        GET: { id: 'listSharedReposDetails', needs: 'user', handle: (request) => repositoryLists.listShared(request) },
      },
      officialImages: {
        GET: { id: 'listOfficialImages', needs: 'user', handle: (request) => officialImages.list(request) },
      },
      officialImage: {
        GET: { id: 'showOfficialImage', needs: 'user', handle: (request, path) => officialImages.show(request, path) },
      },
      officialImageTags: {
        GET: {
          id: 'listOfficialImageTags',
          needs: 'user',
          handle: (request, path) => officialImages.tags(request, path),
        },
      },
      audit: {
        GET: { id: 'listAuditRecords', needs: 'operator', handle: (request) => audit.ofAll(request) },
      },
      organisationAudit: {
        GET: {
          id: 'listOrganisationAuditRecords',
          needs: MANAGE,
          handle: (request, path) => audit.ofOrganisation(request, path),
        },
      },
      reconciliation: {
        GET: { id: 'showReconciliation', needs: 'operator', handle: (request) => reconciliation.show(request) },
      },
      reconciliationConfirmation: {
        POST: { id: 'confirmReconciliation', needs: 'operator', handle: (request) => reconciliation.confirm(request) },
      },
    };
    this.table = new Map(
      Object.entries(table).map(([kind, routes]) => [
        kind,
        new Map(Object.entries(routes as Record<string, ManagementRoute>)),
      ]),
    );
  }

  /** The methods of a path, each with its route; none where nothing is served there. */
  of(kind: ManagementPath['kind']): Map<string, ManagementRoute> {
    return this.table.get(kind) ?? new Map<string, ManagementRoute>();
  }
}
