-- AlterTable
ALTER TABLE "manage"."repository_share" ADD COLUMN     "creator_id" UUID;

-- CreateIndex
CREATE INDEX "repository_share_creator_id_idx" ON "manage"."repository_share"("creator_id");

-- AddForeignKey
ALTER TABLE "manage"."repository_share" ADD CONSTRAINT "repository_share_creator_id_fkey" FOREIGN KEY ("creator_id") REFERENCES "auth"."user"("id") ON DELETE SET NULL ON UPDATE CASCADE;
