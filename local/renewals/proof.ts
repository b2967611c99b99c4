/**
 * Proves with real processes that an agent with a secret gets on by itself, whatever is lost and whenever it dies, that
 * no healthy machine is ever locked, and that a copied storage directory is caught at its first use.
 */
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod/mini';
import { parseJsonWith } from '../../shared/protocol/schema.ts';
import { startStack } from '../stack.ts';
import { type LossyProxy, startLossyProxy } from './lossy-proxy.ts';
import { createMachine, type Machine, machineAt } from './machine.ts';
import { MISHAPS } from './mishaps.ts';
import { type ProofOperator, proofOperator } from './operator.ts';

export interface ProofOptions {
  /** An empty folder. */
  readonly folder: string;
  readonly rounds: number;
  readonly random: () => number;
  readonly tell: (line: string) => void;
}

export interface Figures {
  readonly rounds: number;
  readonly machines: number;
  readonly kills: number;
  readonly lostAnswers: number;
  readonly generations: number;
  readonly lockOuts: number;
  /** Generations for which the broker issued two different sets of certificates, and second instances of one secret. */
  readonly duplicates: number;
  readonly copiesCaught: number;
  readonly seconds: number;
}

const DESCRIPTION = fileURLToPath(new URL('../../examples/local-azure.yaml', import.meta.url));
const BOT = 'robot';
/** So many renewals of one machine: the broker remembers at most 400 of its unexpired certificates. */
const ROUNDS_OF_ONE_MACHINE = 10;

/** Throws an `Error` that says what did not hold. */
export async function proveRenewals(options: ProofOptions): Promise<Figures> {
  const started = performance.now();
  const log: string[] = [];
  const stack = await startStack({
    directory: options.folder,
    description: DESCRIPTION,
    log: (line) => log.push(line),
  });
  const proxy = await startLossyProxy(stack.endpoints.broker);
  try {
    const operator = proofOperator(stack);
    await operator.createBot(BOT);
    const { machines, kills } = await endure(options, operator, proxy);
    const lockOuts = (await operator.locks()).length;
    expectThat(lockOuts === 0, `nobody is locked, not ${lockOuts}`);
    const generations = await checkGenerations(machines, operator);
    const duplicates = countDuplicates(log);
    expectThat(duplicates === 0, `no generation is there twice, not ${duplicates}`);
    const copiesCaught = await catchCopy(machines, options.folder, operator);
    return {
      rounds: options.rounds,
      machines: machines.length,
      kills,
      lostAnswers: proxy.lostAnswers,
      generations,
      lockOuts,
      duplicates,
      copiesCaught,
      seconds: Math.round((performance.now() - started) / 1000),
    };
  } finally {
    await proxy.close();
    await stack.close();
  }
}

async function endure(
  { folder, rounds, random, tell }: ProofOptions,
  operator: ProofOperator,
  proxy: LossyProxy,
): Promise<{ machines: Machine[]; kills: number }> {
  const machines: Machine[] = [];
  const kinds = Object.entries(MISHAPS);
  let kills = 0;
  for (let round = 0; round < rounds; round += 1) {
    let machine = machines.at(-1);
    if (!machine || round % ROUNDS_OF_ONE_MACHINE === 0) {
      const name = `machine-${machines.length + 1}`;
      const secret = await operator.createSecret(name, BOT);
      machine = await createMachine(folder, name, proxy.url, secret);
      machines.push(machine);
    }
    const [name, mishap] = kinds[round % kinds.length] ?? ['', () => () => undefined];
    const { killed } = await machine.run(mishap(proxy, random));
    proxy.next('passes');
    if (killed) kills += 1;
    if (random() < 0.5) await proxy.idle();
    const after = await machine.run();
    await proxy.idle();
    if (after.code !== 0) throw new Error(`round ${round + 1} (${name}): ${after.stderr}`);
    if ((round + 1) % 20 === 0) tell(`${round + 1} rounds, ${kills} kills`);
  }
  // At last each of them renews once more.
  for (const machine of machines) {
    const { code, stderr } = await machine.run();
    if (code !== 0) throw new Error(stderr);
  }
  return { machines, kills };
}

const state = z.object({ instance_id: z.string(), generation: z.int() });

async function stateOf({ storage }: Machine): Promise<z.infer<typeof state>> {
  const parsed = parseJsonWith(state, await readFile(join(storage, 'state.json'), 'utf8'));
  if (!parsed.ok) throw new Error(`state.json in ${storage}: ${parsed.problem.message}`);
  return parsed.value;
}

/** Each machine has one instance, and both sides know the same generation. Gives how many generations there were. */
async function checkGenerations(
  machines: readonly Machine[],
  operator: ProofOperator,
): Promise<number> {
  const instances = await operator.instances(BOT);
  expectThat(
    instances.length === machines.length,
    `${machines.length} instances, not ${instances.length}`,
  );
  let generations = 0;
  for (const machine of machines) {
    const { instance_id: id, generation } = await stateOf(machine);
    const known = instances.find((instance) => instance.id === id)?.generation;
    expectThat(known === generation, `generation ${generation} of ${id}, not ${known}`);
    generations += generation;
  }
  return generations;
}

const admitted = z.object({
  event: z.literal('join'),
  outcome: z.literal('admitted'),
  instance_id: z.string(),
  generation: z.int(),
  serials: z.array(z.string()),
});

/** From the audit lines: the same generation again is of the very same certificates. */
function countDuplicates(log: readonly string[]): number {
  const serials = new Map<string, Set<string>>();
  for (const line of log) {
    const parsed = parseJsonWith(admitted, line.slice(Math.max(line.indexOf('{'), 0)));
    if (!parsed.ok) continue;
    const { instance_id: id, generation, serials: issued } = parsed.value;
    const key = `${id} ${generation}`;
    serials.set(key, (serials.get(key) ?? new Set()).add(issued.join()));
  }
  expectThat(serials.size > 0, 'audit lines of joins are in the log');
  return [...serials.values()].filter(({ size }) => size > 1).length;
}

/**
 * A thief copies the first machine's storage directory and renews; then the machine itself does, six minutes later, which
 * nobody waits for here: the row's times are moved back. Gives how many locks that made.
 */
async function catchCopy(
  machines: readonly Machine[],
  folder: string,
  operator: ProofOperator,
): Promise<number> {
  const [victim, ...others] = machines;
  if (!victim) throw new Error('there is no machine');
  const { instance_id: id } = await stateOf(victim);
  const storage = join(folder, 'copy');
  await cp(victim.storage, storage, { recursive: true, verbatimSymlinks: true });
  const copy = machineAt(storage, victim.args);
  expectThat((await copy.run()).code === 0, 'the copy renews at first');
  await operator.letTimePass(BOT, id, 360);
  const { code, stderr } = await victim.run();
  expectThat(code === 1, 'the machine that was copied is refused');
  expectThat(stderr.includes('new secret'), `it says what to do, not: ${stderr}`);
  const locks = await operator.locks();
  expectThat(locks.join() === `copied-${id}`, `the instance is locked, and only that: ${locks}`);
  expectThat((await copy.run()).code === 1, 'the copy is refused, too');
  for (const other of others) {
    expectThat((await other.run()).code === 0, 'the other machines of the bot go on');
  }
  return locks.length;
}

function expectThat(condition: boolean, expected: string): void {
  if (!condition) throw new Error(`Expected: ${expected}`);
}
