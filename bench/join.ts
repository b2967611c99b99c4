/** CPU of one join with storage in memory, beside the sum of the bare cryptographic operations, in the same run. */
import { joinBody } from '../shared/protocol/join.ts';
import { STRANGERS } from '../shared/protocol/json.ts';
import { parseJsonWith } from '../shared/protocol/schema.ts';
import { createBenchBroker } from './bench-broker.ts';
import { joinOperations } from './cryptography.ts';
import { median } from './median.ts';

const JOINS = 300;
const ROUNDS = 5;

const { broker, makeBodies } = await createBenchBroker();

/** CPU microseconds of one run of an action, all threads counted: some verifications run beside the event loop. */
async function cpuOf(times: number, action: (i: number) => unknown): Promise<number> {
  const before = process.cpuUsage();
  for (let i = 0; i < times; i += 1) await action(i);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

async function joinAll(bodies: readonly string[]): Promise<number> {
  return cpuOf(bodies.length, async (i) => {
    const parsed = parseJsonWith(joinBody, bodies[i] ?? '', STRANGERS);
    if (!parsed.ok) throw new Error(parsed.problem.message);
    JSON.stringify(await broker.join(() => parsed.value, { requestId: 'bench' }));
  });
}

const operations = joinOperations();
await joinAll(await makeBodies(JOINS));
for (const { run } of operations) await cpuOf(JOINS, run);

const joins: number[] = [];
const sums: number[] = [];
const each = new Map(operations.map(({ name }) => [name, [] as number[]]));
for (let round = 0; round < ROUNDS; round += 1) {
  joins.push(await joinAll(await makeBodies(JOINS)));
  let sum = 0;
  for (const { name, run } of operations) {
    const cpu = await cpuOf(JOINS, run);
    each.get(name)?.push(cpu);
    sum += cpu;
  }
  sums.push(sum);
}

const line = (name: string, value: string): void => {
  process.stdout.write(`${name.padEnd(46)} ${value.padStart(12)}\n`);
};
for (const [name, values] of each) line(name, `${median(values).toFixed(0)} µs`);
line('sum of the bare operations', `${median(sums).toFixed(0)} µs`);
line('one join, JSON included', `${median(joins).toFixed(0)} µs`);
line('ratio', `${(median(joins) / median(sums)).toFixed(2)} x`);
process.stdout.write(
  `\nMedian of ${ROUNDS} rounds of ${JOINS}; CPU time of the whole process; Node ${process.version}.\n`,
);
