-- Suspects are looked for every few seconds; what is in quarantine is no suspect, and may be many.
CREATE INDEX "blob_quarantine_suspect_idx" ON "registry"."blob_quarantine"("last_seen") WHERE "quarantined_at" IS NULL;
