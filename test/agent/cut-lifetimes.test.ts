import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cutLifetime } from '../../agent/cut-lifetimes.ts';
import type { Joined } from '../../agent/join-answer.ts';
import type { Output } from '../../agent/settings.ts';
import { START } from './clock.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';

/** A broker that never gives more than this. */
function limitTo(rig: Rig, hours: number): void {
  rig.broker.bend = (answer) => ({
    ...answer,
    certificates: answer.certificates.map((certificate) => {
      const end = Date.parse(certificate.issued) + hours * 3600_000;
      const asked = Date.parse(certificate.expires);
      return { ...certificate, expires: new Date(Math.min(end, asked)).toISOString() };
    }),
  });
}

const CUT =
  /WARN {2}certificates \((\S+)\) are valid for (\S+) instead of the (\S+) that were asked/g;
const warnings = (rig: Rig) =>
  [...rig.output.join('').matchAll(CUT)].map((found) => found.slice(1));

test('a lifetime that was cut is told of once, not at each renewal', async () => {
  const rig = await createRig();
  limitTo(rig, 8);
  rig.stopAfterWaits(3);
  await rig.start(guideConfig('credential_ttl: 48h\n'));
  expect(rig.broker.joins).toHaveLength(3);
  expect(warnings(rig)).toEqual([['identity', '8h', '48h']]);
});

test("an output's own lifetime counts for it", async () => {
  const rig = await createRig();
  limitTo(rig, 8);
  const out = join(rig.folder, 'out');
  const output = `{type: identity, credential_ttl: 12h, destination: {type: directory, path: ${out}}}`;
  await rig.start(guideConfig(`services: [${output}]\n`), '--oneshot');
  expect(rig.broker.joins[0]?.request.certificates.map(({ ttl }) => ttl)).toEqual(['1h', '12h']);
  expect(warnings(rig)).toEqual([['output-1', '8h', '12h']]);
});

test('a lifetime as asked for is not told of', async () => {
  const rig = await createRig();
  await rig.start(guideConfig('credential_ttl: 2h\n'), '--oneshot');
  expect(warnings(rig)).toEqual([]);
});

/** What is said of certificates that live so many seconds, where the agent asks for 1000 and outputs for so many. */
function said(lives: readonly number[], asked: readonly (number | undefined)[] = []) {
  const certificates = lives.map((seconds, position) => ({
    name: `c${position}`,
    issued: START,
    expires: new Date(START.getTime() + seconds * 1000),
  })) as unknown as Joined['certificates'];
  const due = asked.map((ttlSeconds) => ({ ttlSeconds })) as unknown as readonly Output[];
  return cutLifetime({ certificates }, { certificateTtlSeconds: 1000 }, due);
}

test('a minute less than was asked for is rounding', () => {
  expect([1000, 940, 939.6].map((life) => said([life]))).toEqual([undefined, undefined, undefined]);
  expect(said([939])).toMatch(
    /^certificates \(c0\) are valid for 15m39s instead of the 16m40s that were asked for: /,
  );
});

test('the shortest of those that were cut is told of', () => {
  const cut = /^certificates \((c\d)\) are valid for (\S+) instead of the (\S+) /;
  const found = (...args: Parameters<typeof said>) => cut.exec(said(...args) ?? '')?.slice(1);
  expect(found([900, 600, 300], [undefined, 3000])).toEqual(['c2', '5m', '50m']);
  expect(found([900, 300, 600], [3000, undefined])).toEqual(['c1', '5m', '50m']);
  // Short, and as it was asked for.
  expect(found([900, 300], [300])).toEqual(['c0', '15m', '16m40s']);
});
