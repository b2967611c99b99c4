/** What an operator reads of a join's certificates has to lead to where they were used. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parsePublicKeyInfo } from '../../../shared/encoding/public-key-info.ts';
import { sshPublicKeyLine, sshPublicKeyOf } from '../../../shared/encoding/ssh-public-key.ts';
import { certificateFacts } from '../../../shared/joining/certificate-facts.ts';
import type { CertificateKeys } from '../../../shared/joining/certificate-keys.ts';
import type { Grant } from '../../../shared/joining/owners/owner.ts';
import { fingerprintOfDer } from '../../../shared/resources/fingerprint.ts';
import { hasProgram } from '../../programs.ts';
import { textOf } from '../run-program.ts';

const NOON = Date.UTC(2026, 10, 20, 12) / 1000;
const expires = new Date(0);

const publicKey = () =>
  parsePublicKeyInfo(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
      type: 'spki',
      format: 'der',
    }),
  );
const keysNamed = (name: string): CertificateKeys => ({
  wish: { name, csr: '' },
  tlsKey: publicKey(),
  sshKey: publicKey(),
  provesPossession: () => true,
});
const user = (roles: readonly string[], logins: readonly string[]): Grant => ({
  type: 'user',
  bot: 'example',
  roles,
  logins,
  permissions: { extensions: [], sourceAddresses: undefined },
  expires,
});
const host: Grant = { type: 'host', role: 'Node', names: ['vm-a.example.org'], expires };

const first = keysNamed('first');
const second = keysNamed('second');

test('each certificate is told by its serial, its end and the hash of its key', () => {
  const issued = ['0a', '0b'].map((serial, i) => ({
    name: 'x',
    serial,
    issued: NOON,
    expires: NOON + i * 3600,
  }));
  expect(certificateFacts(issued, [first, second], [])).toStrictEqual({
    serials: ['0a', '0b'],
    expires: ['2026-11-20T12:00:00Z', '2026-11-20T13:00:00Z'],
    key_sha256: [first, second].map(({ tlsKey }) => fingerprintOfDer(tlsKey.der)),
  });
});

test("a user's certificates are told by roles and logins, each once", () => {
  const grants = [user(['access', 'db'], ['root', 'admin']), user(['access'], ['root'])];
  expect(certificateFacts([], [first, second], grants)).toMatchObject({
    roles: ['access', 'db'],
    logins: ['root', 'admin'],
  });
});

test("a host's has neither roles nor logins", () => {
  const facts = certificateFacts([], [first], [host]);
  expect(facts).not.toHaveProperty('roles');
  expect(facts).not.toHaveProperty('logins');
});

describe.skipIf(!hasProgram('ssh-keygen'))('beside ssh-keygen the SSH keys are told', () => {
  /** As OpenSSH prints it. */
  const fingerprintOf = ({ sshKey }: CertificateKeys): string | undefined => {
    const files = { 'key.pub': sshPublicKeyLine(sshPublicKeyOf(sshKey)) };
    return textOf('ssh-keygen', ['-l', '-f', '@key.pub'], { files }).split(' ')[1];
  };

  test.each<[string, Grant]>([
    ['of a user who has logins', user([], ['root'])],
    ['of a host', host],
  ])('%s, and not those of a user who has none', (_, grant) => {
    expect(certificateFacts([], [first, second], [user(['access'], []), grant])).toMatchObject({
      ssh_keys: [fingerprintOf(second)],
    });
  });
});

test('no SSH key is told where no certificate is for SSH', () => {
  expect(certificateFacts([], [first], [user(['access'], [])])).not.toHaveProperty('ssh_keys');
});
