/**
 * The agent renews again and again: its memory stays where it was, and small. A few times here, 10,000 times by
 * `npm run prove:memory`.
 */
import { expect, test } from 'vitest';
import { createAgentHome } from './running-agent.ts';

const RENEWALS = Number(process.env['RENEWALS'] ?? 30);
const MOST_RESIDENT = 80 * 1024 * 1024;
/** Before this, Node.js is still growing its heap to what a renewal needs. */
const WARM = 500;
const LARGEST_GROWTH = 8 * 1024 * 1024;

const OUTPUTS = [
  '{type: identity, destination: {type: directory, path: "{folder}/identity"}}',
  '{type: tls, formats: [pem], destination: {type: directory, path: "{folder}/tls"}}',
];

test.skipIf(process.platform !== 'linux')(`${RENEWALS} renewals`, { timeout: 0 }, async () => {
  const { broker, start } = await createAgentHome(OUTPUTS);
  const agent = start();
  const told = 'wrote';
  const perRenewal = OUTPUTS.length + 1;
  const sizes: number[] = [];
  await agent.says(told, perRenewal);
  for (let done = 1; done <= RENEWALS; done += 1) {
    agent.child.kill('SIGHUP');
    await agent.says(told, (done + 1) * perRenewal);
    sizes.push(agent.resident());
    broker.forget();
  }
  await agent.kill('SIGTERM');

  const highest = Math.max(...sizes);
  const early = median(sizes.slice(WARM, WARM + 500));
  const late = median(sizes.slice(-500));
  if (process.env['RENEWALS'] !== undefined)
    process.stdout.write(
      `${RENEWALS} renewals: resident ${mib(sizes[0])} at first, ${mib(early)} after ${WARM}, ${mib(late)} at the end, ${mib(highest)} at most\n`,
    );
  expect(highest).toBeLessThan(MOST_RESIDENT);
  if (RENEWALS > 2 * WARM) expect(late - early).toBeLessThan(LARGEST_GROWTH);
});

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

const mib = (bytes = 0): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
