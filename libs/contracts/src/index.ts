export {
  type BroadcastContract,
  defineBroadcast,
  defineEvent,
  defineRequest,
  type EventContract,
  type MessageClass,
  type RequestContract,
} from './contract.js';
export { AUTHENTICATE, AuthenticateV1 } from './auth/authenticate.v1.js';
export { AUTHORIZE, type AuthorizedV1, AuthorizeV1 } from './auth/authorize.v1.js';
export { FIND_MOUNT_SOURCE, FindMountSourceV1 } from './auth/find-mount-source.v1.js';
export { type AccessKeyV1 } from './auth/access-key.js';
export {
  ACCOUNT_NAME,
  type AccountV1,
  LONGEST_PASSWORD,
  MAX_ORGANISATION_QUOTA,
  MAX_PAGE,
  PASSWORD,
  SHORTEST_PASSWORD,
  USER_NAME,
  type UserV1,
} from './auth/account.js';
export { Actor } from './auth/actor.js';
export { CHANGE_ACCESS_KEY, ChangeAccessKeyV1 } from './auth/change-access-key.v1.js';
export { CHANGE_ACCOUNT, ChangeAccountV1 } from './auth/change-account.v1.js';
export { CHANGE_PASSWORD, ChangePasswordV1 } from './auth/change-password.v1.js';
export { CHANGE_USER, ChangeUserV1 } from './auth/change-user.v1.js';
export { CREATE_ACCOUNT, CreateAccountV1 } from './auth/create-account.v1.js';
export { CREATE_PROJECT, CreateProjectV1, MAX_PROJECTS } from './auth/create-project.v1.js';
export { CREATE_USER, CreateUserV1 } from './auth/create-user.v1.js';
export { LIST_ACCOUNTS, ListAccountsV1 } from './auth/list-accounts.v1.js';
export { LIST_USERS, ListUsersV1 } from './auth/list-users.v1.js';
export { SHOW_ACCOUNT, ShowAccountV1 } from './auth/show-account.v1.js';
export { SHOW_IAM_TOKEN, ShowIamTokenV1 } from './auth/show-iam-token.v1.js';
export { SHOW_USER, ShowUserV1 } from './auth/show-user.v1.js';
export {
  CREATE_ACCESS_KEY,
  CreateAccessKeyV1,
  type CreatedAccessKeyV1,
  MAX_ACCESS_KEYS,
  MAX_DESCRIPTION,
} from './auth/create-access-key.v1.js';
export {
  CREATE_DOCKER_LOGIN,
  type CreatedDockerLoginV1,
  CreateDockerLoginV1,
  LONGEST_DOCKER_LOGIN_SECONDS,
  MAX_TEMPORARY_ACCESS_KEYS,
  SHORTEST_DOCKER_LOGIN_SECONDS,
} from './auth/create-docker-login.v1.js';
export {
  type AccessLevel,
  DECIDE_ACCESS,
  DecideAccessV1,
  type DecidedAccessV1,
  SignedRequest,
} from './auth/decide-access.v1.js';
export { Identity } from './auth/identity.js';
export { ISSUE_IAM_TOKEN, type IssuedIamTokenV1, IssueIamTokenV1, type ProjectV1 } from './auth/issue-iam-token.v1.js';
export { type IssuedTokenV1, ISSUE_TOKEN, IssueTokenV1 } from './auth/issue-token.v1.js';
export {
  type AccessChangesV1,
  type AccessChangeV1,
  LIST_ACCESS_CHANGES,
  ListAccessChangesV1,
  MAX_ACCESS_CHANGES,
} from './auth/list-access-changes.v1.js';
export { LIST_ACCESS_KEYS, ListAccessKeysV1 } from './auth/list-access-keys.v1.js';
export { LIST_PROJECTS, ListProjectsV1 } from './auth/list-projects.v1.js';
export {
  LIST_READABLE_REPOSITORIES,
  ListReadableRepositoriesV1,
  MAX_REPOSITORIES_PER_PAGE,
  type RepositoryPageV1,
} from './auth/list-readable-repositories.v1.js';
export { type Reader } from './auth/reader.js';
export { LIST_SIGNING_KEYS, ListSigningKeysV1, type SigningKeysV1 } from './auth/list-signing-keys.v1.js';
export { MAX_KEYS_COUNTED, REQUESTS_COUNTED, RequestsCountedV1 } from './gateway/requests-counted.v1.js';
export {
  EXPLAIN_DIGEST,
  ExplainDigestV1,
  type ExplainedDamageV1,
  type ExplainedDigestV1,
  type ExplainedPlaceV1,
  type ReasonV1,
} from './gc/explain-digest.v1.js';
export { PLAN_COLLECTION, PlanCollectionV1, type PlannedCollectionV1 } from './gc/plan-collection.v1.js';
export { SET_UNTAGGED_POLICY, SetUntaggedPolicyV1 } from './gc/set-untagged-policy.v1.js';
export { SHOW_UNTAGGED_POLICY, ShowUntaggedPolicyV1 } from './gc/show-untagged-policy.v1.js';
export {
  type EffectiveUntaggedPolicyV1,
  LONGEST_UNTAGGED_SECONDS,
  UntaggedPolicyOwner,
  type UntaggedPolicyV1,
} from './gc/untagged-policy.js';
export { ADD_SHARE, AddShareV1, MAX_SHARES } from './manage/add-share.v1.js';
export {
  CHANGE_ORGANISATION_PERMISSIONS,
  ChangeOrganisationPermissionsV1,
  GrantedPermission,
  MAX_PERMISSIONS_AT_ONCE,
} from './manage/change-organisation-permissions.v1.js';
export {
  CHANGE_REPOSITORY_PERMISSIONS,
  ChangeRepositoryPermissionsV1,
} from './manage/change-repository-permissions.v1.js';
export { CREATE_ORGANISATION, CreateOrganisationV1 } from './manage/create-organisation.v1.js';
export { DELETE_ORGANISATION, DeleteOrganisationV1 } from './manage/delete-organisation.v1.js';
export {
  ENSURE_ORGANISATION,
  EnsureOrganisationV1,
  type EnsuredOrganisationV1,
} from './manage/ensure-organisation.v1.js';
export {
  LIST_ORGANISATION_PERMISSIONS,
  ListOrganisationPermissionsV1,
  MAX_PERMISSIONS,
  type OrganisationPermissionsV1,
  type UserPermissionV1,
} from './manage/list-organisation-permissions.v1.js';
export {
  LIST_ORGANISATIONS,
  ListOrganisationsV1,
  MAX_ORGANISATIONS,
  type OrganisationV1,
} from './manage/list-organisations.v1.js';
export { LIST_QUOTAS, ListQuotasV1, type QuotaV1 } from './manage/list-quotas.v1.js';
export {
  LIST_REPOSITORY_PERMISSIONS,
  ListRepositoryPermissionsV1,
  type RepositoryPermissionsV1,
} from './manage/list-repository-permissions.v1.js';
export { LIST_SHARES, ListSharesV1, MAX_SHARES_PER_PAGE, type ShareV1 } from './manage/list-shares.v1.js';
export { LIST_PUBLIC_REPOSITORIES, ListPublicRepositoriesV1 } from './manage/list-public-repositories.v1.js';
export {
  LIST_SHARED_REPOSITORIES,
  ListSharedRepositoriesV1,
  type SharedRepositoryViewPageV1,
  type SharedRepositoryViewV1,
} from './manage/list-shared-repositories.v1.js';
export {
  LIST_REPOSITORIES,
  ListRepositoriesV1,
  MAX_TAGS_SHOWN,
  MAX_VIEWS_PER_PAGE,
  type RepositoryViewPageV1,
} from './manage/list-repositories.v1.js';
export {
  LIST_REPOSITORY_TAGS,
  ListRepositoryTagsV1,
  type TagViewPageV1,
  type TagViewV1,
} from './manage/list-repository-tags.v1.js';
export {
  REMOVE_ORGANISATION_PERMISSIONS,
  RemoveOrganisationPermissionsV1,
} from './manage/remove-organisation-permissions.v1.js';
export type { RepositoryViewV1 } from './manage/repository-view.js';
export {
  AUDIT_MARKER,
  type AuditPageV1,
  type AuditRecordV1,
  LIST_AUDIT_RECORDS,
  ListAuditRecordsV1,
  LONGEST_AUDIT_FILTER,
  MAX_AUDIT_RECORDS_PER_PAGE,
} from './manage/list-audit-records.v1.js';
export { type OverviewV1, SHOW_OVERVIEW, ShowOverviewV1 } from './manage/show-overview.v1.js';
export { SHOW_REPOSITORY, ShowRepositoryV1 } from './manage/show-repository.v1.js';
export { SHOW_TAG, ShowTagV1 } from './manage/show-tag.v1.js';
export {
  REMOVE_REPOSITORY_PERMISSIONS,
  RemoveRepositoryPermissionsV1,
} from './manage/remove-repository-permissions.v1.js';
export { REMOVE_SHARE, RemoveShareV1 } from './manage/remove-share.v1.js';
export { LONGEST_ACCOUNT, MAX_SHARE_DESCRIPTION, ShareTermsV1 } from './manage/share-terms.js';
export { UPDATE_SHARE, UpdateShareV1 } from './manage/update-share.v1.js';
export { COMMIT_UPLOAD, type CommittedUploadV1, CommitUploadV1 } from './registry/commit-upload.v1.js';
export { COUNT_PULLS, CountPullsV1, MAX_PULL_COUNTS, PullCount } from './registry/count-pulls.v1.js';
export { CREATE_REPOSITORY, CreateRepositoryV1, MAX_REPOSITORY_DESCRIPTION } from './registry/create-repository.v1.js';
export { DELETE_BLOB, DeleteBlobV1 } from './registry/delete-blob.v1.js';
export { DELETE_MANIFEST, DeleteManifestV1 } from './registry/delete-manifest.v1.js';
export { DELETE_REPOSITORY, DeleteRepositoryV1 } from './registry/delete-repository.v1.js';
export { FIND_BLOB, FindBlobV1, type FoundBlobV1 } from './registry/find-blob.v1.js';
export { GARBAGE_QUEUED, GarbageQueuedV1 } from './registry/garbage-queued.v1.js';
export { type FoundManifestV1, GET_MANIFEST, GetManifestV1 } from './registry/get-manifest.v1.js';
export {
  LIST_REFERRERS,
  ListReferrersV1,
  MAX_REFERRERS_PER_PAGE,
  type ReferrerPageV1,
  type ReferrerV1,
} from './registry/list-referrers.v1.js';
export { LIST_TAGS, ListTagsV1, MAX_TAGS_PER_PAGE, type TagPageV1 } from './registry/list-tags.v1.js';
export { MANIFEST_DELETED, ManifestDeletedV1 } from './registry/manifest-deleted.v1.js';
export { MANIFEST_PUSHED, ManifestPushedV1 } from './registry/manifest-pushed.v1.js';
export type { Precondition } from './registry/precondition.js';
export { MAX_TAGS_PER_PUSH, PUT_MANIFEST, PutManifestV1, type StoredManifestV1 } from './registry/put-manifest.v1.js';
export { RETAG, RetagV1 } from './registry/retag.v1.js';
export { START_UPLOAD, type StartedUploadV1, StartUploadV1 } from './registry/start-upload.v1.js';
export { TAG_DELETED, TagDeletedV1 } from './registry/tag-deleted.v1.js';
export { UPDATE_REPOSITORY, UpdateRepositoryV1 } from './registry/update-repository.v1.js';
export { CONFIRM_RECONCILIATION, ConfirmReconciliationV1 } from './gc/confirm-reconciliation.v1.js';
export {
  RECONCILIATION_PHASES,
  type ReconciliationTaskV1,
  type ReconciliationV1,
  SHOW_RECONCILIATION,
  ShowReconciliationV1,
} from './gc/show-reconciliation.v1.js';
export { ABORT_OBJECTS, type AbortedObjectsV1, AbortObjectsV1 } from './storage/abort-objects.v1.js';
export { CANCEL_UPLOAD, CancelUploadV1 } from './storage/cancel-upload.v1.js';
export { COMPLETE_UPLOAD, CompleteUploadV1 } from './storage/complete-upload.v1.js';
export { CompletedObject } from './storage/completed-object.js';
export { CREATE_UPLOAD, CreateUploadV1 } from './storage/create-upload.v1.js';
export { DELETE_OBJECTS, type DeletedObjectsV1, DeleteObjectsV1 } from './storage/delete-objects.v1.js';
export { FIND_UPLOAD, FindUploadV1 } from './storage/find-upload.v1.js';
export { type AppendedV1, type AppendGrantV1, GRANT_APPEND, GrantAppendV1 } from './storage/grant-append.v1.js';
export { GRANT_READ, GrantReadV1, type ReadGrantV1 } from './storage/grant-read.v1.js';
export { HASH_OBJECT, type HashedObjectV1, HashObjectV1, MOST_HASHED_BYTES } from './storage/hash-object.v1.js';
export { LIST_OBJECTS, type ListedObjectsV1, ListObjectsV1 } from './storage/list-objects.v1.js';
export { PRESIGN_READ, type PresignedReadV1, PresignReadV1 } from './storage/presign-read.v1.js';
export { LONGEST_OBJECT_KEY, type ObjectSizesV1, STAT_OBJECTS, StatObjectsV1 } from './storage/stat-objects.v1.js';
