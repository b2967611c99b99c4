/**
 * Random histories of joins, renewals, replays, copies, locks, rules, secrets, names, removals, sweeps, time, faults of
 * storage, outages of the management API and the vault, and restarts, over several function instances, held to the reference
 * after every step. A few here, thousands by `npm run prove:model`. A failure prints the seed and the path of its smallest history.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCloud } from '../../local/azure/cloud.ts';
import { NOON } from '../broker/test-broker.ts';
import { sharedRsaKeys } from '../shared-rsa-keys.ts';
import { everyoneGetsOn } from './healing.ts';
import { histories, type Step } from './histories.ts';
import type { World } from './possible.ts';
import { createRun } from './run.ts';
import { type Stage, setStage } from './stage.ts';

const HISTORIES = Number(process.env['HISTORIES'] ?? 10);
const SEED = Number(process.env['SEED'] ?? 1);
/** As a failure prints it: that history alone. */
const HISTORY = process.env['HISTORY'];
/** Machines that are gone and operators pile up in a simulated cloud: every so often comes a new one. */
const BATCH = 100;

test(`${HISTORIES} histories (seed ${SEED})`, { timeout: 0 }, async () => {
  let time = NOON.getTime();
  const clock = {
    now: () => new Date(time),
    advance(seconds: number) {
      time += seconds * 1000;
    },
  };
  const outcomes = new Map<string, number>();
  let done = 0;
  const startedAt = performance.now();
  let started = 0;
  let cloud = createCloud({ now: clock.now, keys: sharedRsaKeys() });
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      time = NOON.getTime();
      if (started % BATCH === 0) cloud = createCloud({ now: clock.now, keys: sharedRsaKeys() });
      started += 1;
      const [stage, world] = await setStage(cloud, clock);
      for (const outcome of await runHistory(stage, world, history))
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      done += 1;
    }),
    { numRuns: HISTORIES, seed: SEED, ...(HISTORY !== undefined && { path: HISTORY }) },
  );
  const seconds = (performance.now() - startedAt) / 1000;
  if (process.env['HISTORIES'] !== undefined) tell(done, seconds, outcomes);
  expect(done).toBeGreaterThanOrEqual(HISTORIES);
});

function tell(done: number, seconds: number, outcomes: ReadonlyMap<string, number>): void {
  const actions = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
  const lines = [...outcomes]
    .toSorted(([, a], [, b]) => b - a)
    .map(([outcome, count]) => `  ${outcome}: ${count}`);
  process.stdout.write(
    `${done} histories, ${actions} actions, ${seconds.toFixed(0)} s, no violation\n${lines.join('\n')}\n`,
  );
}

/** Gives what each of its actions came to. */
async function runHistory(
  stage: Stage,
  start: World,
  history: readonly Step[],
): Promise<readonly string[]> {
  const run = createRun(stage, start);
  for (const [position, step] of history.entries()) {
    if (step.do === 'wait') run.wait(step.seconds);
    else if (step.do === 'recreate machine') run.recreate(step.vm);
    else if (step.do === 'restart function') run.restart(step.fn);
    else await run.together(step, `step ${position}`);
  }
  await everyoneGetsOn(stage, run);
  return run.outcomes();
}
