/** What the database can keep as text: it has no NUL. */
export const STORABLE = /^[^\0]*$/;
