-- Manifests of which a blob has lost its row, as a run counts them.
ALTER TABLE "registry"."reconciliation" ADD COLUMN "incomplete" BIGINT NOT NULL DEFAULT 0;
