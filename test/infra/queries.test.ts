import { describe, expect, it } from 'vitest';
import { METRICS } from '../../shared/telemetry/metrics.ts';
import { kustoProblems } from './kusto.ts';
import { readText } from './project-files.ts';
import {
  alertQueries,
  alertRules,
  documentQueries,
  withParameters,
  workbook,
  workbookQueries,
} from './queries.ts';

import { telemetryProblems } from './telemetry-names.ts';

const all = [...alertQueries, ...workbookQueries, ...documentQueries].map(
  (query) => [query.name, query] as const,
);

describe.each(all)('the query %s', (_, query) => {
  it('is Kusto, and asks for tables and columns that there are', () => {
    expect(kustoProblems(withParameters(query))).toEqual([]);
  });

  it('asks for metrics, dimensions, values and audit members that there are', () => {
    expect(telemetryProblems(query.text)).toEqual([]);
  });
});

describe('the workbook', () => {
  it('shows every metric that an operator looks at', () => {
    const text = workbookQueries.map((query) => query.text).join('\n');
    const shown = Object.keys(METRICS).filter((name) => text.includes(`Name == "${name}"`));
    // Durations come out of the audit events: percentiles need every single one.
    expect(shown).toEqual(Object.keys(METRICS).filter((name) => name !== 'join_milliseconds'));
  });

  it('asks the workspace that Bicep puts in, in the time that is chosen', () => {
    for (const { name, content } of workbook.items) {
      if (content.query === undefined) continue;
      expect(content.crossComponentResources, name).toEqual(['<workspace id>']);
      expect(content.timeContextFromParameter, name).toBe('TimeRange');
    }
    expect(readText('infra/modules/workbook.bicep')).toContain("'<workspace id>', workspaceId");
    expect(workbook.fallbackResourceIds).toEqual(['<workspace id>']);
  });

  it('gives each item a name of its own', () => {
    const names = workbook.items.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('alerts.bicep', () => {
  const sections = alertRules.map(({ section }) => section);

  it('has a rule for every query, and a section of the runbook for every rule', () => {
    expect(sections.toSorted()).toEqual(alertQueries.map(({ name }) => name));
    for (const section of sections) {
      expect(readText('infra/alerts.bicep')).toContain(`loadTextContent('alerts/${section}.kql')`);
    }
    const headings = [...readText('docs/runbook.md').matchAll(/^## (.+)$/gm)];
    const anchors = headings.map(([, heading = '']) => heading.toLowerCase().replaceAll(' ', '-'));
    expect(anchors).toEqual(expect.arrayContaining(sections));
  });
});

describe('a mistake planted', () => {
  it.each([
    ['AppMetrcs | take 1', "'AppMetrcs' does not refer to any known table"],
    ['AppTraces | where Mesage == ""', "'Mesage' does not refer to any known column"],
    ['AppMetrics | summarise sum(Sum)', 'Query operator expected'],
    ['AppMetrics | where TimeGenerated > ago({Wrong})', ''],
  ])('in the Kusto %s is found', (query, problem) => {
    expect(kustoProblems(query)).toContainEqual(expect.stringContaining(problem));
  });

  it.each([
    ['AppMetrics | where Name == "join"', 'expected one metric of docs/metrics.md'],
    ['AppMetrics | summarize sum(Sum)', 'expected one metric of docs/metrics.md'],
    [
      'AppMetrics | where Name == "joins" | summarize by tostring(Properties.bot)',
      'no dimension bot',
    ],
    [
      'AppMetrics | where Name == "joins" and tostring(Properties.outcome) == "refused"',
      'outcome is never refused',
    ],
    [
      'AppMetrics | where Name == "probes" | extend r = tostring(Properties.result) | where r in ("passed", "ok")',
      'result is never ok',
    ],
    ['AppTraces | where tostring(Properties.event) == "joined"', 'event is never joined'],
    ['AppTraces | where Properties.event == "joins"', 'event is never joins'],
    ['AppTraces | project tostring(Properties.machine)', 'no audit event has machine'],
  ])('in the telemetry of %s is found', (query, problem) => {
    expect(kustoProblems(query)).toEqual([]);
    expect(telemetryProblems(query)).toContainEqual(expect.stringContaining(problem));
  });
});
