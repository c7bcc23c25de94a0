import pg from 'pg';

export const FULL_REPOSITORY = { organisation: 'seed1', name: 'repository-1' };
/** A user of the first account, without a password, who may read the first half of the organisations. */
export const MEMBER = 'seed-member';

const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: `sha256:${'0'.repeat(64)}`, size: 2 },
  layers: [],
});

const STATEMENTS = [
  [
    `INSERT INTO manage.organisation (name, account_id, creator_id)
     SELECT 'seed' || n, u.account_id, u.id FROM (SELECT * FROM auth."user" ORDER BY created_at LIMIT 1) u,
       generate_series(1, $1::int) n`,
    ['organisations'],
  ],
  [
    `WITH member AS (INSERT INTO auth."user" (id, account_id, name, password_hash)
       SELECT gen_random_uuid(), account_id, '${MEMBER}', password_hash FROM auth."user" ORDER BY created_at LIMIT 1 RETURNING id)
     INSERT INTO manage.organisation_permission (organisation_id, user_id, auth)
     SELECT o.id, member.id, 1 FROM manage.organisation o, member
     WHERE substr(o.name, 5)::int <= ($1::int + 1) / 2 AND o.name ~ '^seed[0-9]+$'`,
    ['organisations'],
  ],
  [
    `INSERT INTO registry.repository (organisation_id, path, is_public, category)
     SELECT o.id, o.name || '/repository-' || n, n % 10 = 0, CASE WHEN n % 1000 = 7 THEN 'linux' ELSE 'other' END
     FROM generate_series(1, $1::int) n JOIN manage.organisation o ON o.name = 'seed' || (n - 1) % $2::int + 1`,
    ['repositories', 'organisations'],
  ],
  [
    `INSERT INTO registry.manifest (repository_id, digest, media_type, size, image_size, payload)
     SELECT id, 'sha256:' || encode(sha256('${MANIFEST}'), 'hex'), 'application/vnd.oci.image.manifest.v1+json',
       length('${MANIFEST}'), length('${MANIFEST}'), '${MANIFEST}'
     FROM registry.repository WHERE path LIKE 'seed%'`,
    [],
  ],
  [
    `INSERT INTO registry.tag (repository_id, name, manifest_id)
     SELECT m.repository_id, 'latest', m.id FROM registry.manifest m JOIN registry.repository r ON r.id = m.repository_id
     WHERE r.path LIKE 'seed%' AND r.path <> '${FULL_REPOSITORY.organisation}/${FULL_REPOSITORY.name}'`,
    [],
  ],
  [
    `INSERT INTO registry.tag (repository_id, name, manifest_id, updated_at)
     SELECT m.repository_id, 'v1.' || n || '-' || left(md5(n::text), 8), m.id, now() - random() * interval '90 days'
     FROM registry.manifest m JOIN registry.repository r ON r.id = m.repository_id, generate_series(1, $1::int) n
     WHERE r.path = '${FULL_REPOSITORY.organisation}/${FULL_REPOSITORY.name}'`,
    ['tags'],
  ],
  [`UPDATE registry.repository_statistics SET updated_at = updated_at - random() * interval '90 days'`, []],
  ['VACUUM ANALYZE', []],
];

/** Fills a database, which has been migrated and has its first account, by `counts`: repositories, tags, organisations. */
export async function seed(databaseUrl, counts) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (const [text, values] of STATEMENTS)
      await client.query(
        text,
        values.map((name) => counts[name]),
      );
  } finally {
    await client.end();
  }
}
