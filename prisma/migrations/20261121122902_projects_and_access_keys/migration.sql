-- CreateTable
CREATE TABLE "auth"."project" (
    "id" UUID NOT NULL,
    "account_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "project_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "auth"."access_key" (
    "id" TEXT NOT NULL,
    "user_id" UUID NOT NULL,
    "secret_encrypted" BYTEA NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "disabled_at" TIMESTAMPTZ(6),
    "expires_at" TIMESTAMPTZ(6),

    CONSTRAINT "access_key_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "project_account_id_name_key" ON "auth"."project"("account_id", "name");

-- CreateIndex
CREATE INDEX "access_key_user_id_idx" ON "auth"."access_key"("user_id");

-- CreateIndex
CREATE INDEX "access_key_expires_at_idx" ON "auth"."access_key"("expires_at");

-- AddForeignKey
ALTER TABLE "auth"."project" ADD CONSTRAINT "project_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "auth"."account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "auth"."access_key" ADD CONSTRAINT "access_key_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "auth"."user"("id") ON DELETE CASCADE ON UPDATE CASCADE;
