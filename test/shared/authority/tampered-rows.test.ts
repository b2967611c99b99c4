/**
 * Whatever is done to a row of the `keys` table by somebody who can write to it, or by accident: what happens. Every
 * column of every row is tried, and the result is docs/key-rows.md (written by `vitest -u`).
 */
import { expect, test } from 'vitest';
import { authoritiesOf } from '../../../shared/authority/authorities.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { foundKeys, type RotationParts, rotateKeys } from '../../../shared/authority/rotate.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Row, StoredRow, Table, Value } from '../../../shared/storage/table.ts';
import { createParts, later, NOON } from './rotation-parts.ts';

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
const KEY_COLUMNS = [
  'purpose',
  'publicKey',
  'certificate',
  'created',
  'starts',
  'expires',
  'sealed',
];
const MARK_COLUMNS = ['highest', 'sealed'];

interface Scene {
  readonly table: Table;
  readonly parts: RotationParts;
}

/** The keys of noon: copied for each attempt, since making them takes long. */
const founded = createParts(createMemoryTable());
const original = await (async () => {
  const table = createMemoryTable();
  await foundKeys({ ...founded, store: createParts(table).store }, NOON);
  return table.list({});
})();

async function createScene(): Promise<Scene> {
  const table = createMemoryTable();
  for (const { partition, key, values } of original)
    await table.apply([{ kind: 'insert', row: { partition, key, values } }]);
  return { table, parts: { ...founded, store: createParts(table).store } };
}

const rowOf = (partition: string, key: string): StoredRow => {
  const row = original.find((one) => one.partition === partition && one.key === key);
  if (!row) throw new Error(`there is no ${partition}/${key}`);
  return row;
};

const NOTHING = 'nothing';
/** What the timer's next run does about it, and whether anybody still gets a certificate afterwards. */
async function outcomeOf({ parts }: Scene): Promise<string> {
  const { done, ignored, lost } = await rotateKeys(parts, NOON);
  const genuine = await openGenuineKeys(await parts.store.list(), parts);
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

async function attempt(change: (table: Table) => Promise<unknown>): Promise<string> {
  const scene = await createScene();
  await change(scene.table);
  return outcomeOf(scene);
}

const put = (table: Table, row: Row): Promise<boolean> => table.apply([{ kind: 'put', row }]);
const remove = async (table: Table, partition: string, key: string): Promise<void> => {
  const row = await table.read(partition, key);
  if (row) await table.apply([{ kind: 'remove', partition, key, etag: row.etag }]);
};

/** The least change, and others that a number or a text can be changed to. */
function otherValues(value: Value): Value[] {
  if (typeof value === 'number') return [value + 1, value - 1, String(value), 0];
  const bent = Buffer.from(value, 'base64');
  if (bent.length > 0) bent[bent.length - 1] = (bent[bent.length - 1] ?? 0) ^ 1;
  return [`${value}A`, '', 'AAAA', ` ${value}`, bent.toString('base64')].filter(
    (other) => other !== value,
  );
}

/** The one outcome of all these attempts. */
async function sameOutcome(attempts: readonly (() => Promise<string>)[]): Promise<string> {
  const outcomes = new Set<string>();
  for (const make of attempts) outcomes.add(await make());
  expect([...outcomes]).toHaveLength(1);
  return [...outcomes][0] ?? '';
}

const isMark = (key: string): boolean => key === 'highest';

async function outcomesOf(partition: string, key: string): Promise<string[]> {
  const row = rowOf(partition, key);
  const columns = isMark(key) ? MARK_COLUMNS : KEY_COLUMNS;
  expect(Object.keys(row.values).toSorted()).toEqual(columns.toSorted());
  const changed = columns.flatMap((column) =>
    otherValues(row.values[column] ?? '').map(
      (value) => () =>
        attempt((table) => put(table, { ...row, values: { ...row.values, [column]: value } })),
    ),
  );
  const deleted = columns.map((column) => () => {
    const { [column]: _, ...values } = row.values;
    return attempt((table) => put(table, { ...row, values }));
  });
  const inserted = () =>
    attempt((table) => put(table, { ...row, values: { ...row.values, more: 'x' } }));
  const copiedTo = (to: Partial<Row>) => () => attempt((table) => put(table, { ...row, ...to }));
  const forms = isMark(key)
    ? ['Highest', 'highest ', '000000000']
    : [String(Number(key)), ` ${key}`, '0x1', '1.0', '1e0', '+00000001', `${key} `, '000000000'];
  const owners = ['tls', 'ssh-user', 'ssh-host', 'probe', 'data', 'TLS', ''].filter(
    (owner) => owner !== partition,
  );
  return [
    await sameOutcome([...changed, ...deleted, inserted]),
    await attempt((table) => remove(table, partition, key)),
    await sameOutcome(['000000007', '999999998', '999999999'].map((to) => copiedTo({ key: to }))),
    await sameOutcome(forms.map((to) => copiedTo({ key: to }))),
    await sameOutcome(
      owners.map((to) => copiedTo({ partition: to, key: isMark(key) ? 'another' : '000000005' })),
    ),
  ];
}

const HEADER = `# Rows of the table \`keys\`

What happens when somebody who can write to the table, or an accident, does something to a row. Every column of every row was
changed (by the least, to another type, to nothing), deleted, and given one more beside it; every row was deleted, copied to
other numbers, to the same number in other words (\`1\`, \` 1\`, \`0x1\`, \`1.0\`), and to other owners. Made by
\`test/shared/authority/tampered-rows.test.ts\`, which tries it all.

- **lost**: joins are answered with 503 and what is missing, the alert [lost keys](runbook.md#lost-keys) wakes somebody, and
  nothing takes the key's place until an operator says so. Function instances that have the keys in memory go on for a day.
- *create*: a new key takes its place at once, with a number that was never used. Relying parties notice nothing.
- *mended*: the mark of the highest number is written anew.
- *told*: the row counts for nothing; an event and the metric \`keys_amiss\` name it. *nothing*: it says nothing new.

| row | any column changed, deleted or added | deleted | copied to another number | the number in other words | copied to another owner |
| --- | --- | --- | --- | --- | --- |
`;

test('whatever is done to a row, nothing foreign is believed and nothing is replaced in silence', async () => {
  const lines: string[] = [];
  for (const [partition, key, name] of ROWS) {
    const outcomes = await outcomesOf(partition, key);
    lines.push(`| ${name} (\`${partition}/${key}\`) | ${outcomes.join(' | ')} |`);
  }
  await expect(`${HEADER}${lines.join('\n')}\n`).toMatchFileSnapshot('../../../docs/key-rows.md');
}, 60_000);

test('every row of the table is tried', () => {
  const names = original.map(({ partition, key }) => `${partition}/${key}`);
  expect(names.toSorted()).toEqual(
    ROWS.map(([partition, key]) => `${partition}/${key}`).toSorted(),
  );
});

test('the signing SSH authority is lost while its successor waits: the successor signs early', async () => {
  const scene = await createScene();
  await rotateKeys(scene.parts, later(23 * 24 * 3600));
  await remove(scene.table, 'ssh-user', '000000001');
  const genuine = await openGenuineKeys(await scene.parts.store.list(), scene.parts);
  const at = later(24 * 24 * 3600);
  const authorities = genuine && authoritiesOf(genuine, scene.parts.policy, at);
  expect(authorities?.sshUserCas).toEqual([authorities?.sshUser.publicKey]);
});
