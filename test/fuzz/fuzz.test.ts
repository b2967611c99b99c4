/**
 * Mutants of everything that a stranger, a machine or an operator sends, through the broker in process. None may end in an
 * unexpected error or cost a second of processor time, none may be admitted that is not as good as what it was made of, and
 * what a broker has in memory stays bounded. A few thousand here, a million by `npm run fuzz`. Each input has a seed of its
 * own, which a finding names: `npm run fuzz -- 1 <seed>` makes the same change again (keys are new in every run, so the
 * finding shows the bytes, too).
 */
import { afterAll, describe, expect, test } from 'vitest';
import { allowComparisons } from './comparisons.ts';
import { MACHINES_MUTATIONS } from './machine-mutations.ts';
import { OPERATORS_MUTATIONS } from './operator-mutations.ts';
import { createProgress, heapInUse } from './progress.ts';
import { createRandom } from './random.ts';
import { type Batch, createBatch } from './seeds.ts';
import { STRANGERS_MUTATIONS } from './stranger-mutations.ts';

const INPUTS = Number(process.env['FUZZ_INPUTS'] ?? 2400);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
/** The audit of a broker in memory grows: every so often comes a new one. */
const BATCH = 20_000;
const MOST_CPU_MS = 1000;
/** In use, at the end of each batch. `npm run fuzz` gives the process twice as much, and not more. */
const MOST_HEAP_BYTES = 512 * 1024 ** 2;
/** Of one kind of input; then the next kind has its turn. */
const MOST_FINDINGS = 5;
/** Of one kind of input: starting a program takes longer than a hundred inputs. */
const MOST_COMPARISONS = INPUTS > 10_000 ? 1000 : 20;

const MUTATIONS = { ...STRANGERS_MUTATIONS, ...MACHINES_MUTATIONS, ...OPERATORS_MUTATIONS };

/** What a caller may be told, besides an admission. */
const EXPECTED = new Set([200, 201, 204, 400, 403, 404, 409, 412, 413, 428, 503]);

async function tryInput(batch: Batch, seed: number, name: string): Promise<string | undefined> {
  const first = await send(batch, seed, name);
  // All threads count: what the collector of garbage happened to do just then is not done for the same change again.
  const { problem, tookMs, sent } =
    first.tookMs > MOST_CPU_MS ? await send(await createBatch(), seed, name) : first;
  const found =
    first.problem ?? problem ?? (tookMs > MOST_CPU_MS ? `took ${tookMs} ms` : undefined);
  return found && `${found}: ${sent}`;
}

interface Tried {
  readonly problem: string | undefined;
  /** Processor time. */
  readonly tookMs: number;
  readonly sent: string;
}

async function send(batch: Batch, seed: number, name: string): Promise<Tried> {
  const input = await MUTATIONS[name]?.(batch, createRandom(seed));
  if (!input) throw new Error('no such mutation');
  const { method = 'POST', path = '/v1/join', headers = {}, body } = input;
  const before = process.cpuUsage();
  const { status, body: answer } = await batch.scene.api.request(method, path, { body, headers });
  const { user, system } = process.cpuUsage(before);
  const wrong = () => (status < 300 ? input.wrong(answer) : undefined);
  return {
    problem: EXPECTED.has(status) ? wrong() : `answered ${status}`,
    tookMs: (user + system) / 1000,
    sent: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

describe('mutants are answered as they should be', { timeout: 0 }, () => {
  const names = Object.keys(MUTATIONS);
  const inputs = Math.ceil(INPUTS / names.length);
  const isLong = process.env['FUZZ_INPUTS'] !== undefined;
  const progress = createProgress(inputs * names.length, SEED, (line) => {
    if (isLong) process.stderr.write(`${line}\n`);
  });
  afterAll(() => progress.end());

  test.each(names)(`of %s (seed ${SEED}, ${INPUTS} inputs in all)`, async (name) => {
    allowComparisons(MOST_COMPARISONS);
    let batch = await createBatch();
    const findings: string[] = [];
    for (let i = 0; i < inputs && findings.length < MOST_FINDINGS; i += 1) {
      if (i > 0 && i % BATCH === 0) batch = await createBatch();
      const seed = SEED + i;
      const problem = await tryInput(batch, seed, name).catch(({ message }) => String(message));
      progress.tried(name);
      if (problem) {
        findings.push(`seed ${seed}: ${problem}`);
        progress.found(`${name}, seed ${seed}: ${problem}`);
      }
      if ((i + 1) % BATCH === 0 || i + 1 === inputs)
        expect(heapInUse()).toBeLessThan(MOST_HEAP_BYTES);
    }
    expect(findings).toEqual([]);
  });
});
