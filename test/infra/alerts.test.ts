/** What each alert fires on, and what it doesn't: its query is run on rows of the kind that the broker's telemetry makes. */
import { beforeAll, describe, expect, it } from 'vitest';
import { DENIAL_REASONS } from '../../shared/protocol/denial-reason.ts';
import { JOIN_FAILURES } from '../../shared/refusal.ts';
import type { Dimensions } from '../../shared/telemetry/metrics.ts';
import { ASKED, asked, DAY, every, HOUR, measured, metricRows } from './log-rows.ts';
import { alertQueries, alertRules } from './queries.ts';
import { type FoundRow, hasKusto, type LogRows, runKusto } from './run-kusto.ts';

type JoinDimensions = Dimensions<'joins'>;

const joins = (minutesAgo: number, count: number, of: Partial<JoinDimensions> = {}) =>
  measured(minutesAgo, 'joins', count, {
    method: 'azure',
    role: 'Bot',
    outcome: 'admitted',
    reason: 'none',
    caller: 'known',
    ...of,
  });
const failed = (
  count: number,
  reason: JoinDimensions['reason'],
  caller: JoinDimensions['caller'],
) => joins(10, count, { outcome: 'failed', reason, caller });
const denied = (minutesAgo: number, count: number, caller: JoinDimensions['caller'] = 'known') =>
  joins(minutesAgo, count, { outcome: 'denied', reason: 'rule_mismatch', caller });
const probes = (minutesAgo: number, result: Dimensions<'probes'>['result'], count = 1) =>
  measured(minutesAgo, 'probes', count, { probe: 'other_nonce', result });
const keyDays = (
  minutesAgo: number,
  authority: Dimensions<'signing_key_days_left'>['authority'],
  days: number,
) => measured(minutesAgo, 'signing_key_days_left', days, { authority });
const amiss = (
  minutesAgo: number,
  trouble: Dimensions<'keys_amiss'>['trouble'],
  keys: number,
  count = 1,
) => measured(minutesAgo, 'keys_amiss', keys * count, { trouble }, count);
const theft = (minutesAgo: number, sign: Dimensions<'theft_signs'>['sign']) =>
  measured(minutesAgo, 'theft_signs', 1, { sign });
const runs = (minutesAgo: number, result: Dimensions<'revocation_runs'>['result']) =>
  measured(minutesAgo, 'revocation_runs', 1, { result });
const listAge = (
  minutesAgo: number,
  list: Dimensions<'revocation_list_age_hours'>['list'],
  hours: number,
) => measured(minutesAgo, 'revocation_list_age_hours', hours, { list });
const listBytes = (minutesAgo: number, bytes: number) =>
  measured(minutesAgo, 'revocation_list_bytes', bytes, {});
const chainAge = (minutesAgo: number, days: number) =>
  measured(minutesAgo, 'newest_chain_age_days', days, {});
const trustDays = (
  minutesAgo: number,
  anchor: Dimensions<'azure_trust_days_left'>['anchor'],
  days: number,
) => measured(minutesAgo, 'azure_trust_days_left', days, { anchor });
const backup = (minutesAgo: number, result: Dimensions<'backups'>['result']) =>
  measured(minutesAgo, 'backups', 1, { result });
const ready = (minutesAgo: number, check: Dimensions<'readiness'>['check'], is: boolean) =>
  measured(minutesAgo, 'readiness', is ? 1 : 0, { check });

const TWO_DAYS = every(15, { from: 2 * DAY - 5 });

/** Two days of a broker that is well, with a little of everything that happens anyway. */
const QUIET: LogRows = {
  AppMetrics: TWO_DAYS.flatMap((minutes) => [
    joins(minutes, 12),
    denied(minutes, 2),
    denied(minutes, 500, 'unknown'),
    joins(minutes, 5, { outcome: 'probe', reason: 'document_nonce', caller: 'unknown' }),
    probes(minutes, 'passed'),
    runs(minutes, 'ok'),
    listAge(minutes, 'issuing', 1),
    listAge(minutes, 'root', 150),
    listBytes(minutes, 60_000),
    keyDays(minutes, 'tls-root', 2000),
    keyDays(minutes, 'tls-issuing', 9),
    keyDays(minutes, 'ssh-user', 36_500),
    keyDays(minutes, 'ssh-host', 36_500),
    keyDays(minutes, 'probe', 1.5),
    amiss(minutes, 'lost', 0),
    amiss(minutes, 'ignored', 0),
    chainAge(minutes, 60),
    trustDays(minutes, 'pinned', 1000),
    trustDays(minutes, 'newest_chain', 200),
    ready(minutes, 'storage', true),
    ready(minutes, 'signing_keys', true),
  ]).concat([
    backup(1.5 * DAY, 'made'),
    backup(0.5 * DAY, 'made'),
    joins(30, 1, { outcome: 'failed', reason: 'internal' }),
  ]),
  AppAvailabilityResults: TWO_DAYS.map((minutes) => asked(minutes, true)).concat(asked(20, false)),
};

/** The query of this alert, what is in the log, and what it tells: nothing where there is nothing to see. */
type Case = readonly [alert: string, when: string, rows: LogRows, told: readonly FoundRow[]];

const STRANGERS_OWN = [
  ...DENIAL_REASONS,
  ...JOIN_FAILURES,
  'unavailable_to_caller' as const,
].filter((reason) => reason !== 'internal' && reason !== 'unavailable');

const CASES: readonly Case[] = [
  ...alertQueries.flatMap(({ name }): Case[] => [
    [name, 'two days were quiet', QUIET, []],
    [name, 'a workspace is new, without a row', {}, []],
  ]),

  [
    'unhealthy',
    'nobody answered from outside, twice in a row',
    { AppAvailabilityResults: [asked(20, false, 'timed out'), asked(5, false, 'timed out')] },
    [{ finding: 'no answer from outside: timed out', failures: 2 }],
  ],
  [
    'unhealthy',
    'the second time is long ago',
    { AppAvailabilityResults: [asked(50, false), asked(5, false)] },
    [],
  ],
  [
    'unhealthy',
    'a check failed most times',
    metricRows(
      [25, 15, 5].map((minutes) => ready(minutes, 'signing_keys', minutes === 25)),
      [25, 15, 5].map((minutes) => ready(minutes, 'storage', true)),
    ),
    [{ finding: 'not ready: signing_keys', failures: 2 }],
  ],
  [
    'unhealthy',
    'a check failed now and then',
    metricRows([25, 20, 15, 10].map((minutes) => ready(minutes, 'storage', minutes > 15))),
    [],
  ],

  [
    'prober-failure',
    'something was found that must never be',
    metricRows(probes(50, 'failed'), probes(5, 'passed')),
    [{ finding: 'failed: other_nonce', times: 1 }],
  ],
  [
    'prober-failure',
    'that was hours ago',
    metricRows(probes(70, 'failed'), probes(5, 'passed')),
    [],
  ],
  [
    'prober-failure',
    'the broker could not be reached twice',
    metricRows(probes(130, 'unreachable'), probes(15, 'unreachable')),
    [{ finding: 'unreachable: other_nonce', times: 2 }],
  ],
  [
    'prober-failure',
    'the broker could not be reached once',
    metricRows(probes(30, 'unreachable'), probes(15, 'passed')),
    [],
  ],
  [
    'prober-failure',
    'the prober has stopped',
    metricRows([DAY, 190].map((minutes) => probes(minutes, 'passed'))),
    [{ finding: 'no prober has run for three hours', times: 2 }],
  ],

  ...(['known', 'unknown'] as const).map(
    (caller): Case => [
      'join-failures',
      `the broker failed itself, for callers that are ${caller}`,
      metricRows(failed(2, 'internal', caller), failed(1, 'internal', caller)),
      [{ reason: 'internal', failures: 3 }],
    ],
  ),
  [
    'join-failures',
    'what it needs was not there for machines that a rule names',
    metricRows(failed(3, 'unavailable', 'known')),
    [{ reason: 'unavailable', failures: 3 }],
  ],
  [
    'join-failures',
    'what it needs was not there for strangers',
    metricRows(failed(1000, 'unavailable', 'unknown')),
    [],
  ],
  [
    'join-failures',
    'callers failed for any reason that they can bring about',
    metricRows(
      STRANGERS_OWN.flatMap((reason) => [
        failed(1000, reason, 'unknown'),
        failed(1000, reason, 'known'),
      ]),
    ),
    [],
  ],
  ['join-failures', 'it failed twice', metricRows(failed(2, 'internal', 'known')), []],

  ...(['secret_used', 'copied_identity'] as const).map(
    (sign): Case => [
      'signs-of-theft',
      `there is one: ${sign}`,
      metricRows(theft(59, sign), theft(10, sign)),
      [{ sign, signs: 2, first_seen: expect.any(String) }],
    ],
  ),
  ['signs-of-theft', 'it was told before', metricRows(theft(61, 'secret_used')), []],

  ...(['lost', 'ignored'] as const).map(
    (trouble): Case => [
      'lost-keys',
      `every instance sees it: ${trouble}`,
      metricRows(amiss(25, trouble, 2, 3), amiss(5, trouble, 1)),
      [{ trouble, keys: 1, last_seen: expect.any(String) }],
    ],
  ),
  [
    'lost-keys',
    'an instance has read the table before it was mended',
    metricRows(amiss(25, 'lost', 1), amiss(5, 'lost', 0)),
    [],
  ],
  ['lost-keys', 'it is long mended', metricRows(amiss(31, 'lost', 1)), []],

  [
    'stale-lists',
    'more runs failed than went well',
    metricRows(
      [25, 20, 15].map((minutes) => runs(minutes, 'failed')),
      runs(28, 'ok'),
    ),
    [{ finding: 'runs that failed in half an hour', value: 3 }],
  ],
  [
    'stale-lists',
    'as many went well',
    metricRows([25, 20, 15].flatMap((minutes) => [runs(minutes, 'failed'), runs(minutes, 'ok')])),
    [],
  ],
  [
    'stale-lists',
    'they failed before',
    metricRows(
      [55, 45, 35].map((minutes) => runs(minutes, 'failed')),
      runs(5, 'ok'),
    ),
    [],
  ],
  [
    'stale-lists',
    'the timer has stopped',
    metricRows([DAY - 10, 45].map((minutes) => runs(minutes, 'ok'))),
    [{ finding: 'minutes since the timer ran', value: 45 }],
  ],
  [
    'stale-lists',
    'a list is old at each instance',
    metricRows(
      [25, 5].flatMap((minutes) => [
        listAge(minutes, 'issuing', 3.5),
        listAge(minutes, 'root', 241),
      ]),
    ),
    [
      { finding: 'age in hours of the newest list: issuing', value: 3.5 },
      { finding: 'age in hours of the newest list: root', value: 241 },
    ],
  ],
  [
    'stale-lists',
    'one instance has a newer one',
    metricRows(listAge(25, 'issuing', 20), listAge(5, 'issuing', 1)),
    [],
  ],

  [
    'large-lists',
    'they are more than a quarter of what agents take',
    metricRows(listBytes(50, 5 * 1024 * 1024), listBytes(5, 1000)),
    [{ mebibytes: 5 }],
  ],
  ['large-lists', 'they are a quarter of it', metricRows(listBytes(50, 4 * 1024 * 1024)), []],

  [
    'denial-spike',
    'there are many more than yesterday',
    metricRows(
      every(15, { from: DAY, until: 15 }).map((minutes) => denied(minutes, 4)),
      denied(10, 25),
    ),
    [{ denied: 25, before: 380, usual: 4 }],
  ],
  [
    'denial-spike',
    'there are as many as yesterday',
    metricRows(
      every(15, { from: DAY, until: 15 }).map((minutes) => denied(minutes, 5)),
      denied(10, 25),
    ),
    [],
  ],
  ['denial-spike', 'they are few', metricRows(denied(10, 20)), []],
  ['denial-spike', 'they are of strangers', metricRows(denied(10, 5000, 'unknown')), []],

  [
    'no-joins',
    'there were some for two days, until two hours ago',
    metricRows(every(30, { from: 2 * DAY, until: 2.1 * HOUR }).map((minutes) => joins(minutes, 1))),
    [{ last_seen: expect.any(String), hours: expect.any(Number) }],
  ],
  [
    'no-joins',
    'they were denied all the time',
    metricRows(TWO_DAYS.map((minutes) => denied(minutes, 1))),
    [],
  ],
  [
    'no-joins',
    'machines join by day alone',
    metricRows(every(30, { from: 40 * HOUR, until: 3 * HOUR }).map((minutes) => joins(minutes, 1))),
    [],
  ],

  [
    'ageing-keys',
    'rotation has missed its day',
    metricRows(
      keyDays(300, 'tls-issuing', 4.9),
      keyDays(30, 'tls-issuing', 4.7),
      keyDays(30, 'probe', 0.7),
      keyDays(30, 'ssh-user', 3.9),
      keyDays(30, 'ssh-host', 4.1),
    ),
    [
      { authority: 'tls-issuing', days_left: 4.9 },
      { authority: 'probe', days_left: 0.7 },
      { authority: 'ssh-user', days_left: 3.9 },
    ],
  ],
  [
    'ageing-keys',
    'one instance still has the keys of before',
    metricRows(keyDays(300, 'tls-issuing', 4.9), keyDays(30, 'tls-issuing', 13)),
    [],
  ],
  [
    'ageing-keys',
    'it is the root, which has an alert of its own',
    metricRows(keyDays(30, 'tls-root', 1)),
    [],
  ],

  [
    'no-backup',
    'none was made in two nights',
    metricRows(
      TWO_DAYS.map((minutes) => keyDays(minutes, 'tls-issuing', 9)),
      backup(1.5 * DAY, 'failed'),
      backup(0.5 * DAY, 'failed'),
    ),
    [{ hours: expect.any(Number), last_seen: expect.any(String) }],
  ],
  [
    'no-backup',
    'the broker is new',
    metricRows(every(15, { from: DAY }).map((minutes) => keyDays(minutes, 'tls-issuing', 9))),
    [],
  ],

  [
    'ageing-roots',
    'our own root is in its last year',
    metricRows(keyDays(30, 'tls-root', 364)),
    [{ finding: 'days until our own root ends', value: 364 }],
  ],
  [
    'ageing-roots',
    'the root has a successor, and one instance does not know it yet',
    metricRows(keyDays(60, 'tls-root', 364), keyDays(30, 'tls-root', 3650)),
    [],
  ],
  [
    'ageing-roots',
    "Azure's newest signer is old, for all that machines bring",
    metricRows(chainAge(DAY, 151), chainAge(HOUR, 152)),
    [
      {
        finding: "days since Azure's newest signer was made",
        value: 151,
      },
    ],
  ],
  [
    'ageing-roots',
    'one machine has a newer signer',
    metricRows(chainAge(DAY, 151), chainAge(HOUR, 3)),
    [],
  ],
  [
    'ageing-roots',
    "what vouches for Azure's documents ends",
    metricRows(trustDays(HOUR, 'pinned', 89), trustDays(HOUR, 'newest_chain', 91)),
    [
      {
        finding: "days until what vouches for Azure's documents ends: pinned",
        value: 89,
      },
    ],
  ],
  [
    'ageing-roots',
    'machines come by a root that an operator added',
    metricRows([2, 1].map((count) => measured(HOUR, 'documents_by_added_root', count, {}))),
    [
      {
        finding: 'documents that only an added root explains',
        value: 3,
      },
    ],
  ],
];

const RANGES = new Map(alertRules.map(({ section, range }) => [section, range]));

describe.skipIf(!hasKusto)('an alert tells', () => {
  let found: readonly (readonly FoundRow[])[] = [];

  beforeAll(() => {
    const queries = Object.fromEntries(alertQueries.map(({ name, text }) => [name, text]));
    const scenes = CASES.map(([query, , rows]) => ({ query, rows: within(query, rows) }));
    found = runKusto(queries, ASKED, scenes);
  });

  it.each(CASES.map(([alert, when, , told], index) => [alert, when, told, index] as const))(
    '%s: when %s',
    (_alert, _when, told, index) => {
      expect(found[index]).toHaveLength(told.length);
      expect(found[index]).toEqual(expect.arrayContaining([...told]));
    },
  );

  it('of each query something, in one case at least', () => {
    const telling = new Set(
      CASES.filter(([, , , told]) => told.length > 0).map(([alert]) => alert),
    );
    expect([...telling].toSorted()).toEqual(alertQueries.map(({ name }) => name));
  });
});

/** The rows that Azure shows to the query: those of the time that the alert's rule says. */
function within(alert: string, rows: LogRows): LogRows {
  const since = new Date(ASKED.getTime() - rangeOf(alert)).toISOString();
  return Object.fromEntries(
    Object.entries(rows).map(([table, all]) => [
      table,
      all.filter(({ TimeGenerated }) => TimeGenerated >= since),
    ]),
  );
}

const UNITS: Readonly<Record<string, number>> = { D: 24 * 3600_000, H: 3600_000, M: 60_000 };

/** `PT30M`, as ISO 8601 has it. */
function rangeOf(alert: string): number {
  const [, count = '', unit = ''] = /^PT?(\d+)([DHM])$/.exec(RANGES.get(alert) ?? '') ?? [];
  const milliseconds = Number(count) * (UNITS[unit] ?? 0);
  if (milliseconds > 0) return milliseconds;
  throw new Error(`alerts.bicep says no time for ${alert}`);
}
