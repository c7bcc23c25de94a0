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

/** Makes a session look begun so many seconds ago. */
export async function age(database: Database, sessionId: string, seconds: number): Promise<void> {
  const text = 'UPDATE storage.upload_session SET started_at = now() - make_interval(secs => $2) WHERE id = $1';
  await database.rows({ name: 'test-age', text }, [sessionId, seconds]);
}

export async function sessionCount(database: Database): Promise<number> {
  const text = 'SELECT count(*)::int AS count FROM storage.upload_session';
  const [row] = await database.rows<{ count: number }>({ name: 'test-sessions', text }, []);
  return row!.count;
}

/** When the session expires, in seconds since 1970. */
export async function expiryOf(database: Database, sessionId: string): Promise<number> {
  const text = 'SELECT extract(epoch FROM expires_at)::float8 AS expiry FROM storage.upload_session WHERE id = $1';
  const [row] = await database.rows<{ expiry: number }>({ name: 'test-expiry', text }, [sessionId]);
  return row!.expiry;
}

/** The repository exists, so that blobs can be committed to it. */
export async function makeRepository(database: Database, path: string): Promise<void> {
  const text = `WITH
    account AS (INSERT INTO auth.account (id, name) VALUES (gen_random_uuid(), $1) RETURNING id),
    pusher AS (INSERT INTO auth."user" (id, account_id, name, password_hash)
               SELECT gen_random_uuid(), id, 'pusher', '-' FROM account RETURNING id),
    organisation AS (INSERT INTO manage.organisation (name, account_id, creator_id)
                     SELECT split_part($1, '/', 1), account.id, pusher.id FROM account, pusher RETURNING id)
    INSERT INTO registry.repository (organisation_id, path) SELECT id, $1 FROM organisation`;
  await database.rows({ name: 'test-repository', text }, [path]);
}
