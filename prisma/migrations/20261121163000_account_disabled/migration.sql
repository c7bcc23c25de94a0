-- AlterTable
ALTER TABLE "auth"."account" ADD COLUMN "description" TEXT NOT NULL DEFAULT '',
ADD COLUMN "disabled_at" TIMESTAMPTZ(6);

-- AlterTable
ALTER TABLE "auth"."user" ADD COLUMN "description" TEXT NOT NULL DEFAULT '';

-- CreateIndex
CREATE INDEX "account_created_at_idx" ON "auth"."account"("created_at");

-- Nothing below is known to Prisma's schema language.

-- What any user of the account may do ends, or begins again.
CREATE TRIGGER "account_access_changed" AFTER UPDATE ON "auth"."account"
  REFERENCING OLD TABLE AS "before" NEW TABLE AS "changed" FOR EACH STATEMENT
  EXECUTE FUNCTION "auth"."note_access_changes"(
    'SELECT ''user:'' || u."id" FROM "changed" c JOIN "before" b ON b."id" = c."id" JOIN "auth"."user" u ON u."account_id" = c."id"
     WHERE c."disabled_at" IS DISTINCT FROM b."disabled_at"');
