-- The spelling of the catalog: a path of `library` with one component behind it goes by that alone, but for the reserved
-- `manage` (displayName of libs/oci). The table is rewritten: some seconds for a million repositories.
ALTER TABLE "registry"."repository" ADD COLUMN "display_name" TEXT COLLATE "C" GENERATED ALWAYS AS (
  CASE WHEN "path" ~ '^library/[^/]+$' AND "path" <> 'library/manage' THEN substr("path", 9) ELSE "path" END
) STORED;

-- DropIndex
DROP INDEX "registry"."repository_organisation_id_idx";

-- CreateIndex
CREATE UNIQUE INDEX "repository_display_name_key" ON "registry"."repository"("display_name");

-- CreateIndex
CREATE INDEX "repository_organisation_id_display_name_idx" ON "registry"."repository"("organisation_id", "display_name");

-- CreateIndex
CREATE INDEX "repository_display_name_idx" ON "registry"."repository"("display_name") WHERE "is_public";

-- AlterTable
ALTER TABLE "storage"."upload_session" ADD COLUMN "owner_id" UUID;
