import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { settingsOf } from './setting.js';
import { Settings } from './settings.js';
import { documentedSettings, settingsTable } from './settings-table.js';

const CONFIGURATION = resolve(__dirname, '../../../../docs/configuration.md');

describe(settingsTable.name, () => {
  const rows = settingsTable().trimEnd().split('\n').slice(2);

  it('has a row for every setting, with its default and its meaning', () => {
    const descriptions = settingsOf(Settings);
    expect(rows).toHaveLength(descriptions.length);
    expect(rows).toContainEqual('| `BERTH_HOST` | `127.0.0.1` | Address the gateway listens on. |');
    for (const [n, { variable, doc }] of descriptions.entries()) {
      expect(rows[n]).toContain(`\`${variable}\``);
      expect(doc).toMatch(/\.$/);
    }
  });

  it('has three cells in every row', () => {
    for (const row of rows) expect(row.replaceAll('\\|', '').split('|')).toHaveLength(5);
  });

  it('says of a secret that it is one', () => {
    expect(rows.find((row) => row.includes('BERTH_SECRET_KEY'))).toMatch(/\| secret \|/);
  });
});

describe('docs/configuration.md', () => {
  it('has the table of the settings as they are (otherwise: npm run settings:table)', () => {
    expect(documentedSettings(readFileSync(CONFIGURATION, 'utf8'))).toBe(settingsTable());
  });
});
