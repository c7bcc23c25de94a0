// npm run settings:table: writes the table of docs/configuration.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { withSettingsTable } from './settings-table.js';

const PAGE = fileURLToPath(new URL('../../../../docs/configuration.md', import.meta.url));

writeFileSync(PAGE, withSettingsTable(readFileSync(PAGE, 'utf8')));
