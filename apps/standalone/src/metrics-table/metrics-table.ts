import type { ExportedMetric } from './exported-metrics.js';

const OURS = /^berth_/;
const SERVICES = 6;
const ALL_BUT_GATEWAY = SERVICES - 1;

/** A page with the tables of these metrics between its markers: ours, and those of Node.js and the process. */
export function withMetricsTables(page: string, metrics: ExportedMetric[]): string {
  const [ours, others] = [
    metrics.filter(({ name }) => OURS.test(name)),
    metrics.filter(({ name }) => !OURS.test(name)),
  ];
  return between(between(page, 'berth', tableOf(ours)), 'node', tableOf(others));
}

function tableOf(metrics: ExportedMetric[]): string {
  const rows = metrics.map(({ name, type, labels, help, services }) => {
    const cells = [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(', '), where(services), help];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return (
    ['| metric | type | labels | in | what it says |', '| --- | --- | --- | --- | --- |', ...rows].join('\n') + '\n'
  );
}

function where(services: string[]): string {
  if (services.length === SERVICES) return 'all';
  const isAllButGateway = services.length === ALL_BUT_GATEWAY && !services.includes('gateway');
  return isAllButGateway ? 'all but gateway' : services.join(', ');
}

function between(page: string, marker: string, table: string): string {
  const [start, end] = [`<!-- metrics:${marker} -->\n`, `<!-- /metrics:${marker} -->`];
  const [from, to] = [page.indexOf(start) + start.length, page.indexOf(end)];
  if (from < start.length || to < from) throw new Error(`the page has no ${start.trim()} and ${end}`);
  return page.slice(0, from) + table + page.slice(to);
}
