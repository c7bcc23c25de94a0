-- What lists of the management API show and sort by, kept true by triggers, so that no list counts or sums.
--
-- From before the first release: Berth must be stopped meanwhile. What is there is filled in, in one transaction that locks all of
-- it (about a minute and a half for a million rows), and the version before does not fill in the new columns.

-- Substrings of names are found by index. Both are trusted extensions of PostgreSQL's own distribution.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- The account comes of the organisation, the name of the path: PostgreSQL fills in both, nobody writes them.
ALTER TABLE "registry"."repository"
  ADD COLUMN "account_id" UUID,
  ADD COLUMN "name" TEXT COLLATE "C" GENERATED ALWAYS AS (substr("path", strpos("path", '/') + 1)) STORED;
UPDATE "registry"."repository" r SET "account_id" = o."account_id"
FROM "manage"."organisation" o WHERE o."id" = r."organisation_id";

CREATE FUNCTION "registry"."fill_in_account"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW."account_id" := (SELECT o."account_id" FROM "manage"."organisation" o WHERE o."id" = NEW."organisation_id");
  RETURN NEW;
END $$;
CREATE TRIGGER "repository_account" BEFORE INSERT ON "registry"."repository"
  FOR EACH ROW EXECUTE FUNCTION "registry"."fill_in_account"();

-- CreateTable
CREATE TABLE "registry"."repository_statistics" (
    "repository_id" BIGINT NOT NULL,
    "organisation_id" BIGINT NOT NULL,
    "account_id" UUID NOT NULL,
    "tag_count" INTEGER NOT NULL DEFAULT 0,
    "size" BIGINT NOT NULL DEFAULT 0,
    "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "repository_statistics_pkey" PRIMARY KEY ("repository_id")
);

-- CreateTable
CREATE TABLE "registry"."organisation_statistics" (
    "organisation_id" BIGINT NOT NULL,
    "part" SMALLINT NOT NULL,
    "account_id" UUID NOT NULL,
    "repository_count" INTEGER NOT NULL DEFAULT 0,
    "tag_count" BIGINT NOT NULL DEFAULT 0,
    "size" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "organisation_statistics_pkey" PRIMARY KEY ("organisation_id", "part")
);

-- CreateTable. Its rows end with the transaction that makes them: nothing is lost where a crash empties it.
CREATE UNLOGGED TABLE "registry"."statistics_change" (
    "id" BIGSERIAL NOT NULL,
    "repository_id" BIGINT NOT NULL,
    "tags" INTEGER,
    "bytes" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "statistics_change_pkey" PRIMARY KEY ("id")
);

-- AlterTable
ALTER TABLE "registry"."manifest" ADD COLUMN "image_size" BIGINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "registry"."repository_blob" ADD COLUMN "size" BIGINT;
UPDATE "registry"."repository_blob" rb SET "size" = b."size" FROM "registry"."blob" b WHERE b."digest" = rb."digest";
ALTER TABLE "registry"."repository_blob" ALTER COLUMN "size" SET NOT NULL;

-- AlterTable
ALTER TABLE "registry"."tag" ADD COLUMN "id" BIGSERIAL NOT NULL;

-- CreateIndex
CREATE INDEX "organisation_statistics_account_id_idx" ON "registry"."organisation_statistics"("account_id");

-- CreateIndex
CREATE INDEX "repository_statistics_account_id_updated_at_repository_id_idx" ON "registry"."repository_statistics"("account_id", "updated_at", "repository_id");

-- CreateIndex
CREATE INDEX "repository_statistics_account_id_tag_count_repository_id_idx" ON "registry"."repository_statistics"("account_id", "tag_count", "repository_id");

-- CreateIndex
CREATE INDEX "repository_statistics_organisation_id_updated_at_repository_idx" ON "registry"."repository_statistics"("organisation_id", "updated_at", "repository_id");

-- CreateIndex
CREATE INDEX "repository_statistics_organisation_id_tag_count_repository__idx" ON "registry"."repository_statistics"("organisation_id", "tag_count", "repository_id");

-- CreateIndex
CREATE INDEX "repository_account_id_path_id_idx" ON "registry"."repository"("account_id", "path", "id");

-- CreateIndex
CREATE INDEX "repository_account_id_name_id_idx" ON "registry"."repository"("account_id", "name", "id");

-- CreateIndex
CREATE INDEX "repository_organisation_id_name_id_idx" ON "registry"."repository"("organisation_id", "name", "id");

-- CreateIndex
CREATE INDEX "repository_organisation_id_path_id_idx" ON "registry"."repository"("organisation_id", "path", "id");

-- CreateIndex
CREATE INDEX "repository_account_id_category_id_idx" ON "registry"."repository"("account_id", "category", "id");

-- CreateIndex
CREATE INDEX "repository_account_id_is_public_id_idx" ON "registry"."repository"("account_id", "is_public", "id");

-- CreateIndex
CREATE INDEX "repository_organisation_id_is_public_id_idx" ON "registry"."repository"("organisation_id", "is_public", "id");

-- CreateIndex
CREATE INDEX "tag_repository_id_updated_at_name_idx" ON "registry"."tag"("repository_id", "updated_at", "name");

-- CreateIndex
CREATE INDEX "repository_account_id_name_idx" ON "registry"."repository" USING GIN ("account_id", "name" gin_trgm_ops);

-- AddForeignKey
ALTER TABLE "registry"."repository_statistics" ADD CONSTRAINT "repository_statistics_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "registry"."repository"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "registry"."organisation_statistics" ADD CONSTRAINT "organisation_statistics_organisation_id_fkey" FOREIGN KEY ("organisation_id") REFERENCES "manage"."organisation"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What the rows that are there amount to.
INSERT INTO "registry"."repository_statistics" ("repository_id", "organisation_id", "account_id", "tag_count", "size", "updated_at")
SELECT r."id", r."organisation_id", r."account_id",
  (SELECT count(*) FROM "registry"."tag" t WHERE t."repository_id" = r."id"),
  (SELECT coalesce(sum(rb."size"), 0) FROM "registry"."repository_blob" rb WHERE rb."repository_id" = r."id")
    + (SELECT coalesce(sum(m."size"), 0) FROM "registry"."manifest" m WHERE m."repository_id" = r."id"),
  greatest(r."updated_at", (SELECT max(t."updated_at") FROM "registry"."tag" t WHERE t."repository_id" = r."id"))
FROM "registry"."repository" r;
INSERT INTO "registry"."organisation_statistics" ("organisation_id", "part", "account_id", "repository_count", "tag_count", "size")
SELECT "organisation_id", "repository_id" % 16, "account_id", count(*), sum("tag_count"), sum("size")
FROM "registry"."repository_statistics" GROUP BY 1, 2, 3;
UPDATE "registry"."manifest" m SET "image_size" = m."size" + (SELECT coalesce(sum(rb."size"), 0) FROM "registry"."manifest_blob" mb
  JOIN "registry"."repository_blob" rb ON rb."repository_id" = mb."repository_id" AND rb."digest" = mb."digest" WHERE mb."manifest_id" = m."id");
WITH RECURSIVE "below" AS (
  SELECT "parent_id" AS "id", "child_id" FROM "registry"."manifest_child"
  UNION ALL
  SELECT b."id", mc."child_id" FROM "below" b JOIN "registry"."manifest_child" mc ON mc."parent_id" = b."child_id")
UPDATE "registry"."manifest" m SET "image_size" = m."image_size" + c."size" FROM (
  SELECT b."id", sum(child."image_size") AS "size" FROM "below" b
  JOIN "registry"."manifest" child ON child."id" = b."child_id" GROUP BY b."id") c WHERE c."id" = m."id";
ALTER TABLE "registry"."manifest" ALTER COLUMN "image_size" DROP DEFAULT;

-- Statistics follow in the transaction that makes them true, at its end: deferred triggers run after every other lock was
-- taken, so whoever waits for a row of statistics holds nothing that its holder could wait for.

-- An organisation's stand in parts, by its repositories: pushes to two of them seldom wait for each other.
CREATE FUNCTION "registry"."add_to_organisation"(BIGINT, BIGINT, UUID, INTEGER, BIGINT, BIGINT)
RETURNS void LANGUAGE sql AS $$
  -- $1 organisation, $2 repository, $3 account, $4 repositories, $5 tags, $6 bytes.
  INSERT INTO "registry"."organisation_statistics" AS o ("organisation_id", "part", "account_id", "repository_count", "tag_count", "size")
  SELECT $1, $2 % 16, $3, $4, $5, $6 WHERE EXISTS (SELECT FROM "manage"."organisation" WHERE "id" = $1)
  ON CONFLICT ("organisation_id", "part") DO UPDATE SET "repository_count" = o."repository_count" + excluded."repository_count",
    "tag_count" = o."tag_count" + excluded."tag_count", "size" = o."size" + excluded."size";
$$;

CREATE FUNCTION "registry"."begin_repository_statistics"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "registry"."repository_statistics" ("repository_id", "organisation_id", "account_id")
  VALUES (NEW."id", NEW."organisation_id", NEW."account_id");
  RETURN NULL;
END $$;
CREATE TRIGGER "repository_statistics_begin" AFTER INSERT ON "registry"."repository"
  FOR EACH ROW EXECUTE FUNCTION "registry"."begin_repository_statistics"();

CREATE FUNCTION "registry"."count_repository"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM "registry"."add_to_organisation"(NEW."organisation_id", NEW."id", NEW."account_id", 1, 0, 0);
  ELSE
    PERFORM "registry"."add_to_organisation"(OLD."organisation_id", OLD."id", OLD."account_id", -1, 0, 0);
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "repository_counted" AFTER INSERT OR DELETE ON "registry"."repository"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "registry"."count_repository"();

CREATE FUNCTION "registry"."note_repository_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE "registry"."repository_statistics" SET "updated_at" = NEW."updated_at" WHERE "repository_id" = NEW."id";
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "repository_changed" AFTER UPDATE ON "registry"."repository"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD."updated_at" IS DISTINCT FROM NEW."updated_at")
  EXECUTE FUNCTION "registry"."note_repository_change"();

-- A statement that touches many rows is one change of each repository.

CREATE FUNCTION "registry"."count_tags_made"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "registry"."statistics_change" ("repository_id", "tags") SELECT "repository_id", count(*) FROM "changed" GROUP BY "repository_id";
  RETURN NULL;
END $$;
CREATE TRIGGER "tags_made" AFTER INSERT ON "registry"."tag"
  REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT EXECUTE FUNCTION "registry"."count_tags_made"();

CREATE FUNCTION "registry"."count_tags_moved"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "registry"."statistics_change" ("repository_id", "tags") SELECT DISTINCT "repository_id", 0 FROM "changed";
  RETURN NULL;
END $$;
CREATE TRIGGER "tags_moved" AFTER UPDATE ON "registry"."tag"
  REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT EXECUTE FUNCTION "registry"."count_tags_moved"();

CREATE FUNCTION "registry"."count_tags_gone"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "registry"."statistics_change" ("repository_id", "tags") SELECT "repository_id", -count(*) FROM "changed" GROUP BY "repository_id";
  RETURN NULL;
END $$;
CREATE TRIGGER "tags_gone" AFTER DELETE ON "registry"."tag"
  REFERENCING OLD TABLE AS "changed" FOR EACH STATEMENT EXECUTE FUNCTION "registry"."count_tags_gone"();

-- Of links and of manifests: what each repository takes, a layer that several of its images share counted once.
CREATE FUNCTION "registry"."count_bytes_made"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "registry"."statistics_change" ("repository_id", "bytes") SELECT "repository_id", sum("size") FROM "changed" GROUP BY "repository_id";
  RETURN NULL;
END $$;
CREATE TRIGGER "repository_blobs_made" AFTER INSERT ON "registry"."repository_blob"
  REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT EXECUTE FUNCTION "registry"."count_bytes_made"();
CREATE TRIGGER "manifests_made" AFTER INSERT ON "registry"."manifest"
  REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT EXECUTE FUNCTION "registry"."count_bytes_made"();

CREATE FUNCTION "registry"."count_bytes_gone"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "registry"."statistics_change" ("repository_id", "bytes") SELECT "repository_id", -sum("size") FROM "changed" GROUP BY "repository_id";
  RETURN NULL;
END $$;
CREATE TRIGGER "repository_blobs_gone" AFTER DELETE ON "registry"."repository_blob"
  REFERENCING OLD TABLE AS "changed" FOR EACH STATEMENT EXECUTE FUNCTION "registry"."count_bytes_gone"();
CREATE TRIGGER "manifests_gone" AFTER DELETE ON "registry"."manifest"
  REFERENCING OLD TABLE AS "changed" FOR EACH STATEMENT EXECUTE FUNCTION "registry"."count_bytes_gone"();

CREATE FUNCTION "registry"."apply_statistics_change"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  "of" RECORD;
BEGIN
  UPDATE "registry"."repository_statistics"
  SET "tag_count" = "tag_count" + coalesce(NEW."tags", 0), "size" = "size" + NEW."bytes",
    "updated_at" = CASE WHEN NEW."tags" IS NULL THEN "updated_at" ELSE now() END
  WHERE "repository_id" = NEW."repository_id" RETURNING "organisation_id", "account_id" INTO "of";
  IF FOUND AND (NEW."tags" <> 0 OR NEW."bytes" <> 0) THEN
    PERFORM "registry"."add_to_organisation"("of"."organisation_id", NEW."repository_id", "of"."account_id", 0, coalesce(NEW."tags", 0), NEW."bytes");
  END IF;
  DELETE FROM "registry"."statistics_change" WHERE "id" = NEW."id";
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "statistics_change_applied" AFTER INSERT ON "registry"."statistics_change"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "registry"."apply_statistics_change"();

-- What a repository still had when it went. Changes of the same transaction, which find no row any more, are in that.
CREATE FUNCTION "registry"."end_repository_statistics"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM "registry"."add_to_organisation"(OLD."organisation_id", OLD."repository_id", OLD."account_id", 0, -OLD."tag_count", -OLD."size");
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "repository_statistics_end" AFTER DELETE ON "registry"."repository_statistics"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD."tag_count" <> 0 OR OLD."size" <> 0)
  EXECUTE FUNCTION "registry"."end_repository_statistics"();

-- Rows that change with every push: room on the page keeps their versions together.
ALTER TABLE "registry"."repository_statistics" SET (fillfactor = 70);
ALTER TABLE "registry"."organisation_statistics" SET (fillfactor = 50);
