/**
 * What somebody who must not join can make the broker spend: 10,000 requests of each kind, each from an address of its
 * own where nothing else is said, beside honest joins in the same run. Prints a table, the one of docs/stranger.md.
 * Usage: npm run bench:stranger [requests]
 */
import { joinBody } from '../shared/protocol/join.ts';
import { STRANGERS } from '../shared/protocol/json.ts';
import { parseJsonWith } from '../shared/protocol/schema.ts';
import { badInput, Refusal } from '../shared/refusal.ts';
import { makeRequestId } from '../shared/request-id.ts';
import { createBenchBroker } from './bench-broker.ts';
import { openAccount, type Spending } from './spending.ts';
import { strangersKinds } from './stranger-requests.ts';

const REQUESTS = Number(process.argv[2] ?? 10_000);
const HONEST = 1000;

const now = (): Date => new Date();
const account = openAccount(now);
const bench = await createBenchBroker(account);
const { broker } = bench;

type Outcome = 'admitted' | 'refused';

async function send(body: string, client: string): Promise<Outcome> {
  const read = () => {
    const parsed = parseJsonWith(joinBody, body, STRANGERS);
    if (!parsed.ok) throw badInput(parsed.problem);
    return parsed.value;
  };
  try {
    await broker.join(read, { requestId: makeRequestId(now()), client });
    return 'admitted';
  } catch (error) {
    if (error instanceof Refusal && error.code !== 'unavailable') return 'refused';
    throw error;
  }
}

/** CPU microseconds of each, all threads counted, and what was spent on all. */
async function measure(
  bodies: readonly string[],
  count: number,
  clientOf: (i: number) => string,
  expected: Outcome,
): Promise<{ readonly cpu: number; readonly spent: Spending }> {
  account.take();
  const before = process.cpuUsage();
  for (let i = 0; i < count; i += 1) {
    const outcome = await send(bodies[i % bodies.length] ?? '', clientOf(i));
    if (outcome !== expected) throw new Error(`expected ${expected}, got ${outcome}`);
  }
  const { user, system } = process.cpuUsage(before);
  await broker.flush();
  return { cpu: (user + system) / count, spent: account.take() };
}

const ownAddress = (i: number): string => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}:443`;
const oneAddress = (): string => '203.0.113.7:443';

// Whatever is loaded or made once is there by then.
await measure(await bench.makeBodies(HONEST), HONEST, ownAddress, 'admitted');
const honest = await measure(await bench.makeBodies(HONEST), HONEST, ownAddress, 'admitted');

const line = (...cells: readonly string[]): void => {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
};
const row = (
  who: string,
  sends: string,
  count: number,
  { cpu, spent }: { readonly cpu: number; readonly spent: Spending },
): void => {
  const { storage, directory, management, sts, logBytes } = spent;
  const whole = [storage, directory, management, sts].map(String);
  const share = `${((100 * cpu) / honest.cpu).toFixed(0)} %`;
  line(who, sends, ...whole, (logBytes / count).toFixed(1), cpu.toFixed(0), share);
};

line(
  'who',
  'sends',
  'storage',
  'directory',
  'management',
  'STS',
  'log bytes each',
  'CPU µs each',
  'of a join',
);
line(...Array<string>(9).fill('---'));
row('an honest machine', `its join, ${HONEST} times`, HONEST, honest);
for (const { who, sends, bodies, fromOneAddress } of await strangersKinds(bench)) {
  const clientOf = fromOneAddress ? oneAddress : ownAddress;
  row(who, sends, REQUESTS, await measure(bodies, REQUESTS, clientOf, 'refused'));
}
process.stdout.write(
  `\n${REQUESTS} requests of each kind; storage and calls are totals. Node ${process.version}.\n`,
);
