import {
  createMigration,
  deployMigrations,
  resolveMigration,
  schemaDrift,
  waitForDatabase,
  waitForMigrations,
} from './migrate.js';

const USAGE =
  'usage: npm run migrate -- deploy [--wait] | wait | resolve NAME | create NAME | check   (the database is the one of BERTH_DATABASE_URL)';

const STATUS_OF_SIGNAL = { SIGTERM: 143, SIGINT: 130 };
let applying = false;

// The first process of a container hears no signal that it does not ask for.
for (const [signal, status] of Object.entries(STATUS_OF_SIGNAL)) {
  process.on(signal, () => {
    if (!applying) process.exit(status);
    console.log(`${signal}: what is being applied is finished first`);
  });
}

async function run(command: string | undefined, name?: string): Promise<string> {
  const url = process.env['BERTH_DATABASE_URL'];
  if (!url) throw new Error(`BERTH_DATABASE_URL is not set\n${USAGE}`);
  switch (command) {
    case 'deploy':
      if (name === '--wait') await waitForDatabase(url, console.log);
      applying = true;
      return `applied: ${(await deployMigrations(url)).join(', ') || 'nothing, the database is up to date'}`;
    case 'wait':
      await waitForMigrations(url, console.log);
      return 'the database has every migration of this version';
    case 'resolve':
      if (!name) throw new Error(USAGE);
      return resolveMigration(url, name);
    case 'create':
      return (await createMigration(url, name ?? 'change')) ?? 'the migrations already give the schema';
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
