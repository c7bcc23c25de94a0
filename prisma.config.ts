import { defineConfig } from 'prisma/config';

// Without this the CLI tries to download a native schema engine for every command, generate included.
// Migrations run by libs/metadata/src/migrate.ts on the engine's WebAssembly build instead.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= '/bin/false';
process.env.CHECKPOINT_DISABLE ??= '1';

export default defineConfig({ schema: 'prisma/schema', migrations: { path: 'prisma/migrations' } });
