-- DropIndex
DROP INDEX "auth"."access_key_user_id_idx";

-- CreateTable
CREATE TABLE "auth"."login_failure" (
    "subject" BYTEA NOT NULL,
    "failures" INTEGER NOT NULL,
    "last_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "forget_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "login_failure_pkey" PRIMARY KEY ("subject")
);

-- CreateTable
CREATE TABLE "auth"."known_login" (
    "subject" BYTEA NOT NULL,
    "name" BYTEA NOT NULL,
    "forget_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "known_login_pkey" PRIMARY KEY ("subject")
);

-- CreateIndex
CREATE INDEX "login_failure_forget_at_idx" ON "auth"."login_failure"("forget_at");

-- CreateIndex
CREATE INDEX "known_login_name_forget_at_idx" ON "auth"."known_login"("name", "forget_at");

-- CreateIndex
CREATE INDEX "known_login_forget_at_idx" ON "auth"."known_login"("forget_at");

-- CreateIndex
CREATE INDEX "access_key_user_id_expires_at_idx" ON "auth"."access_key"("user_id", "expires_at");

-- Counters are updated in place: room for the new version of a row on its page.
ALTER TABLE "auth"."login_failure" SET (fillfactor = 50);
