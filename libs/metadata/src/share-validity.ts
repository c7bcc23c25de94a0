/**
 * The condition, in SQL, under which a share is valid; `share` is the alias of its row. A share lapses by day: its deadline is
 * kept as it was sent, and the share goes on until the end of that day, in UTC, by the clock of the database.
 */
export const validShare = (share: string): string =>
  `(${share}.deadline IS NULL OR ${share}.deadline >= date_trunc('day', now(), 'UTC'))`;
