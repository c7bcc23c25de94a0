import { settingsOf } from './setting.js';
import { Settings } from './settings.js';

const START = '<!-- settings -->\n';
const END = '<!-- /settings -->';

/** The table of docs/configuration.md, in Markdown. */
export function settingsTable(): string {
  const rows = settingsOf(Settings).map(
    ({ variable, default: value, secret, doc }) =>
      `| \`${variable}\` | ${shown(value, secret)} | ${doc.replaceAll('|', '\\|')} |`,
  );
  return ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n') + '\n';
}

/** What stands between the markers of docs/configuration.md. */
export function documentedSettings(page: string): string {
  const { start, end } = between(page);
  return page.slice(start, end);
}

/** The page with the table of the settings as they are. */
export function withSettingsTable(page: string): string {
  const { start, end } = between(page);
  return page.slice(0, start) + settingsTable() + page.slice(end);
}

function between(page: string): { start: number; end: number } {
  const start = page.indexOf(START) + START.length;
  const end = page.indexOf(END);
  if (start < START.length || end < start) throw new Error(`the page has no ${START.trim()} and ${END}`);
  return { start, end };
}

const shown = (value: string | undefined, secret = false): string =>
  secret ? 'secret' : value === undefined ? '-' : `\`${value}\``;
