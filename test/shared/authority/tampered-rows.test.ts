/**
 * Whatever is done to a row of the `keys` table by somebody who can write to it, or by accident: what happens. Every
 * column of every row is tried, and the result is docs/key-rows.md (written by `vitest -u`).
 */
import { expect, test } from 'vitest';
import { authoritiesOf } from '../../../shared/authority/authorities.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import { foundKeys, type RotationParts, rotateKeys } from '../../../shared/authority/rotate.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Row, StoredRow, Table, Value } from '../../../shared/storage/table.ts';
import { createParts, later, NOON, putRow, takeRow } from './rotation-parts.ts';

/** Rows of an authority as it was made, then those of one that had two keys replaced because they leaked. */
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
const MORE_COLUMNS = ['ended', 'takenFrom', 'takenRow', 'takenUntil', 'logKeys'];
const MARK_COLUMNS = ['highest', 'sealed'];

interface Scene {
  readonly table: Table;
  readonly parts: RotationParts;
}

type Rows = readonly StoredRow[];

/** The keys of noon: copied for each attempt, since making them takes long. */
const founded = createParts(createMemoryTable());
async function rowsAfter(act: (parts: RotationParts) => Promise<unknown>): Promise<Rows> {
  const table = createMemoryTable();
  const parts = { ...founded, store: createParts(table).store };
  await foundKeys(parts, NOON);
  await act(parts);
  return table.list({});
}
const original = await rowsAfter(async () => {});
const replaced = await rowsAfter(async (parts) => {
  await replaceAuthority(parts, 'issuing', { leaked: true, numbers: [2] }, NOON);
  await replaceAuthority(parts, 'ssh-user', { leaked: true, numbers: [1] }, NOON);
});
const succeeded = await rowsAfter(async (parts) => {
  await replaceAuthority(parts, 'data', { leaked: false, numbers: [1] }, NOON);
});

async function createScene(rows: Rows): Promise<Scene> {
  const table = createMemoryTable();
  for (const { partition, key, values } of rows)
    await table.apply([{ kind: 'insert', row: { partition, key, values } }]);
  return { table, parts: { ...founded, store: createParts(table).store } };
}

function rowOf(rows: Rows, partition: string, key: string): StoredRow {
  const row = rows.find((one) => one.partition === partition && one.key === key);
  if (!row) throw new Error(`there is no ${partition}/${key}`);
  return row;
}

const NOTHING = 'nothing';
/** What the timer's next run does about it, and whether anybody still gets a certificate afterwards. */
async function outcomeOf({ parts }: Scene): Promise<string> {
  const { done, ignored, lost } = await rotateKeys(parts, NOON);
  const genuine = await openGenuineKeys(await parts.store.list(), parts, NOON);
  const works = genuine && authoritiesOf(genuine, parts.policy, NOON) !== undefined;
  expect(works ?? false).toBe(lost.length === 0);
  const told = [
    ...(ignored.length > 0 || lost.length > 0 ? ['told'] : []),
    ...done.map((action) =>
      action.kind === 'mark' ? 'mended' : `${action.kind} ${action.owner} ${action.sequence}`,
    ),
    ...(lost.length > 0 ? ['**lost**'] : []),
  ];
  return told.length === 0 ? NOTHING : told.join(', ');
}

async function attempt(rows: Rows, change: (table: Table) => Promise<unknown>): Promise<string> {
  const scene = await createScene(rows);
  await change(scene.table);
  return outcomeOf(scene);
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
async function outcomesByColumn(rows: Rows, partition: string, key: string): Promise<string[][]> {
  const row = rowOf(rows, partition, key);
  const columns = Object.keys(row.values).toSorted();
  const usual = isMark(key) ? MARK_COLUMNS : KEY_COLUMNS;
  expect(columns.filter((column) => !MORE_COLUMNS.includes(column))).toEqual(usual.toSorted());
  const set = (values: Row['values']) => () =>
    attempt(rows, (table) => putRow(table, { ...row, values }));
  const lines: string[][] = [];
  for (const column of columns) {
    const own = row.values[column] ?? '';
    const { [column]: _, ...without } = row.values;
    const others = rows.filter(
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
async function outcomesOf(rows: Rows, partition: string, key: string): Promise<string[]> {
  const row = rowOf(rows, partition, key);
  const inserted = ['more', 'ended', 'etag'].filter((column) => row.values[column] === undefined);
  const ended = JSON.stringify([{ sequence: 1, at: 1 }]);
  const copiedTo = (to: Partial<Row>) => () =>
    attempt(rows, (table) => putRow(table, { ...row, ...to }));
  const forms = isMark(key)
    ? ['Highest', 'highest ', '000000000']
    : [String(Number(key)), ` ${key}`, '0x1', '1.0', '1e0', '+00000001', `${key} `, '000000000'];
  const owners = ['tls', 'ssh-user', 'ssh-host', 'probe', 'data', 'TLS', ''].filter(
    (owner) => owner !== partition,
  );
  return [
    await sameOutcome(
      inserted.map(
        (column) => () =>
          attempt(rows, (table) =>
            putRow(table, { ...row, values: { ...row.values, [column]: ended } }),
          ),
      ),
    ),
    await attempt(rows, (table) => takeRow(table, partition, key)),
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
- *create*: a new key takes its place at once, with a number that was never used. Relying parties notice nothing.
- *mended*: the mark of the highest number is written anew.
- *told*: the row counts for nothing; an event and the metric \`keys_amiss\` name it. *nothing*: it says nothing new.

## Whole rows

| row | a column inserted | deleted | copied to another number | the number in other words | copied to another owner |
| --- | --- | --- | --- | --- | --- |
`;
const BY_COLUMN = `
## Each column

| row | column | changed | deleted | copied from another row |
| --- | --- | --- | --- | --- |
`;

test('whatever is done to a row, nothing foreign is believed and nothing is replaced in silence', async () => {
  const lines: string[] = [];
  const byColumn: string[] = [];
  for (const [rows, names] of [
    [original, ROWS],
    [replaced, REPLACED],
    [succeeded, SUCCEEDED],
  ] as const)
    for (const [partition, key, name] of names) {
      const row = `${name} (\`${partition}/${key}\`)`;
      lines.push(`| ${row} | ${(await outcomesOf(rows, partition, key)).join(' | ')} |`);
      for (const [column = '', ...outcomes] of await outcomesByColumn(rows, partition, key))
        byColumn.push(`| ${row} | \`${column}\` | ${outcomes.join(' | ')} |`);
    }
  const document = `${HEADER}${lines.join('\n')}\n${BY_COLUMN}${byColumn.join('\n')}\n`;
  await expect(document).toMatchFileSnapshot('../../../docs/key-rows.md');
}, 60_000);

test('every row of the table is tried', () => {
  const names = original.map(({ partition, key }) => `${partition}/${key}`);
  expect(names.toSorted()).toEqual(
    ROWS.map(([partition, key]) => `${partition}/${key}`).toSorted(),
  );
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
