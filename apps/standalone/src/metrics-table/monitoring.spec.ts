import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { REGISTRY_ERRORS } from '@berth/oci';
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { exportedMetrics } from './exported-metrics.js';

const ROOT = resolve(__dirname, '../../../..');
const read = (path: string) => readFileSync(resolve(ROOT, path), 'utf8');

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}
interface Panel {
  title: string;
  type: string;
  description?: string;
  targets?: { expr: string; legendFormat: string }[];
  fieldConfig?: { defaults: { unit: string } };
}

const RULES = (parse(read('deploy/monitoring/rules.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const ALERTS = RULES.filter((rule) => rule.alert !== undefined) as (Rule & Required<Pick<Rule, 'alert'>>)[];
const DASHBOARD = JSON.parse(read('deploy/monitoring/dashboard.json')) as {
  panels: Panel[];
  templating: { list: { name: string; query: string | { query: string } }[] };
};
const RUNBOOK = read('docs/runbook.md');

/** What Prometheus adds to every series of a target. */
const OF_TARGETS = ['instance', 'job'];

interface Series {
  labels: string[];
  /** Values that a label may have; of one that is not here any. */
  values?: Record<string, string[]>;
}

/** Every series that a rule may name, with its labels. */
async function knownSeries(): Promise<Map<string, Series>> {
  const series = new Map<string, Series>([['up', { labels: OF_TARGETS }]]);
  for (const { name, type, labels, help } of await exportedMetrics()) {
    const all = [...labels, 'service', ...OF_TARGETS];
    const inHelp = [...help.matchAll(/`([\w-]+)`/g)].map((match) => match[1]!);
    const outcome = name.startsWith('berth_bus_') ? ['ok', ...Object.keys(REGISTRY_ERRORS)] : inHelp;
    const values = { outcome, direction: ['in', 'out'], kind: inHelp, reason: inHelp };
    if (type !== 'histogram') series.set(name, { labels: all, values });
    else {
      series.set(`${name}_bucket`, { labels: [...all, 'le'], values });
      for (const suffix of ['sum', 'count']) series.set(`${name}_${suffix}`, { labels: all, values });
    }
  }
  for (const { record, expr } of RULES) if (record !== undefined) series.set(record, { labels: groupedBy(expr) });
  return series;
}

/** The labels that are left behind the aggregation, which every recording rule here has. */
const groupedBy = (expr: string): string[] => [
  ...new Set(
    [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap((match) => match[1]!.split(', ')).filter((label) => label !== 'le'),
  ),
];

/** What is wrong with an expression: it is no PromQL, or names what is not there. */
function troublesOf(expr: string, known: Map<string, Series>): string[] {
  const troubles: string[] = [];
  const text = (node: SyntaxNode) => expr.slice(node.from, node.to);
  const used: Series[] = [];
  let metrics = 0;
  const grouping: string[] = [];
  parser.parse(expr).iterate({
    enter({ node }) {
      if (node.type.isError) troubles.push(`no PromQL at ${node.from}`);
      if (node.name === 'GroupingLabels') grouping.push(...node.getChildren('LabelName').map(text));
      if (node.name !== 'VectorSelector') return;
      metrics++;
      const name = text(node.getChild('Identifier') ?? node);
      const series = known.get(name);
      if (!series) return void troubles.push(`nobody exports ${name}`);
      used.push(series);
      for (const matcher of node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []) {
        const label = text(matcher.getChild('LabelName')!);
        const value = text(matcher.getChild('StringLiteral')!).slice(1, -1);
        if (!series.labels.includes(label)) troubles.push(`${name} has no label ${label}`);
        const isExact = ['=', '!='].includes(text(matcher.getChild('MatchOp')!));
        const values = series.values?.[label];
        if (isExact && values && !values.includes(value)) troubles.push(`${label} of ${name} is never ${value}`);
      }
    },
  });
  if (metrics === 0) troubles.push('it names no metric');
  for (const label of grouping) {
    if (!used.some(({ labels }) => labels.includes(label))) troubles.push(`no metric in it has the label ${label}`);
  }
  return troubles;
}

/** Names in the text of an annotation or a legend. */
const labelsIn = (template: string): string[] => [
  ...[...template.matchAll(/\$labels\.(\w+)/g)].map((match) => match[1]!),
  ...[...template.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]!),
];
const isLeft = (expr: string, label: string): boolean =>
  groupedBy(expr).includes(label) || (!/\b(sum|min|max|histogram_quantile)\b/.test(expr) && !/berth:/.test(expr));

describe('the rules and the dashboard of deploy/monitoring', () => {
  let known: Map<string, Series>;
  beforeAll(async () => {
    known = await knownSeries();
  });

  it('are held against what the services export', () => {
    const wrong = {
      'sum(rate(berth_http_requests_total[5m]))': ['nobody exports berth_http_requests_total'],
      'rate(berth_http_request_duration_seconds[5m])': ['nobody exports berth_http_request_duration_seconds'],
      'berth_outbox_events{queue="x"}': ['berth_outbox_events has no label queue'],
      'sum by (path) (berth_outbox_events)': ['no metric in it has the label path'],
      'sum by (le) (berth_bus_request_duration_seconds_count)': ['no metric in it has the label le'],
      'berth_bus_answer_duration_seconds_count{outcome="OK"}': [
        'outcome of berth_bus_answer_duration_seconds_count is never OK',
      ],
      'sum(rate(berth_outbox_events[5m])': ['no PromQL at 33'],
      '1 > 0': ['it names no metric'],
    };
    for (const [expr, troubles] of Object.entries(wrong)) expect(troublesOf(expr, known)).toEqual(troubles);
  });

  it.each(RULES.map((rule) => [rule.record ?? rule.alert, rule]))('%s is of what is there', (_name, rule) => {
    expect(troublesOf(rule.expr, known)).toEqual([]);
  });

  it.each(ALERTS.map((rule) => [rule.alert, rule]))(
    '%s says how grave it is, what it is, and where the runbook has it',
    (_name, { alert, expr, labels, annotations = {} }) => {
      expect(['page', 'ticket']).toContain(labels?.['severity']);
      expect(annotations['runbook']).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
      expect(annotations['description']).toMatch(/^[A-Z].*\.$/);
      const recorded = [...expr.matchAll(/berth:\w+(?::\w+)*/g)].flatMap((match) => known.get(match[0])?.labels ?? []);
      for (const label of labelsIn(annotations['summary']!)) {
        expect([label, recorded.includes(label) || isLeft(expr, label)]).toEqual([label, true]);
      }
    },
  );

  it('have a section of the runbook each, with all its parts, and none is of another alert', () => {
    const sections = RUNBOOK.split(/^## /m).slice(1);
    expect(sections.map((section) => section.split('\n', 1)[0]).sort()).toEqual(
      ALERTS.map(({ alert }) => alert).sort(),
    );
    for (const section of sections) {
      const parts = [...section.matchAll(/^\*\*([\w ]+)\.\*\* \S/gm)].map((match) => match[1]);
      expect([section.split('\n', 1)[0], ...parts]).toEqual([
        section.split('\n', 1)[0],
        ...['Symptom', 'What it means', 'Look', 'Do'],
      ]);
    }
  });

  it('show in every panel what is there, with its unit', () => {
    const panels = DASHBOARD.panels.filter(({ type }) => type !== 'row');
    expect(panels.length).toBeGreaterThan(20);
    for (const { title, targets = [], description, fieldConfig } of panels) {
      expect(targets.length).toBeGreaterThan(0);
      expect([title, description]).toEqual([title, expect.stringMatching(/\.$/)]);
      expect(fieldConfig?.defaults.unit).toBeTruthy();
      for (const { expr, legendFormat } of targets) {
        const asked = expr.replaceAll('$__rate_interval', '5m').replaceAll('$service', '.+');
        expect([title, troublesOf(asked, known)]).toEqual([title, []]);
        for (const label of labelsIn(legendFormat)) expect([title, isLeft(expr, label)]).toEqual([title, true]);
      }
    }
  });

  it('ask in the runbook for what is there', () => {
    const asked = [...RUNBOOK.matchAll(/`([^`]*(?:rate|topk|sum|==)[^`]*)`/g)].map((match) => match[1]!);
    const queries = asked.filter((one) => /berth[_:]/.test(one));
    expect(queries.length).toBeGreaterThan(4);
    for (const query of queries) expect([query, troublesOf(query, known)]).toEqual([query, []]);
  });
});
