-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "audit";

-- CreateTable
CREATE TABLE "audit"."record" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(6) NOT NULL DEFAULT clock_timestamp(),
    "organisation" TEXT COLLATE "C",
    "action" TEXT NOT NULL,
    "resource" TEXT NOT NULL,
    "detail" JSONB NOT NULL DEFAULT '{}',
    "user_id" UUID,
    "credential" TEXT,
    "address" TEXT,
    "request_id" TEXT,
    "service" TEXT NOT NULL,

    CONSTRAINT "record_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "record_at_id_idx" ON "audit"."record"("at", "id");

-- CreateIndex
CREATE INDEX "record_organisation_at_id_idx" ON "audit"."record"("organisation", "at", "id");

-- CreateIndex
CREATE INDEX "record_user_id_at_id_idx" ON "audit"."record"("user_id", "at", "id");


-- Nothing below is known to Prisma's schema language.

-- No update at all, no truncation, and no deletion of what is younger than 30 days: what was done is there to be found.
CREATE FUNCTION "audit"."refuse"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD."at" < now() - interval '30 days' THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit record is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER "record_is_append_only" BEFORE UPDATE OR DELETE ON "audit"."record"
  FOR EACH ROW EXECUTE FUNCTION "audit"."refuse"();
CREATE TRIGGER "record_is_not_truncated" BEFORE TRUNCATE ON "audit"."record"
  FOR EACH STATEMENT EXECUTE FUNCTION "audit"."refuse"();

-- A condition that is always true: for the rest of the transaction the argument, as JSON, says who changes things.
CREATE FUNCTION "audit"."by"("origin" TEXT) RETURNS boolean LANGUAGE sql VOLATILE AS $$
  SELECT set_config('berth.origin', coalesce("origin", ''), true) IS NOT NULL
$$;

CREATE FUNCTION "audit"."note"("organisation" TEXT, "action" TEXT, "resource" TEXT, "detail" JSONB) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  "origin" JSONB := nullif(current_setting('berth.origin', true), '')::jsonb;
BEGIN
  INSERT INTO "audit"."record" ("organisation", "action", "resource", "detail", "user_id", "credential", "address", "request_id", "service")
  VALUES ("organisation", "action", "resource", coalesce("detail", '{}'), ("origin" ->> 'userId')::uuid, "origin" ->> 'credential',
    "origin" ->> 'address', "origin" ->> 'requestId', current_setting('application_name'));
END $$;

-- What people write at length is cut off: a page of records has to fit into a message.
CREATE FUNCTION "audit"."shortened"("value" JSONB) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN length("value" #>> '{}') > 256 THEN to_jsonb(left("value" #>> '{}', 256) || '...') ELSE "value" END
$$;

-- Of the columns that are named those that an update has changed, each with what it was and what it is.
CREATE FUNCTION "audit"."changes"("before" JSONB, "after" JSONB, VARIADIC "columns" TEXT[]) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT coalesce(jsonb_object_agg("column", jsonb_build_array("audit"."shortened"("before" -> "column"), "audit"."shortened"("after" -> "column"))), '{}')
  FROM unnest("columns") AS "named"("column") WHERE "before" -> "column" IS DISTINCT FROM "after" -> "column"
$$;

CREATE FUNCTION "audit"."organisation_of"("path" TEXT) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT split_part("path", '/', 1) $$;

-- Manifests and tags. A push of what is there already, and a lease, change nothing.
CREATE FUNCTION "audit"."note_manifest"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  "it" "registry"."manifest" := coalesce(NEW, OLD);
  "of" TEXT := (SELECT "path" FROM "registry"."repository" WHERE "id" = "it"."repository_id");
BEGIN
  PERFORM "audit"."note"("audit"."organisation_of"("of"), CASE TG_OP WHEN 'INSERT' THEN 'manifest.push' ELSE 'manifest.delete' END,
    "of" || '@' || "it"."digest", jsonb_build_object('media_type', "it"."media_type", 'size', "it"."size"));
  RETURN NULL;
END $$;
CREATE TRIGGER "manifest_is_audited" AFTER INSERT OR DELETE ON "registry"."manifest"
  FOR EACH ROW EXECUTE FUNCTION "audit"."note_manifest"();

CREATE FUNCTION "audit"."note_tag"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  "it" "registry"."tag" := coalesce(NEW, OLD);
  "of" TEXT := (SELECT "path" FROM "registry"."repository" WHERE "id" = "it"."repository_id");
  "detail" JSONB := '{}';
BEGIN
  IF TG_OP <> 'DELETE' THEN
    "detail" := jsonb_build_object('digest', (SELECT "digest" FROM "registry"."manifest" WHERE "id" = NEW."manifest_id"));
  END IF;
  -- Where its manifest was deleted, that record has the digest.
  IF TG_OP <> 'INSERT' THEN
    "detail" := "detail" || jsonb_build_object('before', (SELECT "digest" FROM "registry"."manifest" WHERE "id" = OLD."manifest_id"));
  END IF;
  PERFORM "audit"."note"("audit"."organisation_of"("of"),
    CASE TG_OP WHEN 'INSERT' THEN 'tag.create' WHEN 'UPDATE' THEN 'tag.move' ELSE 'tag.delete' END, "of" || ':' || "it"."name", "detail");
  RETURN NULL;
END $$;
CREATE TRIGGER "tag_is_audited" AFTER INSERT OR DELETE ON "registry"."tag"
  FOR EACH ROW EXECUTE FUNCTION "audit"."note_tag"();
CREATE TRIGGER "tag_move_is_audited" AFTER UPDATE ON "registry"."tag" FOR EACH ROW
  WHEN (OLD."manifest_id" IS DISTINCT FROM NEW."manifest_id") EXECUTE FUNCTION "audit"."note_tag"();

-- Repositories and organisations.
CREATE FUNCTION "audit"."note_repository"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  "it" "registry"."repository" := coalesce(NEW, OLD);
BEGIN
  PERFORM "audit"."note"("audit"."organisation_of"("it"."path"),
    CASE TG_OP WHEN 'INSERT' THEN 'repository.create' WHEN 'UPDATE' THEN 'repository.update' ELSE 'repository.delete' END, "it"."path",
    CASE TG_OP WHEN 'UPDATE' THEN
      "audit"."changes"(to_jsonb(OLD), to_jsonb(NEW), 'is_public', 'category', 'description', 'untagged_after')
    ELSE jsonb_build_object('is_public', "it"."is_public") END);
  RETURN NULL;
END $$;
CREATE TRIGGER "repository_is_audited" AFTER INSERT OR DELETE ON "registry"."repository"
  FOR EACH ROW EXECUTE FUNCTION "audit"."note_repository"();
CREATE TRIGGER "repository_update_is_audited" AFTER UPDATE ON "registry"."repository" FOR EACH ROW
  WHEN ((OLD."is_public", OLD."category", OLD."description", OLD."untagged_after")
    IS DISTINCT FROM (NEW."is_public", NEW."category", NEW."description", NEW."untagged_after"))
  EXECUTE FUNCTION "audit"."note_repository"();

CREATE FUNCTION "audit"."note_organisation"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  "it" "manage"."organisation" := coalesce(NEW, OLD);
BEGIN
  PERFORM "audit"."note"("it"."name",
    CASE TG_OP WHEN 'INSERT' THEN 'organisation.create' WHEN 'UPDATE' THEN 'organisation.update' ELSE 'organisation.delete' END, "it"."name",
    CASE TG_OP WHEN 'UPDATE' THEN "audit"."changes"(to_jsonb(OLD), to_jsonb(NEW), 'account_id', 'untagged_after')
    ELSE jsonb_build_object('account', (SELECT "name" FROM "auth"."account" WHERE "id" = "it"."account_id")) END);
  RETURN NULL;
END $$;
CREATE TRIGGER "organisation_is_audited" AFTER INSERT OR DELETE ON "manage"."organisation"
  FOR EACH ROW EXECUTE FUNCTION "audit"."note_organisation"();
CREATE TRIGGER "organisation_update_is_audited" AFTER UPDATE ON "manage"."organisation" FOR EACH ROW
  WHEN ((OLD."account_id", OLD."untagged_after") IS DISTINCT FROM (NEW."account_id", NEW."untagged_after"))
  EXECUTE FUNCTION "audit"."note_organisation"();

-- Rights. What goes with its organisation, repository, user or account has no record of its own.
CREATE FUNCTION "audit"."note_permission"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  "it" JSONB := to_jsonb(coalesce(NEW, OLD));
  "of" TEXT := CASE TG_ARGV[0]
    WHEN 'organisation' THEN (SELECT "name" FROM "manage"."organisation" WHERE "id" = ("it" ->> 'organisation_id')::bigint)
    ELSE (SELECT "path" FROM "registry"."repository" WHERE "id" = ("it" ->> 'repository_id')::bigint) END;
  "user" TEXT := (SELECT a."name" || '/' || u."name" FROM "auth"."user" u JOIN "auth"."account" a ON a."id" = u."account_id"
    WHERE u."id" = ("it" ->> 'user_id')::uuid);
BEGIN
  IF "of" IS NULL OR "user" IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM "audit"."note"("audit"."organisation_of"("of"),
    'permission.' || CASE TG_OP WHEN 'INSERT' THEN 'add' WHEN 'UPDATE' THEN 'change' ELSE 'remove' END, "of",
    jsonb_build_object('user', "user", 'auth', CASE TG_OP
      WHEN 'UPDATE' THEN jsonb_build_array(to_jsonb(OLD) -> 'auth', to_jsonb(NEW) -> 'auth') ELSE "it" -> 'auth' END));
  RETURN NULL;
END $$;
CREATE TRIGGER "organisation_permission_is_audited" AFTER INSERT OR UPDATE OR DELETE ON "manage"."organisation_permission"
  FOR EACH ROW EXECUTE FUNCTION "audit"."note_permission"('organisation');
CREATE TRIGGER "repository_permission_is_audited" AFTER INSERT OR UPDATE OR DELETE ON "manage"."repository_permission"
  FOR EACH ROW EXECUTE FUNCTION "audit"."note_permission"('repository');

CREATE FUNCTION "audit"."note_share"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  "it" "manage"."repository_share" := coalesce(NEW, OLD);
  "of" TEXT := (SELECT "path" FROM "registry"."repository" WHERE "id" = "it"."repository_id");
  "account" TEXT := (SELECT "name" FROM "auth"."account" WHERE "id" = "it"."account_id");
BEGIN
  IF "of" IS NULL OR "account" IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM "audit"."note"("audit"."organisation_of"("of"),
    'share.' || CASE TG_OP WHEN 'INSERT' THEN 'add' WHEN 'UPDATE' THEN 'change' ELSE 'remove' END, "of",
    jsonb_build_object('account', "account") || CASE TG_OP
      WHEN 'UPDATE' THEN "audit"."changes"(to_jsonb(OLD), to_jsonb(NEW), 'deadline', 'description')
      ELSE jsonb_build_object('deadline', "it"."deadline") END);
  RETURN NULL;
END $$;
CREATE TRIGGER "repository_share_is_audited" AFTER INSERT OR DELETE ON "manage"."repository_share"
  FOR EACH ROW EXECUTE FUNCTION "audit"."note_share"();
CREATE TRIGGER "repository_share_update_is_audited" AFTER UPDATE ON "manage"."repository_share" FOR EACH ROW
  WHEN ((OLD."deadline", OLD."description") IS DISTINCT FROM (NEW."deadline", NEW."description"))
  EXECUTE FUNCTION "audit"."note_share"();

-- Accounts, users, projects, access keys. Of a password only that it was changed, of a key its id.
CREATE FUNCTION "audit"."note_account"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  "it" "auth"."account" := coalesce(NEW, OLD);
BEGIN
  PERFORM "audit"."note"(NULL, 'account.' || CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'change' ELSE 'delete' END,
    'account:' || "it"."name", CASE TG_OP WHEN 'UPDATE' THEN
      "audit"."changes"(to_jsonb(OLD), to_jsonb(NEW), 'description', 'organisation_quota', 'disabled_at') ELSE '{}' END);
  RETURN NULL;
END $$;
CREATE TRIGGER "account_is_audited" AFTER INSERT OR DELETE ON "auth"."account"
  FOR EACH ROW EXECUTE FUNCTION "audit"."note_account"();
CREATE TRIGGER "account_update_is_audited" AFTER UPDATE ON "auth"."account" FOR EACH ROW
  WHEN ((OLD."description", OLD."organisation_quota", OLD."disabled_at")
    IS DISTINCT FROM (NEW."description", NEW."organisation_quota", NEW."disabled_at"))
  EXECUTE FUNCTION "audit"."note_account"();

CREATE FUNCTION "audit"."note_user"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  "it" "auth"."user" := coalesce(NEW, OLD);
  "account" TEXT := (SELECT "name" FROM "auth"."account" WHERE "id" = "it"."account_id");
  "detail" JSONB := jsonb_build_object('is_administrator', "it"."is_administrator");
BEGIN
  IF TG_OP = 'UPDATE' THEN
    "detail" := "audit"."changes"(to_jsonb(OLD), to_jsonb(NEW), 'description', 'disabled_at', 'is_administrator');
    IF OLD."password_hash" IS DISTINCT FROM NEW."password_hash" THEN
      "detail" := "detail" || '{"password": "changed"}';
    END IF;
  END IF;
  PERFORM "audit"."note"(NULL, 'user.' || CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'change' ELSE 'delete' END,
    'user:' || "account" || '/' || "it"."name", "detail");
  RETURN NULL;
END $$;
CREATE TRIGGER "user_is_audited" AFTER INSERT OR DELETE ON "auth"."user"
  FOR EACH ROW EXECUTE FUNCTION "audit"."note_user"();
CREATE TRIGGER "user_update_is_audited" AFTER UPDATE ON "auth"."user" FOR EACH ROW
  WHEN ((OLD."description", OLD."disabled_at", OLD."is_administrator", OLD."password_hash")
    IS DISTINCT FROM (NEW."description", NEW."disabled_at", NEW."is_administrator", NEW."password_hash"))
  EXECUTE FUNCTION "audit"."note_user"();

CREATE FUNCTION "audit"."note_project"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM "audit"."note"(NULL, 'project.create',
    'project:' || (SELECT "name" FROM "auth"."account" WHERE "id" = NEW."account_id") || '/' || NEW."name", '{}');
  RETURN NULL;
END $$;
CREATE TRIGGER "project_is_audited" AFTER INSERT ON "auth"."project" FOR EACH ROW EXECUTE FUNCTION "audit"."note_project"();

CREATE FUNCTION "audit"."note_access_key"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  "it" "auth"."access_key" := coalesce(NEW, OLD);
  "user" TEXT := (SELECT a."name" || '/' || u."name" FROM "auth"."user" u JOIN "auth"."account" a ON a."id" = u."account_id"
    WHERE u."id" = "it"."user_id");
BEGIN
  PERFORM "audit"."note"(NULL, 'access-key.' || CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'change' ELSE 'delete' END,
    'access-key:' || "it"."id", jsonb_build_object('user', "user", 'expires_at', "it"."expires_at") || CASE TG_OP
      WHEN 'UPDATE' THEN "audit"."changes"(to_jsonb(OLD), to_jsonb(NEW), 'disabled_at', 'description') ELSE '{}' END);
  RETURN NULL;
END $$;
CREATE TRIGGER "access_key_is_audited" AFTER INSERT ON "auth"."access_key"
  FOR EACH ROW EXECUTE FUNCTION "audit"."note_access_key"();
-- One that has expired is swept away, which nobody decided.
CREATE TRIGGER "access_key_removal_is_audited" AFTER DELETE ON "auth"."access_key" FOR EACH ROW
  WHEN (OLD."expires_at" IS NULL OR OLD."expires_at" > now()) EXECUTE FUNCTION "audit"."note_access_key"();
CREATE TRIGGER "access_key_update_is_audited" AFTER UPDATE ON "auth"."access_key" FOR EACH ROW
  WHEN ((OLD."disabled_at", OLD."description") IS DISTINCT FROM (NEW."disabled_at", NEW."description"))
  EXECUTE FUNCTION "audit"."note_access_key"();

-- What operators decide for the installation.
CREATE FUNCTION "audit"."note_untagged_default"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM "audit"."note"(NULL, 'installation.update', 'installation', "audit"."changes"(to_jsonb(OLD), to_jsonb(NEW), 'untagged_after'));
  RETURN NULL;
END $$;
CREATE TRIGGER "untagged_default_is_audited" AFTER UPDATE ON "registry"."untagged_default" FOR EACH ROW
  WHEN (OLD."untagged_after" IS DISTINCT FROM NEW."untagged_after") EXECUTE FUNCTION "audit"."note_untagged_default"();

CREATE FUNCTION "audit"."note_confirmation"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM "audit"."note"(NULL, 'reconciliation.confirm', 'reconciliation:' || NEW."task", jsonb_build_object('held', OLD."held"));
  RETURN NULL;
END $$;
CREATE TRIGGER "confirmation_is_audited" AFTER UPDATE ON "registry"."reconciliation" FOR EACH ROW
  WHEN (cardinality(NEW."confirmed") > cardinality(OLD."confirmed")) EXECUTE FUNCTION "audit"."note_confirmation"();
