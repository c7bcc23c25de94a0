/** What a command gives: one thing, or a list of them. Values are texts, numbers, booleans or null. */
export type Result = Fields | Fields[];
export type Fields = Record<string, string | number | boolean | null>;

/** One line of JSON for each thing. */
export const asJson = (result: Result): string =>
  [result]
    .flat()
    .map((one) => `${JSON.stringify(one)}\n`)
    .join('');

/** For people: a table of a list, and of one thing a line for each of its fields. */
export function asText(result: Result): string {
  if (!Array.isArray(result)) return linesOf(Object.entries(result).map(([name, value]) => [name, shown(value)]));
  const names = Object.keys(result[0] ?? {});
  if (names.length === 0) return 'none\n';
  return linesOf([names, ...result.map((one) => names.map((name) => shown(one[name] ?? null)))]);
}

function linesOf(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}

/** Names and descriptions are others': nothing in them reaches a terminal as a command. */
const shown = (value: Fields[string]): string =>
  value === null ? '-' : String(value).replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
