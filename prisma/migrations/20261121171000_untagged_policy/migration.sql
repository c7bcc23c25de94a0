-- AlterTable
ALTER TABLE "manage"."organisation" ADD COLUMN     "untagged_after" INTEGER;

-- AlterTable
ALTER TABLE "registry"."repository" ADD COLUMN     "untagged_after" INTEGER;

-- AlterTable
ALTER TABLE "registry"."manifest" ADD COLUMN     "released_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP;

-- AlterTable
ALTER TABLE "registry"."object_deletion" ADD COLUMN     "digest" TEXT COLLATE "C";

-- CreateTable
CREATE TABLE "registry"."untagged_default" (
    "id" SMALLINT NOT NULL,
    "untagged_after" INTEGER NOT NULL,

    CONSTRAINT "untagged_default_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "registry"."untagged_review" (
    "id" BIGSERIAL NOT NULL,
    "organisation_id" BIGINT,
    "repository_id" BIGINT,
    "after_path" TEXT COLLATE "C" NOT NULL DEFAULT '',
    "after_digest" TEXT COLLATE "C" NOT NULL DEFAULT '',

    CONSTRAINT "untagged_review_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "manifest_digest_idx" ON "registry"."manifest"("digest");

-- CreateIndex
CREATE INDEX "object_deletion_digest_idx" ON "registry"."object_deletion"("digest") WHERE "digest" IS NOT NULL;

-- CreateIndex
CREATE INDEX "untagged_review_organisation_id_idx" ON "registry"."untagged_review"("organisation_id");

-- CreateIndex
CREATE INDEX "untagged_review_repository_id_idx" ON "registry"."untagged_review"("repository_id");

-- AddForeignKey
ALTER TABLE "registry"."untagged_review" ADD CONSTRAINT "untagged_review_organisation_id_fkey" FOREIGN KEY ("organisation_id") REFERENCES "manage"."organisation"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "registry"."untagged_review" ADD CONSTRAINT "untagged_review_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "registry"."repository"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- Nothing below is known to Prisma's schema language.

ALTER TABLE "manage"."organisation" ADD CONSTRAINT "organisation_untagged_after_check" CHECK ("untagged_after" >= -1);
ALTER TABLE "registry"."repository" ADD CONSTRAINT "repository_untagged_after_check" CHECK ("untagged_after" >= -1);
ALTER TABLE "registry"."untagged_default" ADD CONSTRAINT "untagged_default_check" CHECK ("id" = 1 AND "untagged_after" >= -1);

-- Always there: who judges by it must be able to lock it.
INSERT INTO "registry"."untagged_default" ("id", "untagged_after") VALUES (1, -1);

-- Whatever lets go of a manifest queues it, as before, and now notes when.

CREATE OR REPLACE FUNCTION "registry"."queue_orphaned_children"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  WITH "gone" AS (
    SELECT m."id" FROM "registry"."manifest" m WHERE m."id" IN (SELECT "child_id" FROM "removed")
    ORDER BY m."id" FOR NO KEY UPDATE
  )
  UPDATE "registry"."manifest" m SET "review_after" = greatest(m."review_after", now()), "released_at" = now()
  FROM "gone" WHERE m."id" = "gone"."id";
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION "registry"."queue_untagged_manifest"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE "registry"."manifest" m SET "review_after" = greatest(m."review_after", now()), "released_at" = now()
  WHERE m."id" = OLD."manifest_id";
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION "registry"."queue_orphaned_referrers"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  WITH "gone" AS (
    SELECT m."id" FROM "registry"."manifest" m JOIN "removed" r
      ON m."repository_id" = r."repository_id" AND m."subject_digest" = r."digest"
    ORDER BY m."id" FOR NO KEY UPDATE OF m
  )
  UPDATE "registry"."manifest" m SET "review_after" = greatest(m."review_after", now()), "released_at" = now()
  FROM "gone" WHERE m."id" = "gone"."id";
  RETURN NULL;
END $$;
