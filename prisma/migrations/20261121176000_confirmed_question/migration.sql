-- An operator confirms one question. Whatever was confirmed before is asked again.

-- AlterTable
ALTER TABLE "registry"."reconciliation" ADD COLUMN     "question" TEXT,
DROP COLUMN "confirmed",
ADD COLUMN     "confirmed" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- What is held now has no question by name: its next step asks it anew.
UPDATE "registry"."reconciliation" SET "held" = NULL WHERE "held" IS NOT NULL;
