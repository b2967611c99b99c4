/**
 * What somebody who must not join can make the broker spend, with joins, heartbeats and questions for the agent: 10,000
 * requests of each kind, each from an address of its own where nothing else is said, beside honest joins in the same run.
 * Prints a table, the one of docs/stranger.md.
 * Usage: npm run bench:stranger [requests]
 */
import type { ZodMiniType } from 'zod/mini';
import type { Call } from '../shared/call.ts';
import { heartbeatBody } from '../shared/protocol/heartbeat.ts';
import { joinBody } from '../shared/protocol/join.ts';
import { STRANGERS } from '../shared/protocol/json.ts';
import { parseJsonWith } from '../shared/protocol/schema.ts';
import { badInput, Refusal } from '../shared/refusal.ts';
import { makeRequestId } from '../shared/request-id.ts';
import { createBenchBroker } from './bench-broker.ts';
import { openAccount, type Spending } from './spending.ts';
import { askForTool, forgedHeartbeats } from './stranger-others.ts';
import { strangersKinds } from './stranger-requests.ts';

const REQUESTS = Number(process.argv[2] ?? 10_000);
const HONEST = 1000;

const now = (): Date => new Date();
const account = openAccount(now);
const bench = await createBenchBroker(account);
const { broker } = bench;

type Outcome = 'done' | 'refused';
type Send = (client: string, i: number) => Promise<unknown>;

function read<T>(schema: ZodMiniType<T>, body: string): T {
  const parsed = parseJsonWith(schema, body, STRANGERS);
  if (!parsed.ok) throw badInput(parsed.problem);
  return parsed.value;
}

const callOf = (client: string): Call => ({ requestId: makeRequestId(now()), client });

const join =
  (bodies: readonly string[]): Send =>
  (client, i) =>
    broker.join(() => read(joinBody, bodies[i % bodies.length] ?? ''), callOf(client));

const beat =
  (body: string): Send =>
  (client) =>
    broker.heartbeat(() => read(heartbeatBody, body), callOf(client));

async function outcomeOf(sent: Promise<unknown>): Promise<Outcome> {
  try {
    await sent;
    return 'done';
  } catch (error) {
    if (error instanceof Refusal && error.code !== 'unavailable') return 'refused';
    throw error;
  }
}

/** CPU microseconds of each, all threads counted, and what was spent on all. */
async function measure(
  send: Send,
  count: number,
  clientOf: (i: number) => string,
  expected: Outcome,
): Promise<{ readonly cpu: number; readonly spent: Spending }> {
  account.take();
  const before = process.cpuUsage();
  for (let i = 0; i < count; i += 1) {
    const outcome = await outcomeOf(send(clientOf(i), i));
    if (outcome !== expected) throw new Error(`expected ${expected}, got ${outcome}`);
  }
  const { user, system } = process.cpuUsage(before);
  await broker.flush();
  return { cpu: (user + system) / count, spent: account.take() };
}

const ownAddress = (i: number): string => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}:443`;
const oneAddress = (): string => '203.0.113.7:443';

// Whatever is loaded or made once is there by then.
await measure(join(await bench.makeBodies(HONEST)), HONEST, ownAddress, 'done');
const honest = await measure(join(await bench.makeBodies(HONEST)), HONEST, ownAddress, 'done');

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
  row(who, sends, REQUESTS, await measure(join(bodies), REQUESTS, clientOf, 'refused'));
}

const strangers = async (
  sends: string,
  send: Send,
  expected: Outcome,
  clientOf = ownAddress,
): Promise<void> =>
  row('a stranger', sends, REQUESTS, await measure(send, REQUESTS, clientOf, expected));

const [seen = ''] = await bench.makeBodies(1);
const victim = await broker.join(() => read(joinBody, seen), callOf('192.0.2.9:443'));
await broker.flush();
const { certificateForged, proofForged } = forgedHeartbeats(victim);
await strangers(
  "a heartbeat with somebody's certificate, forged",
  beat(certificateForged),
  'refused',
);
await strangers(
  "a heartbeat with somebody's certificate, without its key",
  beat(proofForged),
  'refused',
);
await strangers('the same, from one address', beat(proofForged), 'refused', oneAddress);
const askedFor = askForTool();
await strangers('GET of the agent', () => askedFor(false), 'done');
await strangers('GET of the agent that it has', () => askedFor(true), 'done');
process.stdout.write(
  `\n${REQUESTS} requests of each kind; storage and calls are totals. Node ${process.version}.\n`,
);
