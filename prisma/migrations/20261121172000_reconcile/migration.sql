-- Keys are compared with lists of the object store, which are in byte order.
ALTER TABLE "registry"."blob" ALTER COLUMN "object_key" TYPE TEXT COLLATE "C";
ALTER TABLE "registry"."object_deletion" ALTER COLUMN "object_key" TYPE TEXT COLLATE "C";

-- CreateTable
CREATE TABLE "registry"."blob_quarantine" (
    "digest" TEXT COLLATE "C" NOT NULL,
    "object_key" TEXT COLLATE "C" NOT NULL,
    "reason" TEXT NOT NULL,
    "sightings" INTEGER NOT NULL DEFAULT 1,
    "first_seen" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_seen" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "quarantined_at" TIMESTAMPTZ(6),

    CONSTRAINT "blob_quarantine_pkey" PRIMARY KEY ("digest")
);

-- CreateTable
CREATE TABLE "registry"."orphan_object" (
    "object_key" TEXT COLLATE "C" NOT NULL,
    "size" BIGINT NOT NULL,
    "is_hidden" BOOLEAN NOT NULL,
    "modified_at" TIMESTAMPTZ(6) NOT NULL,
    "first_seen" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "orphan_object_pkey" PRIMARY KEY ("object_key")
);

-- CreateTable
CREATE TABLE "registry"."reconciliation" (
    "task" TEXT NOT NULL,
    "holder" UUID,
    "lease_until" TIMESTAMPTZ(6),
    "phase" TEXT NOT NULL DEFAULT 'idle',
    "position" TEXT NOT NULL DEFAULT '',
    "hashed_key" TEXT COLLATE "C",
    "hashed_bytes" BIGINT NOT NULL DEFAULT 0,
    "hash_state" BYTEA,
    "objects" BIGINT NOT NULL DEFAULT 0,
    "blobs" BIGINT NOT NULL DEFAULT 0,
    "bytes" BIGINT NOT NULL DEFAULT 0,
    "others" BIGINT NOT NULL DEFAULT 0,
    "orphans" BIGINT NOT NULL DEFAULT 0,
    "holes" BIGINT NOT NULL DEFAULT 0,
    "removed" BIGINT NOT NULL DEFAULT 0,
    "quarantined" BIGINT NOT NULL DEFAULT 0,
    "skipped" BIGINT NOT NULL DEFAULT 0,
    "held" TEXT,
    "confirmed" BOOLEAN NOT NULL DEFAULT false,
    "started_at" TIMESTAMPTZ(6),
    "finished_at" TIMESTAMPTZ(6),

    CONSTRAINT "reconciliation_pkey" PRIMARY KEY ("task")
);

-- CreateIndex
CREATE INDEX "blob_quarantine_last_seen_idx" ON "registry"."blob_quarantine"("last_seen");

-- CreateIndex
CREATE INDEX "orphan_object_first_seen_idx" ON "registry"."orphan_object"("first_seen");

-- AddForeignKey
ALTER TABLE "registry"."blob_quarantine" ADD CONSTRAINT "blob_quarantine_digest_fkey" FOREIGN KEY ("digest") REFERENCES "registry"."blob"("digest") ON DELETE CASCADE ON UPDATE CASCADE;

INSERT INTO "registry"."reconciliation" ("task") VALUES ('objects'), ('scrub');
