// What is left in the database and in the object store, once everything is quiet.
import { Client } from 'minio';
import pg from 'pg';

const COUNTS = {
  'links that nothing references': `SELECT count(*) FROM registry.repository_blob rb WHERE NOT EXISTS (
    SELECT FROM registry.manifest_blob mb WHERE mb.repository_id = rb.repository_id AND mb.digest = rb.digest)`,
  'blobs without a link': `SELECT count(*) FROM registry.blob b WHERE NOT EXISTS (
    SELECT FROM registry.repository_blob rb WHERE rb.digest = b.digest)`,
  'objects that wait for their deletion': 'SELECT count(*) FROM registry.object_deletion',
  'repositories whose statistics are wrong': `SELECT count(*) FROM registry.repository_statistics s WHERE
    s.tag_count <> (SELECT count(*) FROM registry.tag t WHERE t.repository_id = s.repository_id)
    OR s.size <> (SELECT coalesce(sum(rb.size), 0) FROM registry.repository_blob rb WHERE rb.repository_id = s.repository_id)
      + (SELECT coalesce(sum(m.size), 0) FROM registry.manifest m WHERE m.repository_id = s.repository_id)`,
  'organisations whose statistics are wrong': `SELECT count(*) FROM (
    SELECT organisation_id, sum(tag_count) AS tags, sum(size) AS size FROM registry.organisation_statistics GROUP BY 1) o
    LEFT JOIN (SELECT organisation_id, sum(tag_count) AS tags, sum(size) AS size FROM registry.repository_statistics GROUP BY 1) r
    USING (organisation_id) WHERE (o.tags, o.size) IS DISTINCT FROM (coalesce(r.tags, 0), coalesce(r.size, 0))`,
};

/** What should be nothing, by name, and the keys of objects without a row and of rows without an object. */
export async function leftovers(databaseUrl, settings) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const found = {};
    for (const [name, text] of Object.entries(COUNTS)) found[name] = Number((await client.query(text)).rows[0].count);
    const rows = new Set(
      (await client.query('SELECT object_key FROM registry.blob')).rows.map((row) => row.object_key),
    );
    const objects = await objectKeys(settings);
    const keysOf = (of, without) => [...of].filter((key) => !without.has(key));
    return {
      ...found,
      'rows without an object': keysOf(rows, objects).length,
      objectsWithoutRow: keysOf(objects, rows),
    };
  } finally {
    await client.end();
  }
}

async function objectKeys({ BERTH_S3_ENDPOINT, BERTH_S3_ACCESS_KEY: accessKey, BERTH_S3_SECRET_KEY: secretKey }) {
  const { hostname: endPoint, port } = new URL(BERTH_S3_ENDPOINT);
  const client = new Client({ endPoint, port: Number(port), useSSL: false, accessKey, secretKey });
  const keys = new Set();
  for await (const { name } of client.listObjectsV2('berth', '', true)) keys.add(name);
  return keys;
}
