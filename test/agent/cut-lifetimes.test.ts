import { join } from 'node:path';
import { expect, test } from 'vitest';
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
