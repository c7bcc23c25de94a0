import { Database, deployMigrations } from '@berth/metadata';

/** A migrated database, opened. */
export async function openMigrated(url: string): Promise<Database> {
  await deployMigrations(url);
  return new Database({ url, poolSize: 10, applicationName: 'storage test' });
}

/** Makes a session look untouched for longer than it may be. */
export async function expire(database: Database, sessionId: string): Promise<void> {
  const text = `UPDATE storage.upload_session SET expires_at = now() - interval '1 second' WHERE id = $1`;
  await database.rows({ name: 'test-expire', text }, [sessionId]);
}

export async function sessionCount(database: Database): Promise<number> {
  const text = 'SELECT count(*)::int AS count FROM storage.upload_session';
  const [row] = await database.rows<{ count: number }>({ name: 'test-sessions', text }, []);
  return row!.count;
}
