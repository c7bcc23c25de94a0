/**
 * What decides on garbage, as SQL, in one place: the collector judges by it, the plan counts by it, and what explains a digest
 * shows it. `m` is a row of manifest, `rb` one of repository_blob, `r` the repository and `o` its organisation.
 */

/** What a policy column says where manifests are kept. */
export const KEEP = -1;

const IS_TAGGED = `EXISTS (SELECT FROM registry.tag t WHERE t.manifest_id = m.id)`;
const IS_LISTED = `EXISTS (SELECT FROM registry.manifest_child c WHERE c.child_id = m.id)`;
/** Both sides have an index on the digest within the repository. */
const HAS_SUBJECT = `EXISTS (SELECT FROM registry.manifest s
  WHERE s.repository_id = m.repository_id AND s.digest = m.subject_digest)`;

/** A tag names the manifest, an index lists it, or its subject is there. */
export const MANIFEST_IS_IN_USE = `(${IS_TAGGED} OR ${IS_LISTED} OR ${HAS_SUBJECT})`;

/** Where somebody has deleted its row, KEEP: nothing goes for want of a policy. */
export const INSTALLATION_POLICY = `coalesce((SELECT untagged_after FROM registry.untagged_default WHERE id = 1), ${KEEP})`;

/** Seconds, or KEEP. */
export const UNTAGGED_POLICY = `coalesce(r.untagged_after, o.untagged_after, ${INSTALLATION_POLICY})`;

/** When the policy lets the manifest go; only where it does not say KEEP. */
export const POLICY_ENDS = `m.released_at + make_interval(secs => greatest(${UNTAGGED_POLICY}, 0))`;

/** A lease is over, or something let go of it. */
export const MANIFEST_IS_DUE = `review_after <= now()`;

/** Its protection ended more than the grace ago, which `grace` is the parameter of, in seconds. */
export const linkIsDue = (grace: string): string => `review_after <= now() - make_interval(secs => ${grace})`;

/** A manifest of the repository references the blob. */
export const LINK_IS_REFERENCED = `EXISTS (SELECT FROM registry.manifest_blob mb
  WHERE mb.repository_id = rb.repository_id AND mb.digest = rb.digest)`;
