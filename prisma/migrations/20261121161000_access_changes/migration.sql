-- CreateTable
CREATE TABLE "auth"."access_change" (
    "subject" TEXT NOT NULL,
    "transaction_id" BIGINT NOT NULL,
    "changed_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "access_change_pkey" PRIMARY KEY ("subject")
);

-- CreateIndex
CREATE INDEX "access_change_transaction_id_idx" ON "auth"."access_change"("transaction_id");

-- CreateIndex
CREATE INDEX "access_change_changed_at_idx" ON "auth"."access_change"("changed_at");


-- Nothing below is known to Prisma's schema language.

-- Whatever changes what somebody may do, or a credential, says so in the same transaction, whichever code path it came by.

-- After a statement: the argument is a query of the subjects, from the table "changed". They are written in order, so that two
-- statements about the same users do not deadlock.
CREATE FUNCTION "auth"."note_access_changes"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format(
    'INSERT INTO "auth"."access_change" ("subject", "transaction_id", "changed_at")
     SELECT "subject", pg_current_xact_id()::text::bigint, clock_timestamp()
     FROM (%s) AS "named"("subject") GROUP BY "subject" ORDER BY "subject"
     ON CONFLICT ("subject") DO UPDATE SET "transaction_id" = excluded."transaction_id", "changed_at" = clock_timestamp()',
    TG_ARGV[0]);
  RETURN NULL;
END $$;

-- After an update of a row, where other columns change often and rows one by one: the arguments are the kind of the subject, and the column that names it.
CREATE FUNCTION "auth"."note_access_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "auth"."access_change" ("subject", "transaction_id", "changed_at")
  VALUES (TG_ARGV[0] || ':' || (to_jsonb(NEW) ->> TG_ARGV[1]), pg_current_xact_id()::text::bigint, clock_timestamp())
  ON CONFLICT ("subject") DO UPDATE SET "transaction_id" = excluded."transaction_id", "changed_at" = clock_timestamp();
  RETURN NULL;
END $$;

CREATE TRIGGER "user_access_changed" AFTER UPDATE ON "auth"."user" FOR EACH ROW
  WHEN ((OLD."password_hash", OLD."disabled_at", OLD."is_administrator", OLD."account_id")
    IS DISTINCT FROM (NEW."password_hash", NEW."disabled_at", NEW."is_administrator", NEW."account_id"))
  EXECUTE FUNCTION "auth"."note_access_change"('user', 'id');
CREATE TRIGGER "user_access_removed" AFTER DELETE ON "auth"."user"
  REFERENCING OLD TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"('SELECT ''user:'' || "id" FROM "changed"');

CREATE TRIGGER "access_key_access_changed" AFTER UPDATE ON "auth"."access_key" FOR EACH ROW
  WHEN ((OLD."disabled_at", OLD."expires_at") IS DISTINCT FROM (NEW."disabled_at", NEW."expires_at"))
  EXECUTE FUNCTION "auth"."note_access_change"('user', 'user_id');
-- Keys that have expired were good for nothing any more.
CREATE TRIGGER "access_key_access_removed" AFTER DELETE ON "auth"."access_key"
  REFERENCING OLD TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"(
    'SELECT ''user:'' || "user_id" FROM "changed" WHERE "expires_at" IS NULL OR "expires_at" > now()');

-- A token may have allowed a push into an organisation that was nobody's.
CREATE TRIGGER "organisation_access_added" AFTER INSERT ON "manage"."organisation"
  REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"('SELECT ''organisation:'' || "name" FROM "changed"');
CREATE TRIGGER "organisation_access_changed" AFTER UPDATE ON "manage"."organisation" FOR EACH ROW
  WHEN (OLD."account_id" IS DISTINCT FROM NEW."account_id")
  EXECUTE FUNCTION "auth"."note_access_change"('organisation', 'name');
CREATE TRIGGER "organisation_access_removed" AFTER DELETE ON "manage"."organisation"
  REFERENCING OLD TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"('SELECT ''organisation:'' || "name" FROM "changed"');

CREATE TRIGGER "organisation_permission_access_added" AFTER INSERT ON "manage"."organisation_permission"
  REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"('SELECT ''user:'' || "user_id" FROM "changed"');
CREATE TRIGGER "organisation_permission_access_changed" AFTER UPDATE ON "manage"."organisation_permission"
  REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"('SELECT ''user:'' || "user_id" FROM "changed"');
CREATE TRIGGER "organisation_permission_access_removed" AFTER DELETE ON "manage"."organisation_permission"
  REFERENCING OLD TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"('SELECT ''user:'' || "user_id" FROM "changed"');

CREATE TRIGGER "repository_permission_access_added" AFTER INSERT ON "manage"."repository_permission"
  REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"('SELECT ''user:'' || "user_id" FROM "changed"');
CREATE TRIGGER "repository_permission_access_changed" AFTER UPDATE ON "manage"."repository_permission"
  REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"('SELECT ''user:'' || "user_id" FROM "changed"');
CREATE TRIGGER "repository_permission_access_removed" AFTER DELETE ON "manage"."repository_permission"
  REFERENCING OLD TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"('SELECT ''user:'' || "user_id" FROM "changed"');

-- Where a repository goes, and its shares with it, it has a trigger of its own.
CREATE TRIGGER "repository_share_access_added" AFTER INSERT ON "manage"."repository_share"
  REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"(
    'SELECT ''repository:'' || "path" FROM "registry"."repository" WHERE "id" IN (SELECT "repository_id" FROM "changed")');
CREATE TRIGGER "repository_share_access_changed" AFTER UPDATE ON "manage"."repository_share"
  REFERENCING NEW TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"(
    'SELECT ''repository:'' || "path" FROM "registry"."repository" WHERE "id" IN (SELECT "repository_id" FROM "changed")');
CREATE TRIGGER "repository_share_access_removed" AFTER DELETE ON "manage"."repository_share"
  REFERENCING OLD TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"(
    'SELECT ''repository:'' || "path" FROM "registry"."repository" WHERE "id" IN (SELECT "repository_id" FROM "changed")');

CREATE TRIGGER "repository_access_changed" AFTER UPDATE ON "registry"."repository" FOR EACH ROW
  WHEN (OLD."is_public" IS DISTINCT FROM NEW."is_public")
  EXECUTE FUNCTION "auth"."note_access_change"('repository', 'path');
CREATE TRIGGER "repository_access_removed" AFTER DELETE ON "registry"."repository"
  REFERENCING OLD TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"('SELECT ''repository:'' || "path" FROM "changed"');
