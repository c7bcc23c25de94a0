-- AlterTable
ALTER TABLE "registry"."blob_quarantine" ADD COLUMN "unreadable_from" BIGINT;
