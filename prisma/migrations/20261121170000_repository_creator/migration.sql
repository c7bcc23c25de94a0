-- AlterTable
ALTER TABLE "registry"."repository" ADD COLUMN     "creator_id" UUID;

-- CreateIndex
CREATE INDEX "repository_creator_id_idx" ON "registry"."repository"("creator_id");

-- AddForeignKey
ALTER TABLE "registry"."repository" ADD CONSTRAINT "repository_creator_id_fkey" FOREIGN KEY ("creator_id") REFERENCES "auth"."user"("id") ON DELETE SET NULL ON UPDATE CASCADE;
