// What is left in the database and in the object store, once everything is quiet.
import { LEFTOVER_ROWS } from '@berth/testing';
import { Client } from 'minio';
import pg from 'pg';

const COUNTS = {
  ...LEFTOVER_ROWS,
  manifests: 'SELECT count(*) FROM registry.manifest',
  'blobs in quarantine, or suspected': 'SELECT count(*) FROM registry.blob_quarantine',
  'tasks that wait for an operator': 'SELECT count(*) FROM registry.reconciliation WHERE held IS NOT NULL',
};

const STILL_THERE = {
  text: `SELECT count(*) FROM registry.repository r JOIN registry.manifest m ON m.repository_id = r.id
    WHERE r.path || '@' || m.digest = ANY($1)`,
};

/** The database and the bucket behind the registry's back. */
export class Leftovers {
  #settings;

  constructor({ databaseUrl, settings }) {
    this.databaseUrl = databaseUrl;
    this.#settings = settings;
  }

  /** How many of these manifests are there, as `{ repository, image }`. A request for one would protect it. */
  stillThere(manifests) {
    const names = manifests.map(({ repository, image }) => `${repository}@${image.digest}`);
    return this.#connected(async (client) =>
      Number((await client.query({ ...STILL_THERE, values: [names] })).rows[0].count),
    );
  }

  /** What should be nothing, by name. */
  counts() {
    return this.#connected(async (client) => {
      const found = {};
      for (const [name, text] of Object.entries(COUNTS)) found[name] = Number((await client.query(text)).rows[0].count);
      const { rows } = await client.query('SELECT object_key FROM registry.blob');
      const known = new Set(rows.map((row) => row.object_key));
      const objects = await objectKeys(this.#settings);
      found['rows without an object'] = known.difference(objects).size;
      found['objects without a row'] = objects.difference(known).size;
      return found;
    });
  }

  async #connected(ask) {
    const client = new pg.Client({ connectionString: this.databaseUrl });
    await client.connect();
    try {
      return await ask(client);
    } finally {
      await client.end();
    }
  }
}

async function objectKeys({ BERTH_S3_ENDPOINT, BERTH_S3_ACCESS_KEY: accessKey, BERTH_S3_SECRET_KEY: secretKey }) {
  const { hostname: endPoint, port } = new URL(BERTH_S3_ENDPOINT);
  const client = new Client({ endPoint, port: Number(port), useSSL: false, accessKey, secretKey });
  const keys = new Set();
  for await (const { name } of client.listObjectsV2('berth', '', true)) keys.add(name);
  return keys;
}
