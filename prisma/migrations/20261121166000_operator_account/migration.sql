-- AlterTable
ALTER TABLE "auth"."account" ADD COLUMN "is_operator" BOOLEAN NOT NULL DEFAULT false;

-- Whichever is the oldest was the operators' until now.
UPDATE "auth"."account" SET "is_operator" = true
WHERE "id" = (SELECT "id" FROM "auth"."account" ORDER BY "created_at", "id" LIMIT 1);

-- CreateIndex
CREATE UNIQUE INDEX "account_is_operator_key" ON "auth"."account"("is_operator") WHERE "is_operator";

-- DropIndex
DROP INDEX "auth"."account_created_at_idx";
