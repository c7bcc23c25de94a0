// The clocks of the soak: those that the services are set to, and what a client may rely on by them.

/** After an upload, a mount, or a push by digest. */
export const LEASE_SECONDS = 20;
/** After the last reference of a blob went: all that protects one which a HEAD found referenced. */
export const GRACE_SECONDS = 3;

/** Of an upload to which nothing is sent, until it is ended. */
const UPLOAD_IDLE_SECONDS = 15;

export const SETTINGS = {
  BERTH_LEASE_SECONDS: LEASE_SECONDS,
  BERTH_GC_GRACE_SECONDS: GRACE_SECONDS,
  BERTH_READ_GRANT_SECONDS: 5,
  BERTH_UPLOAD_IDLE_SECONDS: UPLOAD_IDLE_SECONDS,
  BERTH_GC_RECONCILE_SECONDS: 5,
  BERTH_GC_ORPHAN_SECONDS: 5,
  BERTH_GC_ABSENCE_CHECKS: 3,
  BERTH_GC_ABSENCE_SECONDS: 2,
  BERTH_GC_SCRUB_BYTES_PER_SECOND: 8_000_000,
};

export const UPLOAD_IDLE_MS = UPLOAD_IDLE_SECONDS * 1000;
/** A blob that was uploaded or mounted. */
export const LEASED_MS = LEASE_SECONDS * 1000;
/** A blob that a HEAD found: its lease may be near its half, or a manifest may let go of it right behind. */
export const FOUND_BLOB_MS = GRACE_SECONDS * 1000;
/** A manifest that a HEAD by digest found: the lease is renewed when it is past its half. */
export const FOUND_MANIFEST_MS = (LEASE_SECONDS / 2) * 1000;
