// What is left in the database and in the object store, once everything is quiet.
import { LEFTOVER_ROWS } from '@berth/testing';
import { Client } from 'minio';
import pg from 'pg';

const BUCKET = 'berth';
const QUARANTINE = 'blobs in quarantine, or suspected';

const COUNTS = {
  ...LEFTOVER_ROWS,
  manifests: 'SELECT count(*) FROM registry.manifest',
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

  /** What should be nothing while there is still something, by name. */
  damage() {
    return this.#connected(async (client) => ({
      [QUARANTINE]: await count(client, COUNTS[QUARANTINE]),
      'rows without an object': (await this.#rowsAndObjects(client)).rows,
    }));
  }

  /** What should be nothing when all was deleted, by name. */
  counts() {
    return this.#connected(async (client) => {
      const found = {};
      for (const [name, text] of Object.entries(COUNTS)) found[name] = await count(client, text);
      const { rows, objects } = await this.#rowsAndObjects(client);
      found['rows without an object'] = rows;
      found['objects without a row'] = objects;
      found['half multipart uploads'] = await halfUploads(this.#settings);
      return found;
    });
  }

  /** How many of each lack the other. */
  async #rowsAndObjects(client) {
    const { rows } = await client.query('SELECT object_key FROM registry.blob');
    const known = new Set(rows.map((row) => row.object_key));
    const objects = await objectKeys(this.#settings);
    return { rows: known.difference(objects).size, objects: objects.difference(known).size };
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

const count = async (client, text) => Number((await client.query(text)).rows[0].count);

async function objectKeys(settings) {
  const keys = new Set();
  for await (const { name } of storeOf(settings).listObjectsV2(BUCKET, '', true)) keys.add(name);
  return keys;
}

/** Of those begun since MinIO's last start, which is all that it lists; the first thousand. */
async function halfUploads(settings) {
  const { uploads } = await storeOf(settings).listIncompleteUploadsQuery(BUCKET, '', '', '', '');
  return uploads.length;
}

function storeOf({ BERTH_S3_ENDPOINT, BERTH_S3_ACCESS_KEY: accessKey, BERTH_S3_SECRET_KEY: secretKey }) {
  const { hostname: endPoint, port } = new URL(BERTH_S3_ENDPOINT);
  return new Client({ endPoint, port: Number(port), useSSL: false, accessKey, secretKey });
}
