-- However many referrers a subject has, its deletion releases the first 1,000; gc-worker goes on behind them.

-- CreateTable
CREATE TABLE "registry"."referrer_release" (
    "id" BIGSERIAL NOT NULL,
    "repository_id" BIGINT NOT NULL,
    "subject_digest" TEXT COLLATE "C" NOT NULL,
    "after_digest" TEXT COLLATE "C" NOT NULL,

    CONSTRAINT "referrer_release_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "referrer_release_repository_id_subject_digest_key" ON "registry"."referrer_release"("repository_id", "subject_digest");

CREATE OR REPLACE FUNCTION "registry"."queue_orphaned_referrers"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  WITH "gone" AS (
    SELECT m."id" FROM "registry"."manifest" m WHERE m."id" IN (
      SELECT "first"."id" FROM "removed" r CROSS JOIN LATERAL (
        SELECT f."id" FROM "registry"."manifest" f
        WHERE f."repository_id" = r."repository_id" AND f."subject_digest" = r."digest" ORDER BY f."digest" LIMIT 1000
      ) AS "first")
    ORDER BY m."digest", m."id" FOR NO KEY UPDATE
  )
  UPDATE "registry"."manifest" m SET "review_after" = greatest(m."review_after", now()), "released_at" = now()
  FROM "gone" WHERE m."id" = "gone"."id";

  INSERT INTO "registry"."referrer_release" ("repository_id", "subject_digest", "after_digest")
  SELECT r."repository_id", r."digest", "last"."digest" FROM "removed" r CROSS JOIN LATERAL (
    SELECT f."digest" FROM "registry"."manifest" f
    WHERE f."repository_id" = r."repository_id" AND f."subject_digest" = r."digest" ORDER BY f."digest" OFFSET 999 LIMIT 1
  ) AS "last" ORDER BY r."repository_id", r."digest"
  ON CONFLICT ("repository_id", "subject_digest") DO UPDATE SET "after_digest" = excluded."after_digest";
  RETURN NULL;
END $$;
