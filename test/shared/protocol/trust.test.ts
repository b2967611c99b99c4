import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseWith } from '../../../shared/protocol/schema.ts';
import { type TrustBundle, trustBundle, trustPayload } from '../../../shared/protocol/trust.ts';
import { hasProgram } from '../../programs.ts';
import { textOf } from '../run-program.ts';

const bundle: TrustBundle = {
  version: 1_795_000_000,
  cluster: 'prod.example.org',
  signature: 'header..signature',
  expires: '2026-11-27T12:00:00Z',
  refresh_after: '2026-11-20T13:00:00Z',
  tls: { roots: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
  ssh: { user_ca: ['ssh-ed25519 AAAA', 'ssh-ed25519 BBBB+/=='], host_ca: [] },
  ca_pins: [`sha256:${'0'.repeat(64)}`],
};
const text = (payload: Uint8Array): string => Buffer.from(payload).toString('utf8');

test('is the bundle without its signature, names sorted, without white space', () => {
  expect(text(trustPayload(bundle))).toBe(
    `{"ca_pins":["sha256:${'0'.repeat(64)}"],"cluster":"prod.example.org","expires":"2026-11-27T12:00:00Z","refresh_after":"2026-11-20T13:00:00Z","ssh":{"host_ca":[],"user_ca":["ssh-ed25519 AAAA","ssh-ed25519 BBBB+/=="]},"tls":{"roots":"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n"},"version":1795000000}`,
  );
});

test.skipIf(!hasProgram('jq'))('is what jq makes of it', () => {
  // The very command of the protocol's document.
  const jq = (stdin: string) => textOf('jq', ['-cSj', 'del(.signature)'], { stdin });
  expect(jq(JSON.stringify(bundle))).toBe(text(trustPayload(bundle)));
  expect(jq(JSON.stringify(bundle, null, 2))).toBe(text(trustPayload(bundle)));
});

test('does not depend on the order of members or on the signature', () => {
  const members = Object.entries(bundle);
  const shuffled = fc.shuffledSubarray(members, { minLength: members.length });
  fc.assert(
    fc.property(shuffled, fc.string(), (entries, signature) => {
      const other = { ...Object.fromEntries(entries), signature } as TrustBundle;
      expect(trustPayload(other)).toEqual(trustPayload(bundle));
    }),
  );
});

test('changes with everything else', () => {
  for (const change of [
    { version: bundle.version + 1 },
    { ca_pins: [] },
    { ssh: { ...bundle.ssh, user_ca: bundle.ssh.user_ca.toReversed() } },
    { tls: { roots: '' } },
  ])
    expect(trustPayload({ ...bundle, ...change })).not.toEqual(trustPayload(bundle));
});

test('a bundle is checked by its schema', () => {
  expect(parseWith(trustBundle, bundle).ok).toBe(true);
  expect(parseWith(trustBundle, { ...bundle, version: 0 })).toMatchObject({
    problem: { field: 'version' },
  });
  expect(parseWith(trustBundle, { ...bundle, ca_pins: [`sha256:${'A'.repeat(64)}`] })).toEqual({
    ok: false,
    problem: { field: 'ca_pins[0]', message: 'expected sha256: and 64 hex digits' },
  });
});
