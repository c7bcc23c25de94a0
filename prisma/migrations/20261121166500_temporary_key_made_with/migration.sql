-- AlterTable
ALTER TABLE "auth"."access_key" ADD COLUMN "made_with" TEXT;
