/** Checks that what a query asks of our own telemetry exists: metrics, their dimensions and values, members of audit events. */
import { METRICS, type Metric } from '../../shared/telemetry/metrics.ts';
import type { AuditEvent } from '../../shared/telemetry/telemetry.ts';

const metrics: Readonly<Record<string, Metric>> = METRICS;

type MemberOf<Event> = Event extends unknown ? keyof Event : never;
/** Members of audit events that queries may ask for. */
const AUDIT_MEMBERS: readonly (MemberOf<AuditEvent> | 'request_id')[] = [
  'event',
  'request_id',
  'outcome',
  'code',
  'reason',
  'detail',
  'join_token',
  'join_method',
  'system_role',
  'bot',
  'instance_id',
  'vm_id',
  'subscription',
  'tenant',
  'resource_id',
  'identity',
  'vm_binding',
  'rule',
  'serials',
  'client',
  'duration_ms',
  'not_written',
  'action',
  'actions',
  'ignored',
  'lost',
  'resource',
  'operator',
  'changed',
  'results',
  'sign',
  'beside',
  'key',
  'mac',
  'finding',
  'anchor',
  'name',
  'sha256',
  'azure_root',
  'document_signer',
];
const AUDIT_VALUES: Readonly<Record<string, readonly string[]>> = {
  event: [
    'join',
    'resource',
    'keys',
    'failure',
    'probe',
    'sampled',
    'security',
    'second_instance',
    'anchor',
    'azure_trust',
  ],
  outcome: [...METRICS.joins.dimensions.outcome, 'begun', 'done', 'refused', 'passed'],
  sign: METRICS.theft_signs.dimensions.sign,
};

export function telemetryProblems(query: string): string[] {
  const statements = query.replace(/^\s*\/\/.*$/gm, '').split(';');
  return statements.flatMap((statement) => [
    ...(/\bAppMetrics\b/.test(statement) ? metricProblems(statement) : []),
    ...(/\bAppTraces\b/.test(statement) ? auditProblems(statement) : []),
  ]);
}

/** A statement asks for one metric, so that its dimensions are known. */
function metricProblems(statement: string): string[] {
  const names = [...statement.matchAll(/\bName == "(\w*)"/g)].map(([, name = '']) => name);
  const [name = ''] = names;
  const metric = Object.hasOwn(metrics, name) ? metrics[name] : undefined;
  if (names.length !== 1 || !metric) {
    return [`expected one metric of docs/metrics.md in a statement, got ${names.join(', ')}`];
  }
  return [
    ...unknownMembers(statement, Object.keys(metric.dimensions)).map(
      (member) => `${name} has no dimension ${member}`,
    ),
    ...unknownValues(statement, metric.dimensions),
  ];
}

const auditProblems = (statement: string): string[] => [
  ...unknownMembers(statement, AUDIT_MEMBERS).map((member) => `no audit event has ${member}`),
  ...unknownValues(statement, AUDIT_VALUES),
];

const unknownMembers = (statement: string, known: readonly string[]): string[] =>
  [...statement.matchAll(/\bProperties\.(\w+)/g)]
    .map(([, member = '']) => member)
    .filter((member) => !known.includes(member));

/** Texts that a member, or the column made of it, is compared with and never is. */
function unknownValues(
  statement: string,
  values: Readonly<Record<string, readonly string[]>>,
): string[] {
  const columns = [...statement.matchAll(/\b(\w+) = tostring\(Properties\.(\w+)\)/g)];
  const memberOf = new Map(columns.map(([, column = '', member = '']) => [column, member]));
  const compared = /(?:\bProperties\.(\w+)\)?|\b(\w+)) (?:==|!=|in|!in) (\("[^)]*\)|"[^"]*")/g;
  return [...statement.matchAll(compared)].flatMap(([, direct, column = '', texts = '']) => {
    const member = direct ?? memberOf.get(column);
    const known = member === undefined ? undefined : values[member];
    return [...texts.matchAll(/"([^"]*)"/g)]
      .map(([, text = '']) => text)
      .filter((text) => known && !known.includes(text))
      .map((text) => `${member} is never ${text}`);
  });
}
