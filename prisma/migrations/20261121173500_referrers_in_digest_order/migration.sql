-- The deletion of a repository locks manifests in the order of their digests. What lets go of several locks them in the same.

CREATE OR REPLACE FUNCTION "registry"."queue_orphaned_children"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  WITH "gone" AS (
    SELECT m."id" FROM "registry"."manifest" m WHERE m."id" IN (SELECT "child_id" FROM "removed")
    ORDER BY m."digest", m."id" FOR NO KEY UPDATE
  )
  UPDATE "registry"."manifest" m SET "review_after" = greatest(m."review_after", now()), "released_at" = now()
  FROM "gone" WHERE m."id" = "gone"."id";
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION "registry"."queue_orphaned_referrers"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  WITH "gone" AS (
    SELECT m."id" FROM "registry"."manifest" m JOIN "removed" r
      ON m."repository_id" = r."repository_id" AND m."subject_digest" = r."digest"
    ORDER BY m."digest", m."id" FOR NO KEY UPDATE OF m
  )
  UPDATE "registry"."manifest" m SET "review_after" = greatest(m."review_after", now()), "released_at" = now()
  FROM "gone" WHERE m."id" = "gone"."id";
  RETURN NULL;
END $$;
