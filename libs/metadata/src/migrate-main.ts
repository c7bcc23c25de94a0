import { createMigration, deployMigrations, schemaDrift } from './migrate.js';

const USAGE =
  'usage: npm run migrate -- deploy | create NAME | check   (the database is the one of BERTH_DATABASE_URL)';

async function run(command: string | undefined, name = 'change'): Promise<string> {
  const url = process.env['BERTH_DATABASE_URL'];
  if (!url) throw new Error(`BERTH_DATABASE_URL is not set\n${USAGE}`);
  switch (command) {
    case 'deploy':
      return `applied: ${(await deployMigrations(url)).join(', ') || 'nothing, the database is up to date'}`;
    case 'create':
      return (await createMigration(url, name)) ?? 'the migrations already give the schema';
    case 'check': {
      const drift = await schemaDrift(url);
      if (drift !== null) throw new Error(`prisma/schema differs from prisma/migrations:\n${drift}`);
      return 'prisma/schema and prisma/migrations agree';
    }
    default:
      throw new Error(USAGE);
  }
}

try {
  console.log(await run(process.argv[2], process.argv[3]));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
process.exit();
