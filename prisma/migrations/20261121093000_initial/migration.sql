-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "auth";

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "manage";

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "registry";

-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "storage";

-- CreateTable
CREATE TABLE "auth"."account" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "organisation_quota" INTEGER,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "account_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."user" (
    "id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "password_hash" TEXT NOT NULL,
    "is_administrator" BOOLEAN NOT NULL DEFAULT false,
    "disabled_at" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "user_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."signing_key" (
    "id" TEXT NOT NULL,
    "algorithm" TEXT NOT NULL,
    "public_jwk" JSONB NOT NULL,
    "private_jwk_encrypted" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "retired_at" TIMESTAMPTZ(6),

    CONSTRAINT "signing_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "manage"."organisation" (
    "id" BIGSERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "account_id" UUID NOT NULL,
    "creator_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "organisation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "manage"."organisation_permission" (
    "organisation_id" BIGINT NOT NULL,
    "user_id" UUID NOT NULL,
    "auth" SMALLINT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "organisation_permission_pkey" PRIMARY KEY ("organisation_id","user_id")
);

-- CreateTable
CREATE TABLE "manage"."repository_permission" (
    "repository_id" BIGINT NOT NULL,
    "user_id" UUID NOT NULL,
    "auth" SMALLINT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "repository_permission_pkey" PRIMARY KEY ("repository_id","user_id")
);

-- CreateTable
CREATE TABLE "manage"."repository_share" (
    "repository_id" BIGINT NOT NULL,
    "account_id" UUID NOT NULL,
    "deadline" TIMESTAMPTZ(6),
    "description" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "repository_share_pkey" PRIMARY KEY ("repository_id","account_id")
);

-- CreateTable
CREATE TABLE "registry"."repository" (
    "id" BIGSERIAL NOT NULL,
    "organisation_id" BIGINT NOT NULL,
    "path" TEXT COLLATE "C" NOT NULL,
    "is_public" BOOLEAN NOT NULL DEFAULT false,
    "category" TEXT NOT NULL DEFAULT 'other',
    "description" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "repository_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "registry"."blob" (
    "digest" TEXT COLLATE "C" NOT NULL,
    "object_key" TEXT NOT NULL,
    "size" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "blob_pkey" PRIMARY KEY ("digest")
);

-- CreateTable
CREATE TABLE "registry"."repository_blob" (
    "repository_id" BIGINT NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,
    "review_after" TIMESTAMPTZ(6),

    CONSTRAINT "repository_blob_pkey" PRIMARY KEY ("repository_id","digest")
);

-- CreateTable
CREATE TABLE "registry"."manifest" (
    "id" BIGSERIAL NOT NULL,
    "repository_id" BIGINT NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,
    "media_type" TEXT NOT NULL,
    "artifact_type" TEXT,
    "subject_digest" TEXT COLLATE "C",
    "annotations" JSONB,
    "size" INTEGER NOT NULL,
    "payload" BYTEA NOT NULL,
    "review_after" TIMESTAMPTZ(6),
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "manifest_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "registry"."manifest_blob" (
    "manifest_id" BIGINT NOT NULL,
    "repository_id" BIGINT NOT NULL,
    "digest" TEXT COLLATE "C" NOT NULL,

    CONSTRAINT "manifest_blob_pkey" PRIMARY KEY ("manifest_id","digest")
);

-- CreateTable
CREATE TABLE "registry"."manifest_child" (
    "parent_id" BIGINT NOT NULL,
    "child_id" BIGINT NOT NULL,

    CONSTRAINT "manifest_child_pkey" PRIMARY KEY ("parent_id","child_id")
);

-- CreateTable
CREATE TABLE "registry"."tag" (
    "repository_id" BIGINT NOT NULL,
    "name" TEXT COLLATE "C" NOT NULL,
    "manifest_id" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "tag_pkey" PRIMARY KEY ("repository_id","name")
);

-- CreateTable
CREATE TABLE "registry"."outbox_event" (
    "id" UUID NOT NULL,
    "sequence" BIGSERIAL NOT NULL,
    "subject" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "outbox_event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "registry"."object_deletion" (
    "object_key" TEXT NOT NULL,
    "size" BIGINT NOT NULL,
    "not_before" TIMESTAMPTZ(6) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "last_error" TEXT,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "object_deletion_pkey" PRIMARY KEY ("object_key")
);

-- CreateTable
CREATE TABLE "storage"."upload_session" (
    "id" UUID NOT NULL,
    "repository" TEXT NOT NULL,
    "offset" BIGINT NOT NULL DEFAULT 0,
    "object" JSONB,
    "sha256" TEXT,
    "sha512" TEXT,
    "algorithm" TEXT NOT NULL DEFAULT 'sha256',
    "claim" UUID,
    "started_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "upload_session_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "account_name_key" ON "auth"."account"("name");

-- CreateIndex
CREATE UNIQUE INDEX "user_account_id_name_key" ON "auth"."user"("account_id", "name");

-- CreateIndex
CREATE UNIQUE INDEX "organisation_name_key" ON "manage"."organisation"("name");

-- CreateIndex
CREATE INDEX "organisation_account_id_idx" ON "manage"."organisation"("account_id");

-- CreateIndex
CREATE INDEX "organisation_permission_user_id_idx" ON "manage"."organisation_permission"("user_id");

-- CreateIndex
CREATE INDEX "repository_permission_user_id_idx" ON "manage"."repository_permission"("user_id");

-- CreateIndex
CREATE INDEX "repository_share_account_id_idx" ON "manage"."repository_share"("account_id");

-- CreateIndex
CREATE UNIQUE INDEX "repository_path_key" ON "registry"."repository"("path");

-- CreateIndex
CREATE INDEX "repository_organisation_id_idx" ON "registry"."repository"("organisation_id");

-- CreateIndex
CREATE UNIQUE INDEX "blob_object_key_key" ON "registry"."blob"("object_key");

-- CreateIndex
CREATE INDEX "repository_blob_digest_idx" ON "registry"."repository_blob"("digest");

-- CreateIndex
CREATE INDEX "repository_blob_review_after_idx" ON "registry"."repository_blob"("review_after") WHERE "review_after" IS NOT NULL;

-- CreateIndex
CREATE INDEX "manifest_repository_id_subject_digest_idx" ON "registry"."manifest"("repository_id", "subject_digest") WHERE "subject_digest" IS NOT NULL;

-- CreateIndex
CREATE INDEX "manifest_review_after_idx" ON "registry"."manifest"("review_after") WHERE "review_after" IS NOT NULL;

-- CreateIndex
CREATE UNIQUE INDEX "manifest_repository_id_digest_key" ON "registry"."manifest"("repository_id", "digest");

-- CreateIndex
CREATE INDEX "manifest_blob_repository_id_digest_idx" ON "registry"."manifest_blob"("repository_id", "digest");

-- CreateIndex
CREATE INDEX "manifest_child_child_id_idx" ON "registry"."manifest_child"("child_id");

-- CreateIndex
CREATE INDEX "tag_manifest_id_idx" ON "registry"."tag"("manifest_id");

-- CreateIndex
CREATE UNIQUE INDEX "outbox_event_sequence_key" ON "registry"."outbox_event"("sequence");

-- CreateIndex
CREATE INDEX "object_deletion_not_before_idx" ON "registry"."object_deletion"("not_before");

-- CreateIndex
CREATE INDEX "upload_session_expires_at_idx" ON "storage"."upload_session"("expires_at");

-- AddForeignKey
ALTER TABLE "auth"."user" ADD CONSTRAINT "user_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "auth"."account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "manage"."organisation" ADD CONSTRAINT "organisation_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "auth"."account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "manage"."organisation" ADD CONSTRAINT "organisation_creator_id_fkey" FOREIGN KEY ("creator_id") REFERENCES "auth"."user"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "manage"."organisation_permission" ADD CONSTRAINT "organisation_permission_organisation_id_fkey" FOREIGN KEY ("organisation_id") REFERENCES "manage"."organisation"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "manage"."organisation_permission" ADD CONSTRAINT "organisation_permission_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "auth"."user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "manage"."repository_permission" ADD CONSTRAINT "repository_permission_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "registry"."repository"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "manage"."repository_permission" ADD CONSTRAINT "repository_permission_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "auth"."user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "manage"."repository_share" ADD CONSTRAINT "repository_share_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "registry"."repository"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "manage"."repository_share" ADD CONSTRAINT "repository_share_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "auth"."account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "registry"."repository" ADD CONSTRAINT "repository_organisation_id_fkey" FOREIGN KEY ("organisation_id") REFERENCES "manage"."organisation"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "registry"."repository_blob" ADD CONSTRAINT "repository_blob_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "registry"."repository"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "registry"."repository_blob" ADD CONSTRAINT "repository_blob_digest_fkey" FOREIGN KEY ("digest") REFERENCES "registry"."blob"("digest") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "registry"."manifest" ADD CONSTRAINT "manifest_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "registry"."repository"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "registry"."manifest_blob" ADD CONSTRAINT "manifest_blob_manifest_id_fkey" FOREIGN KEY ("manifest_id") REFERENCES "registry"."manifest"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "registry"."manifest_blob" ADD CONSTRAINT "manifest_blob_repository_id_digest_fkey" FOREIGN KEY ("repository_id", "digest") REFERENCES "registry"."repository_blob"("repository_id", "digest") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "registry"."manifest_child" ADD CONSTRAINT "manifest_child_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "registry"."manifest"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "registry"."manifest_child" ADD CONSTRAINT "manifest_child_child_id_fkey" FOREIGN KEY ("child_id") REFERENCES "registry"."manifest"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "registry"."tag" ADD CONSTRAINT "tag_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "registry"."repository"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "registry"."tag" ADD CONSTRAINT "tag_manifest_id_fkey" FOREIGN KEY ("manifest_id") REFERENCES "registry"."manifest"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- Nothing below is known to Prisma's schema language.

-- Rows of short life that change several times: room on the page lets an update leave the indexes alone.
ALTER TABLE "storage"."upload_session" SET (fillfactor = 50);

ALTER TABLE "registry"."blob" ADD CONSTRAINT "blob_size_check" CHECK ("size" >= 0);
ALTER TABLE "storage"."upload_session" ADD CONSTRAINT "upload_session_offset_check" CHECK ("offset" >= 0);
ALTER TABLE "manage"."organisation_permission" ADD CONSTRAINT "organisation_permission_auth_check" CHECK ("auth" IN (7, 3, 1));
ALTER TABLE "manage"."repository_permission" ADD CONSTRAINT "repository_permission_auth_check" CHECK ("auth" IN (7, 3, 1));

-- Whatever removes a reference queues what it referred to, in the same transaction, whichever code path it came by.
-- Rows are locked in digest order (or id order), so that two deletes that share layers cannot deadlock.

CREATE FUNCTION "registry"."queue_unreferenced_blobs"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  WITH "gone" AS (
    SELECT rb."repository_id", rb."digest" FROM "registry"."repository_blob" rb
    WHERE (rb."repository_id", rb."digest") IN (SELECT "repository_id", "digest" FROM "removed")
    ORDER BY rb."digest", rb."repository_id" FOR NO KEY UPDATE
  )
  UPDATE "registry"."repository_blob" rb SET "review_after" = greatest(rb."review_after", now())
  FROM "gone" WHERE rb."repository_id" = "gone"."repository_id" AND rb."digest" = "gone"."digest";
  RETURN NULL;
END $$;
CREATE TRIGGER "manifest_blob_removed" AFTER DELETE ON "registry"."manifest_blob"
  REFERENCING OLD TABLE AS "removed" FOR EACH STATEMENT EXECUTE FUNCTION "registry"."queue_unreferenced_blobs"();

CREATE FUNCTION "registry"."queue_orphaned_children"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  WITH "gone" AS (
    SELECT m."id" FROM "registry"."manifest" m WHERE m."id" IN (SELECT "child_id" FROM "removed")
    ORDER BY m."id" FOR NO KEY UPDATE
  )
  UPDATE "registry"."manifest" m SET "review_after" = greatest(m."review_after", now()) FROM "gone" WHERE m."id" = "gone"."id";
  RETURN NULL;
END $$;
CREATE TRIGGER "manifest_child_removed" AFTER DELETE ON "registry"."manifest_child"
  REFERENCING OLD TABLE AS "removed" FOR EACH STATEMENT EXECUTE FUNCTION "registry"."queue_orphaned_children"();

CREATE FUNCTION "registry"."queue_untagged_manifest"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE "registry"."manifest" m SET "review_after" = greatest(m."review_after", now()) WHERE m."id" = OLD."manifest_id";
  RETURN NULL;
END $$;
CREATE TRIGGER "tag_deleted" AFTER DELETE ON "registry"."tag"
  FOR EACH ROW EXECUTE FUNCTION "registry"."queue_untagged_manifest"();
CREATE TRIGGER "tag_moved" AFTER UPDATE OF "manifest_id" ON "registry"."tag"
  FOR EACH ROW WHEN (OLD."manifest_id" IS DISTINCT FROM NEW."manifest_id")
  EXECUTE FUNCTION "registry"."queue_untagged_manifest"();

CREATE FUNCTION "registry"."queue_orphaned_referrers"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  WITH "gone" AS (
    SELECT m."id" FROM "registry"."manifest" m JOIN "removed" r
      ON m."repository_id" = r."repository_id" AND m."subject_digest" = r."digest"
    ORDER BY m."id" FOR NO KEY UPDATE OF m
  )
  UPDATE "registry"."manifest" m SET "review_after" = greatest(m."review_after", now()) FROM "gone" WHERE m."id" = "gone"."id";
  RETURN NULL;
END $$;
CREATE TRIGGER "manifest_deleted" AFTER DELETE ON "registry"."manifest"
  REFERENCING OLD TABLE AS "removed" FOR EACH STATEMENT EXECUTE FUNCTION "registry"."queue_orphaned_referrers"();
