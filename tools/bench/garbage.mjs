// Blobs by the thousand that manifests reference until those are deleted: rows by SQL, objects by PUTs.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Client } from 'minio';
import pg from 'pg';

export const REPOSITORY = 'garbage/app';
const BLOB_BYTES = 1_000;
const BLOBS_OF_A_MANIFEST = 100;
const PUTS_AT_ONCE = 16;
const BUCKET = 'berth';

const MAKE = `WITH repo AS (SELECT id FROM registry.repository WHERE path = '${REPOSITORY}'),
  given AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS given (digest, object_key, manifest)),
  blobs AS (INSERT INTO registry.blob (digest, object_key, size) SELECT digest, object_key, ${BLOB_BYTES} FROM given),
  links AS (INSERT INTO registry.repository_blob (repository_id, digest, size)
    SELECT repo.id, digest, ${BLOB_BYTES} FROM given, repo),
  made AS (INSERT INTO registry.manifest (repository_id, digest, media_type, size, image_size, payload)
    SELECT DISTINCT repo.id, manifest, 'application/vnd.oci.image.manifest.v1+json', 2, 2, '{}'::bytea FROM given, repo
    RETURNING id, digest)
  INSERT INTO registry.manifest_blob (manifest_id, repository_id, digest)
  SELECT made.id, repo.id, given.digest FROM given JOIN made ON made.digest = given.manifest, repo`;
const COUNT = `SELECT (SELECT count(*) FROM registry.repository_blob WHERE review_after <= now())
  + (SELECT count(*) FROM registry.object_deletion) AS waiting`;

/** As storage names an object. */
function objectKey() {
  const id = randomUUID();
  return `objects/${id.slice(0, 2)}/${id}`;
}

export class Garbage {
  made = { blobs: 0, bytes: 0 };
  #manifests = [];

  static async connect({ databaseUrl, settings }) {
    const { BERTH_S3_ENDPOINT, BERTH_S3_ACCESS_KEY: accessKey, BERTH_S3_SECRET_KEY: secretKey } = settings;
    const { hostname: endPoint, port } = new URL(BERTH_S3_ENDPOINT);
    const garbage = new Garbage();
    garbage.store = new Client({
      endPoint,
      port: Number(port),
      useSSL: false,
      region: 'us-east-1',
      accessKey,
      secretKey,
    });
    garbage.database = new pg.Client({ connectionString: databaseUrl });
    await garbage.database.connect();
    return garbage;
  }

  /** So many blobs, referenced by manifests of a hundred each. */
  async make(count) {
    const blobs = Array.from({ length: count }, (_, n) => {
      const bytes = randomBytes(BLOB_BYTES);
      const hex = createHash('sha256').update(bytes).digest('hex');
      const key = objectKey();
      return { bytes, digest: `sha256:${hex}`, key, manifest: Math.floor(n / BLOBS_OF_A_MANIFEST) };
    });
    const manifests = Array.from(
      { length: Math.ceil(count / BLOBS_OF_A_MANIFEST) },
      () => `sha256:${randomBytes(32).toString('hex')}`,
    );
    const waiting = [...blobs];
    const put = async () => {
      for (let blob; (blob = waiting.pop());) await this.store.putObject(BUCKET, blob.key, blob.bytes, BLOB_BYTES);
    };
    await Promise.all(Array.from({ length: PUTS_AT_ONCE }, put));
    await this.database.query(MAKE, [
      blobs.map(({ digest }) => digest),
      blobs.map(({ key }) => key),
      blobs.map(({ manifest }) => manifests[manifest]),
    ]);
    await this.database.query('ANALYZE');
    this.made.blobs += count;
    this.made.bytes += count * BLOB_BYTES;
    this.#manifests.push(...manifests);
  }

  /** Deletes the manifests as a client does. */
  async release(calls) {
    for (const digest of this.#manifests.splice(0)) await calls.remove(REPOSITORY, digest);
  }

  /** Neither a link nor an object waits. */
  async isGone() {
    return Number((await this.database.query(COUNT)).rows[0].waiting) === 0;
  }

  async end() {
    await this.database.end();
  }
}
