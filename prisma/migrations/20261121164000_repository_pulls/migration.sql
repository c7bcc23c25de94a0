-- CreateTable. The count of a busy repository changes every few seconds: with room on its page for the next version of a row
-- no index is touched.
CREATE TABLE "registry"."repository_pulls" (
    "repository_id" BIGINT NOT NULL,
    "pulls" BIGINT NOT NULL,

    CONSTRAINT "repository_pulls_pkey" PRIMARY KEY ("repository_id")
) WITH (fillfactor = 50);

-- AddForeignKey
ALTER TABLE "registry"."repository_pulls" ADD CONSTRAINT "repository_pulls_repository_id_fkey" FOREIGN KEY ("repository_id") REFERENCES "registry"."repository"("id") ON DELETE CASCADE ON UPDATE CASCADE;
