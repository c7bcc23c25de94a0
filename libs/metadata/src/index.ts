export { AccessChangeStore, type AccessChangeList, type AccessChangeRow } from './access-change.store.js';
export { AccessFactsStore, type AccessFacts } from './access-facts.store.js';
export { AccessKeyStore, type AccessKeyRow, type NewAccessKey, type UsableAccessKey } from './access-key.store.js';
export { AccountStore, type StoredUser, type UserOfAccount } from './account.store.js';
export {
  AccountAdministrationStore,
  type AccountChange,
  type AccountRow,
  type ChangeAccountOutcome,
  type ChangeUserOutcome,
  type NamePage,
  type NewUser,
  type UserChange,
  type UserRow,
} from './account-administration.store.js';
export { type AuditPage, type AuditQuery, type AuditRecord, AuditStore } from './audit.store.js';
export { type ChangeOrigin, Database, type DatabaseOptions, isOfOneStatement } from './database.js';
export { type LoginFailures, LoginFailureStore, type LoginHistory, type LoginTry } from './login-failure.store.js';
export {
  type CollectedEvent,
  type DueLink,
  type DueManifest,
  GarbageStore,
  type GarbageTiming,
  type LinkVerdict,
  type ManifestVerdict,
  type Queue,
  type QueueBacklog,
} from './garbage.store.js';
export {
  ManifestStore,
  type DeleteManifestOutcome,
  type MissingReferences,
  type NewManifest,
  type PutManifestOutcome,
  type StoredManifest,
  type TagCondition,
  type WrongSizes,
} from './manifest.store.js';
export { deployMigrations, schemaDrift } from './migrate.js';
export {
  OrganisationStore,
  type CreateOrganisationOutcome,
  type EnsureOutcome,
  type OrganisationRow,
  type Viewer,
  type VisibleOrganisation,
} from './organisation.store.js';
export { OutboxStore, type OutboxEvent } from './outbox.store.js';
export { type Overview, OverviewStore } from './overview.store.js';
export {
  OrganisationPermissionStore,
  type Permission,
  RepositoryPermissionStore,
  type UserPermission,
} from './permission.store.js';
export {
  type AddShareOutcome,
  type RepositoryShare,
  RepositoryShareStore,
  type ShareTerms,
} from './repository-share.store.js';
export { QuotaStore, type QuotaUse } from './quota.store.js';
export { ReferrerStore, type Referrer, type ReferrerPage, type ReferrerQuery } from './referrer.store.js';
export { ProjectStore, type CreateProjectOutcome, type ProjectRow } from './project.store.js';
export {
  RepositoryBlobStore,
  type BlobTiming,
  type CommitOutcome,
  type CompletedUpload,
  type LinkedBlob,
} from './repository-blob.store.js';
export { ReadableRepositoryStore, type ReadingUser } from './readable-repository.store.js';
export { type PublicRepositoryListQuery, PublicRepositoryListStore } from './public-repository-list.store.js';
export { type RepositoryPage, type RepositoryRow } from './repository-details.js';
export { RepositoryListStore, type RepositoryListQuery, type RepositoryOrder } from './repository-list.store.js';
export {
  type SharedRepositoryListQuery,
  SharedRepositoryListStore,
  type SharedRepositoryOrder,
  type SharedRepositoryPage,
  type SharedRepositoryRow,
} from './shared-repository-list.store.js';
export {
  type BlobObject,
  type Damage,
  type DamagedBlob,
  type ListedObject,
  type ObjectRange,
  type QuarantinedBlob,
  ReconciliationLost,
  type ReconciliationPhase,
  type ReconciliationProgress,
  type ReconciliationQuestion,
  type ReconciliationState,
  type ReconciliationStep,
  ReconciliationStore,
  type ReconciliationTask,
  type Suspect,
} from './reconciliation.store.js';
export {
  type ManifestEvent,
  type RemoveRepositoryOutcome,
  type RepositoryRemovalOptions,
  RepositoryRemovalStore,
} from './repository-removal.store.js';
export {
  type CreateRepositoryOutcome,
  type NewRepository,
  type RepositoryAttributes,
  type RepositoryOwner,
  RepositoryStore,
} from './repository.store.js';
export { SigningKeyStore, type StoredSigningKey } from './signing-key.store.js';
export { TagListStore, type TagListQuery, type TagOrder, type TagPage, type TagRow } from './tag-list.store.js';
export { type DeleteTagOutcome, type NamedManifest, type Retag, type RetagOutcome, TagStore } from './tag.store.js';
export {
  UploadSessionStore,
  type UploadProgress,
  type UploadSessionKey,
  type UploadSessionRow,
} from './upload-session.store.js';
export {
  type EffectivePolicy,
  type PolicyOwner,
  type UntaggedPolicy,
  UntaggedPolicyStore,
} from './untagged-policy.store.js';
export {
  type ExplainedBlob,
  type ExplainedLink,
  type ExplainedManifest,
  GarbageExplanationStore,
  type GarbagePlan,
  type QueuedObject,
  type Some,
} from './garbage-explanation.store.js';
