/**
 * Statements that count, by the name of what they count, rows of Berth's that may be there only for a while, and figures that are
 * wrong: each gives 0 once all is quiet.
 */
export const LEFTOVER_ROWS = {
  'links that nothing references': `SELECT count(*) FROM registry.repository_blob rb WHERE NOT EXISTS (
    SELECT FROM registry.manifest_blob mb WHERE mb.repository_id = rb.repository_id AND mb.digest = rb.digest)`,
  'blobs without a link': `SELECT count(*) FROM registry.blob b WHERE NOT EXISTS (
    SELECT FROM registry.repository_blob rb WHERE rb.digest = b.digest)`,
  'objects that wait for their deletion': 'SELECT count(*) FROM registry.object_deletion',
  'uploads that are open': 'SELECT count(*) FROM storage.upload_session',
  'subjects that went, whose referrers wait': 'SELECT count(*) FROM registry.referrer_release',
  'policies that wait for their review': 'SELECT count(*) FROM registry.untagged_review',
  'blobs in quarantine, or suspected': 'SELECT count(*) FROM registry.blob_quarantine',
  'objects that are suspected to have no row': 'SELECT count(*) FROM registry.orphan_object',
  'tasks that wait for an operator': 'SELECT count(*) FROM registry.reconciliation WHERE held IS NOT NULL',
  'repositories whose statistics are wrong': `SELECT count(*) FROM registry.repository_statistics s WHERE
    s.tag_count <> (SELECT count(*) FROM registry.tag t WHERE t.repository_id = s.repository_id)
    OR s.size <> (SELECT coalesce(sum(rb.size), 0) FROM registry.repository_blob rb WHERE rb.repository_id = s.repository_id)
      + (SELECT coalesce(sum(m.size), 0) FROM registry.manifest m WHERE m.repository_id = s.repository_id)`,
  'organisations whose statistics are wrong': `SELECT count(*) FROM (
    SELECT organisation_id, sum(tag_count) AS tags, sum(size) AS size, sum(repository_count) AS repositories
      FROM registry.organisation_statistics GROUP BY 1) o
    FULL JOIN (SELECT organisation_id, sum(tag_count) AS tags, sum(size) AS size, count(*) AS repositories
      FROM registry.repository_statistics GROUP BY 1) r USING (organisation_id)
    WHERE (coalesce(o.tags, 0), coalesce(o.size, 0), coalesce(o.repositories, 0))
      IS DISTINCT FROM (coalesce(r.tags, 0), coalesce(r.size, 0), coalesce(r.repositories, 0))`,
};
