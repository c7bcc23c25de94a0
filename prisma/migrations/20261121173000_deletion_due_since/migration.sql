-- An attempt moves not_before on, and how long an object has been due would be forgotten.
ALTER TABLE "registry"."object_deletion" ADD COLUMN "due_since" TIMESTAMPTZ(6);

-- CreateIndex
CREATE INDEX "object_deletion_due_since_idx" ON "registry"."object_deletion"("due_since") WHERE "due_since" IS NOT NULL;
