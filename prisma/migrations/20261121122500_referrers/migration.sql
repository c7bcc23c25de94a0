-- Referrers are read page by page in digest order, all of a subject or those of one artifact type. Partial, which Prisma's
-- schema language does not know: most manifests have no subject.

-- CreateIndex
CREATE INDEX "manifest_repository_id_subject_digest_digest_idx" ON "registry"."manifest"("repository_id", "subject_digest", "digest") WHERE "subject_digest" IS NOT NULL;

-- CreateIndex
CREATE INDEX "manifest_repository_id_subject_digest_artifact_type_digest_idx" ON "registry"."manifest"("repository_id", "subject_digest", "artifact_type", "digest") WHERE "subject_digest" IS NOT NULL;

-- DropIndex
DROP INDEX "registry"."manifest_repository_id_subject_digest_idx";
