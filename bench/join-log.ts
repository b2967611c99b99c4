/**
 * What the common questions to the join log cost with many rows: a million attempts of ten hours, written by the log itself,
 * then asked as `joinctl` asks. Counts requests to storage and rows that are read; prints a table, the one of docs/design.md.
 * In memory, or on Azurite, which looks through all rows for each question: there a hundred thousand take minutes.
 * Usage: npm run bench:join-log [rows] [memory|azurite]
 */
import { startTables } from '../local/tables.ts';
import { deriveLogKey } from '../shared/authority/log-key.ts';
import { formatUuid } from '../shared/encoding/uuid.ts';
import { createJoinsApi } from '../shared/operators/joins-api.ts';
import type { JoinFacts } from '../shared/protocol/join-record.ts';
import { openAzureTables } from '../shared/storage/azure-tables.ts';
import { createJoinLog } from '../shared/storage/join-log.ts';
import type { Table } from '../shared/storage/table.ts';
import { createLargeTable } from './large-table.ts';

const [, , rows = '1000000', where = 'memory'] = process.argv;
const ROWS = Number(rows);
if (!/^[1-9]\d{3,7}$/.test(rows) || !['memory', 'azurite'].includes(where)) {
  process.stderr.write('Usage: npm run bench:join-log -- [rows] [memory|azurite]\n');
  process.exit(2);
}
const MACHINES = 100_000;
const START = Date.UTC(2026, 10, 20);
/** A fleet of 100,000 machines that renew themselves hourly. */
const MS_PER_JOIN = 3_600_000 / MACHINES;
/** One in a thousand is refused. */
const REFUSED_EVERY = 1000;
const BATCH = 4000;

const server = where === 'azurite' ? await startTables() : undefined;
const stored = server
  ? openAzureTables({ url: server.url, credential: { key: server.key } }).joins
  : createLargeTable();
const spent = { questions: 0, rows: 0 };
const table: Table = {
  async read(partition, key) {
    spent.questions += 1;
    const row = await stored.read(partition, key);
    spent.rows += row ? 1 : 0;
    return row;
  },
  async list(query) {
    const rows = await stored.list(query);
    // Storage answers 1,000 rows at a time.
    spent.questions += Math.max(1, Math.ceil(rows.length / 1000));
    spent.rows += rows.length;
    return rows;
  },
  apply: stored.apply,
};

const end = new Date(START + ROWS * MS_PER_JOIN);
const key = deriveLogKey(new Uint8Array(32));
const log = createJoinLog({
  table,
  later: () => {},
  onFailure: (why) => {
    throw new Error(why);
  },
  most: 2 * BATCH,
  key: async () => key,
  now: () => end,
});
const api = createJoinsApi(log, () => end);

/** A request id of the time, with digits that are spread as random ones are, and the same in each run. */
function idOf(i: number): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(Math.floor(START + i * MS_PER_JOIN), 0, 6);
  bytes.writeUInt32BE(Math.imul(i, 0x9e3779b1) >>> 0, 6);
  bytes.writeUInt32BE(i, 10);
  bytes.writeUInt16BE(Math.imul(i, 0x85eb) & 0xffff, 14);
  return formatUuid(bytes, 7);
}

const machineOf = (i: number): string =>
  `/subscriptions/11111111-1111-1111-1111-111111111111/resourcegroups/group1/providers/microsoft.compute/virtualmachines/vm-${i % MACHINES}`;

function factsOf(i: number): JoinFacts {
  const who = {
    join_token: `token-${i % 20}`,
    join_method: 'azure',
    system_role: 'Bot',
    bot: `bot-${i % 20}`,
    resource_id: machineOf(i),
    subscription: '11111111-1111-1111-1111-111111111111',
  };
  return i % REFUSED_EVERY === 0
    ? {
        outcome: 'denied',
        code: 'access_denied',
        reason: 'rule_mismatch',
        detail: 'rule 1: no',
        ...who,
      }
    : { outcome: 'admitted', generation: 1, ...who };
}

const began = performance.now();
for (let start = 0; start < ROWS; start += BATCH) {
  const count = Math.min(BATCH, ROWS - start);
  for (let i = start; i < start + count; i += 1) await log.record(idOf(i), factsOf(i));
  await log.flush();
  if (start % 100_000 === 0) process.stderr.write(`${start} rows\n`);
}
process.stdout.write(
  `${ROWS} rows were written in ${Math.round((performance.now() - began) / 1000)} s\n\n`,
);

const timestamp = (time: number): string => `${new Date(time).toISOString().slice(0, 19)}Z`;
const sinceEnd = (minutes: number): string => timestamp(end.getTime() - minutes * 60_000);

/** Follows pages as joinctl does: to the end, or until a thousand attempts were found. */
async function all(query: Record<string, string>): Promise<number> {
  let found = 0;
  let next: string | undefined;
  do {
    const page = await api.list({ ...query, ...(next !== undefined && { next }) });
    found += page.items.length;
    next = page.next;
  } while (next !== undefined && found < 1000);
  return found;
}

async function verifyPages(since: string): Promise<number> {
  let checked = 0;
  let next: string | undefined;
  do {
    const page = await api.verify({ since, ...(next !== undefined && { next }) });
    if (page.found > 0) throw new Error(JSON.stringify(page.problems[0]));
    checked += page.checked;
    next = page.next;
  } while (next !== undefined);
  return checked;
}

const middle = Math.floor(ROWS / 2);
const QUESTIONS: readonly (readonly [string, () => Promise<number>])[] = [
  ['`joins show <request id>`', async () => ((await log.find(idOf(middle))) ? 1 : 0)],
  ['`joins ls`: the last hour, its first thousand', () => all({ since: sinceEnd(60) })],
  ['`joins ls --result=denied --since=1h`', () => all({ since: sinceEnd(60), result: 'denied' })],
  ['`joins ls --result=denied --since=1d`', () => all({ since: sinceEnd(1440), result: 'denied' })],
  [
    '`joins ls --reason=locked --since=1d`: none',
    () => all({ since: sinceEnd(1440), reason: 'locked' }),
  ],
  ['`joins ls --bot=bot-7 --since=5m`', () => all({ since: sinceEnd(5), bot: 'bot-7' })],
  ['`joins ls --bot=bot-7 --since=1h`', () => all({ since: sinceEnd(60), bot: 'bot-7' })],
  ['`joins ls --machine=vm-7 --since=1h`', () => all({ since: sinceEnd(60), machine: 'vm-7' })],
  ['`joins ls --machine=vm-7 --since=1d`', () => all({ since: sinceEnd(1440), machine: 'vm-7' })],
  ['`joins ls --token=token-7 --since=5m`', () => all({ since: sinceEnd(5), token: 'token-7' })],
  ['`joins ls --token=token-7 --since=1h`', () => all({ since: sinceEnd(60), token: 'token-7' })],
  ['`joins verify --since=1h`', () => verifyPages(sinceEnd(60))],
];

process.stdout.write(
  '| question | found | requests to storage | rows read | ms |\n| --- | --- | --- | --- | --- |\n',
);
for (const [question, ask] of QUESTIONS) {
  Object.assign(spent, { questions: 0, rows: 0 });
  const started = performance.now();
  const found = await ask();
  const ms = Math.round(performance.now() - started);
  process.stdout.write(`| ${question} | ${found} | ${spent.questions} | ${spent.rows} | ${ms} |\n`);
}
await server?.close();
