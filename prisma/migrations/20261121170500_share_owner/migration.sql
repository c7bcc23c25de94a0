-- Whose the shared repository is, so that an account finds what it shares by index. PostgreSQL fills it in, nobody writes it.
ALTER TABLE "manage"."repository_share" ADD COLUMN     "owner_id" UUID;
UPDATE "manage"."repository_share" s SET "owner_id" = r."account_id"
FROM "registry"."repository" r WHERE r."id" = s."repository_id";

CREATE FUNCTION "manage"."fill_in_owner"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW."owner_id" := (SELECT r."account_id" FROM "registry"."repository" r WHERE r."id" = NEW."repository_id");
  RETURN NEW;
END $$;
CREATE TRIGGER "repository_share_owner" BEFORE INSERT ON "manage"."repository_share"
  FOR EACH ROW EXECUTE FUNCTION "manage"."fill_in_owner"();

-- CreateIndex
CREATE INDEX "repository_share_owner_id_repository_id_idx" ON "manage"."repository_share"("owner_id", "repository_id");
