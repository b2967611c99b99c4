/**
 * Whatever is done to a row of the `keys` table by somebody who can write to it, or by accident: what happens. Every
 * column of every row is tried, and the result is docs/key-rows.md (written by `vitest -u`).
 */
import { expect, test } from 'vitest';
import { authoritiesOf } from '../../../shared/authority/authorities.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { rowOf as writtenAs } from '../../../shared/authority/key-store.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import { foundKeys, type RotationParts, rotateKeys } from '../../../shared/authority/rotate.ts';
import { ROTATION_POLICY } from '../../../shared/authority/rotation-policy.ts';
import type { SealedKey } from '../../../shared/authority/signing-key.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Row, StoredRow, Table, Value } from '../../../shared/storage/table.ts';
import { createParts, later, NOON, putRow, takeRow } from './rotation-parts.ts';

const DAY = 24 * 3600;

/** Rows of an authority as it was made, then those that only some authorities have. */
const ROWS = [
  ['data', '000000001', 'data key'],
  ['tls', '000000001', 'root'],
  ['tls', '000000002', 'issuing key'],
  ['ssh-user', '000000001', 'SSH authority of users'],
  ['ssh-host', '000000001', 'SSH authority of hosts'],
  ['probe', '000000001', "the prober's key"],
  ['tls', 'highest', 'mark of `tls`'],
  ['ssh-user', 'highest', 'mark of `ssh-user`'],
  ['ssh-host', 'highest', 'mark of `ssh-host`'],
  ['probe', 'highest', 'mark of `probe`'],
] as const;
const REPLACED = [
  ['tls', '000000003', 'issuing key that replaced a leaked one'],
  ['ssh-user', '000000002', 'SSH authority that replaced a leaked one'],
] as const;
const SUCCEEDED = [
  ['data', '000000002', 'data key that followed another one'],
  ['ssh-host', '000000001', 'SSH authority that was encrypted anew'],
] as const;
const PUBLISHED = [['tls', '000000003', "root's successor that waits"]] as const;
const CROSSED = [
  ['tls', '000000003', "root's successor that signs"],
  ['tls', '000000001', 'root whose successor signs'],
] as const;
const KEY_COLUMNS = [
  'purpose',
  'publicKey',
  'certificate',
  'created',
  'starts',
  'expires',
  'sealed',
];
/** Of some keys only. */
const MORE_COLUMNS = [
  ...['ended', 'crossBy', 'crossCertificate'],
  ...['takenFrom', 'takenRow', 'takenUntil', 'logKeys'],
];
const MARK_COLUMNS = ['highest', 'sealed'];

interface Scene {
  readonly table: Table;
  readonly parts: RotationParts;
}

type Rows = readonly StoredRow[];
/** An authority's rows at a time at which no timer has anything to do. */
interface Moment {
  readonly rows: Rows;
  readonly now: Date;
}

/** The keys of noon: copied for each attempt, since making them takes long. */
const founded = createParts(createMemoryTable());
async function momentAfter(
  act: (parts: RotationParts) => Promise<unknown>,
  now = NOON,
): Promise<Moment> {
  const table = createMemoryTable();
  const parts = { ...founded, store: createParts(table).store };
  await foundKeys(parts, NOON);
  await act(parts);
  return { rows: await table.list({}), now };
}
const original = await momentAfter(async () => {});
const replaced = await momentAfter(async (parts) => {
  await replaceAuthority(parts, 'issuing', { leaked: true, numbers: [2] }, NOON);
  await replaceAuthority(parts, 'ssh-user', { leaked: true, numbers: [1] }, NOON);
});
const succeeded = await momentAfter(async (parts) => {
  await replaceAuthority(parts, 'data', { leaked: false, numbers: [1] }, NOON);
});
const makeRoot = (parts: RotationParts) =>
  replaceAuthority(parts, 'tls', { leaked: false, numbers: [1] }, NOON);
const published = await momentAfter(makeRoot);
const UNDER_SUCCESSOR = ROTATION_POLICY.rootPublication + 17 * DAY;
const crossed = await momentAfter(async (parts) => {
  await makeRoot(parts);
  for (let at = 0; at < UNDER_SUCCESSOR; at += 3 * DAY) await rotateKeys(parts, later(at));
  await rotateKeys(parts, later(UNDER_SUCCESSOR));
}, later(UNDER_SUCCESSOR));

async function createScene({ rows }: Moment): Promise<Scene> {
  const table = createMemoryTable();
  for (const { partition, key, values } of rows)
    await table.apply([{ kind: 'insert', row: { partition, key, values } }]);
  return { table, parts: { ...founded, store: createParts(table).store } };
}

function rowOf({ rows }: Moment, partition: string, key: string): StoredRow {
  const row = rows.find((one) => one.partition === partition && one.key === key);
  if (!row) throw new Error(`there is no ${partition}/${key}`);
  return row;
}

const NOTHING = 'nothing';
/** What the timer's next run does about it, and whether anybody still gets a certificate afterwards. */
async function outcomeOf({ parts }: Scene, now: Date): Promise<string> {
  const { done, ignored, lost } = await rotateKeys(parts, now);
  const genuine = await openGenuineKeys(await parts.store.list(), parts, now);
  const works = genuine && authoritiesOf(genuine, parts.policy, now) !== undefined;
  const isMissed = works && lost.length > 0;
  if (isMissed) expect(lost).toEqual([{ owner: 'tls', purpose: 'root' }]);
  else expect(works ?? false).toBe(lost.length === 0);
  const told = [
    ...(ignored.length > 0 || lost.length > 0 ? ['told'] : []),
    ...done.map((action) =>
      action.kind === 'mark' ? 'mended' : `${action.kind} ${action.owner} ${action.sequence}`,
    ),
    ...(lost.length > 0 ? [isMissed ? '*missed*' : '**lost**'] : []),
  ];
  return told.length === 0 ? NOTHING : told.join(', ');
}

async function attempt(
  moment: Moment,
  change: (table: Table) => Promise<unknown>,
): Promise<string> {
  const scene = await createScene(moment);
  await change(scene.table);
  return outcomeOf(scene, moment.now);
}

/** The least change, and others that a number or a text can be changed to. */
function otherValues(value: Value): Value[] {
  if (typeof value === 'number') return [value + 1, value - 1, String(value), 0];
  if (value.startsWith('[{')) return otherLists(value);
  const bent = Buffer.from(value, 'base64');
  if (bent.length > 0) bent[bent.length - 1] = (bent[bent.length - 1] ?? 0) ^ 1;
  return [`${value}A`, '', 'AAAA', ` ${value}`, bent.toString('base64')].filter(
    (other) => other !== value,
  );
}

/** Each member of each entry changed and taken away, and each entry. */
function otherLists(text: string): string[] {
  const entries = JSON.parse(text) as readonly Record<string, unknown>[];
  const others = entries.flatMap((entry, position) => [
    entries.toSpliced(position, 1),
    ...Object.keys(entry).flatMap((name) => {
      const { [name]: own, ...without } = entry;
      const other = typeof own === 'number' ? own + 1 : `${own}A`;
      return [without, { ...entry, [name]: other }].map((one) =>
        entries.with(position, one as never),
      );
    }),
  ]);
  return ['', ` ${text}`, ...others.map((list) => JSON.stringify(list))];
}

/** The one outcome of all these attempts. */
async function sameOutcome(attempts: readonly (() => Promise<string>)[]): Promise<string> {
  const outcomes = new Set<string>();
  for (const make of attempts) outcomes.add(await make());
  expect([...outcomes]).toHaveLength(1);
  return [...outcomes][0] ?? '';
}

const isMark = (key: string): boolean => key === 'highest';

/** What happens with each column that is changed, deleted, or has the value of another row. */
async function outcomesByColumn(
  moment: Moment,
  partition: string,
  key: string,
): Promise<string[][]> {
  const row = rowOf(moment, partition, key);
  const columns = Object.keys(row.values).toSorted();
  const usual = isMark(key) ? MARK_COLUMNS : KEY_COLUMNS;
  expect(columns.filter((column) => !MORE_COLUMNS.includes(column))).toEqual(usual.toSorted());
  const set = (values: Row['values']) => () =>
    attempt(moment, (table) => putRow(table, { ...row, values }));
  const lines: string[][] = [];
  for (const column of columns) {
    const own = row.values[column] ?? '';
    const { [column]: _, ...without } = row.values;
    const others = moment.rows.filter(
      (other) => isMark(other.key) === isMark(key) && other.values[column] !== undefined,
    );
    const copied = new Set(others.map(({ values }) => values[column] ?? ''));
    copied.delete(own);
    const withValue = (value: Value) => set({ ...row.values, [column]: value });
    lines.push([
      column,
      await sameOutcome(otherValues(own).map(withValue)),
      await set(without)(),
      copied.size === 0 ? 'all are the same' : await sameOutcome([...copied].map(withValue)),
    ]);
  }
  return lines;
}

/** What happens to the whole row: a column inserted, the row deleted, copied to other places. */
async function outcomesOf(moment: Moment, partition: string, key: string): Promise<string[]> {
  const row = rowOf(moment, partition, key);
  const ended = JSON.stringify([{ sequence: 1, at: 1 }]);
  const inserted: readonly Row['values'][] = [
    { more: ended },
    { etag: ended },
    { ended },
    { crossBy: 1, crossCertificate: 'AAAA' },
  ].filter((values) => !Object.keys(values).some((column) => column in row.values));
  const copiedTo = (to: Partial<Row>) => () =>
    attempt(moment, (table) => putRow(table, { ...row, ...to }));
  const forms = isMark(key)
    ? ['Highest', 'highest ', '000000000']
    : [String(Number(key)), ` ${key}`, '0x1', '1.0', '1e0', '+00000001', `${key} `, '000000000'];
  const owners = ['tls', 'ssh-user', 'ssh-host', 'probe', 'data', 'TLS', ''].filter(
    (owner) => owner !== partition,
  );
  return [
    await sameOutcome(
      inserted.map(
        (values) => () =>
          attempt(moment, (table) =>
            putRow(table, { ...row, values: { ...row.values, ...values } }),
          ),
      ),
    ),
    await attempt(moment, (table) => takeRow(table, partition, key)),
    await sameOutcome(['000000007', '999999998', '999999999'].map((to) => copiedTo({ key: to }))),
    await sameOutcome(forms.map((to) => copiedTo({ key: to }))),
    await sameOutcome(
      owners.map((to) => copiedTo({ partition: to, key: isMark(key) ? 'another' : '000000005' })),
    ),
  ];
}

const HEADER = `# Rows of the table \`keys\`

What happens when somebody who can write to the table, or an accident, does something to a row. Every column of every row was
changed (by the least, to another type, to nothing), deleted, given the value of each other row, and given one more beside it; every
row was deleted, copied to other numbers, to the same number in other words (\`1\`, \` 1\`, \`0x1\`, \`1.0\`), and to other owners. Made by
\`test/shared/authority/tampered-rows.test.ts\`, which tries it all.

- **lost**: joins are answered with 503 and what is missing, the alert [lost keys](runbook.md#lost-keys) wakes somebody, and
  nothing takes the key's place until an operator says so. Function instances that have the keys in memory go on for a day.
- *missed*: the same alert, and nothing takes its place, but joins go on: the root's successor signs. Restore the row, or retire the root.
- *create*: a new key takes its place at once, with a number that was never used. Relying parties notice nothing. Where a root's
  successor is gone, the new issuing key is under the root before it, which everybody still knows.
- *mended*: the mark of the highest number is written anew.
- *told*: the row counts for nothing; an event and the metric \`keys_amiss\` name it.
- *nothing*: nobody is told. Agents that know of the successor refuse the trust bundle without it until a newer issuing key signs
  one, a week at most. \`joinctl auth status\` shows no successor then; a restored backup has it.

## Whole rows

| row | a column inserted | deleted | copied to another number | the number in other words | copied to another owner |
| --- | --- | --- | --- | --- | --- |
`;
const BY_COLUMN = `
## Each column

| row | column | changed | deleted | copied from another row |
| --- | --- | --- | --- | --- |
`;

const TRIED = [
  [original, ROWS],
  [replaced, REPLACED],
  [succeeded, SUCCEEDED],
  [published, PUBLISHED],
  [crossed, CROSSED],
] as const;

test('whatever is done to a row, nothing foreign is believed and nothing is replaced in silence', async () => {
  const lines: string[] = [];
  const byColumn: string[] = [];
  for (const [moment, names] of TRIED)
    for (const [partition, key, name] of names) {
      const row = `${name} (\`${partition}/${key}\`)`;
      lines.push(`| ${row} | ${(await outcomesOf(moment, partition, key)).join(' | ')} |`);
      for (const [column = '', ...outcomes] of await outcomesByColumn(moment, partition, key))
        byColumn.push(`| ${row} | \`${column}\` | ${outcomes.join(' | ')} |`);
    }
  const document = `${HEADER}${lines.join('\n')}\n${BY_COLUMN}${byColumn.join('\n')}\n`;
  await expect(document).toMatchFileSnapshot('../../../docs/key-rows.md');
}, 120_000);

test('every row of the table is tried', () => {
  const names = original.rows.map(({ partition, key }) => `${partition}/${key}`);
  expect(names.toSorted()).toEqual(
    ROWS.map(([partition, key]) => `${partition}/${key}`).toSorted(),
  );
});

test('every column that a key can have is tried', () => {
  const bytes = new Uint8Array();
  const whole: Required<SealedKey> = {
    ...{ owner: 'tls', sequence: 1, purpose: 'root', created: 1, starts: 1, expires: 1 },
    ...{ publicKey: bytes, certificate: bytes, sealed: bytes, ended: [] },
    cross: { by: 1, certificate: bytes },
    takenOver: { from: 1, row: '', until: 1, logKeys: bytes },
  };
  const tried = TRIED.flatMap(([moment, names]) =>
    names
      .filter(([, key]) => !isMark(key))
      .flatMap(([partition, key]) => Object.keys(rowOf(moment, partition, key).values)),
  );
  expect([...new Set(tried)].toSorted()).toEqual(Object.keys(writtenAs(whole).values).toSorted());
});

test('the signing SSH authority is lost while its successor waits: the successor signs early', async () => {
  const scene = await createScene(original);
  await rotateKeys(scene.parts, later(23 * 24 * 3600));
  await takeRow(scene.table, 'ssh-user', '000000001');
  const genuine = await openGenuineKeys(await scene.parts.store.list(), scene.parts, NOON);
  const at = later(24 * 24 * 3600);
  const authorities = genuine && authoritiesOf(genuine, scene.parts.policy, at);
  expect(authorities?.sshUserCas).toEqual([authorities?.sshUser.publicKey]);
});
