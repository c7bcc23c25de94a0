import { settingsOf } from './setting.js';
import { Settings } from './settings.js';

/** The table of docs/configuration.md, in Markdown. */
export function settingsTable(): string {
  const rows = settingsOf(Settings).map(
    ({ variable, default: value, secret, doc }) =>
      `| \`${variable}\` | ${shown(value, secret)} | ${doc.replaceAll('|', '\\|')} |`,
  );
  return ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n') + '\n';
}

const shown = (value: string | undefined, secret = false): string =>
  secret ? 'secret' : value === undefined ? '-' : `\`${value}\``;
