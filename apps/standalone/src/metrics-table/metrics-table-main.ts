// npm run metrics:table: writes the tables of docs/metrics.md.
import 'reflect-metadata';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { exportedMetrics } from './exported-metrics.js';
import { withMetricsTables } from './metrics-table.js';

const PAGE = fileURLToPath(new URL('../../../../docs/metrics.md', import.meta.url));

writeFileSync(PAGE, withMetricsTables(readFileSync(PAGE, 'utf8'), await exportedMetrics()));
process.exit();
