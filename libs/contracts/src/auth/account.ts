/** Most accounts, users or projects on a page. */
export const MAX_PAGE = 1_000;

/** Names of accounts and projects: as IAM has them. */
export const ACCOUNT_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Names of users. A docker login has `account/user` and `project@access-key`, and ends the name at a colon. */
export const USER_NAME = /^(?!\s)[^\p{C}/@:]{1,64}(?<!\s)$/u;

export const SHORTEST_PASSWORD = 8;
export const LONGEST_PASSWORD = 4096;
/** In characters, whatever they are. */
export const PASSWORD = new RegExp(`^[^]{${SHORTEST_PASSWORD},${LONGEST_PASSWORD}}$`, 'u');
export const MAX_ORGANISATION_QUOTA = 1_000_000;

/** An account as operators see it. */
export interface AccountV1 {
  id: string;
  name: string;
  description: string;
  isEnabled: boolean;
  /** How many organisations it may own; null: no limit. */
  organisationQuota: number | null;
}

/** A user as administrators see it. */
export interface UserV1 {
  id: string;
  accountId: string;
  name: string;
  description: string;
  isAdministrator: boolean;
  isEnabled: boolean;
}
