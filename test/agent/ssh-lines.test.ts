/** Lines of OpenSSH's files: no key of a trust bundle makes two of them. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import type { IssuedCertificate } from '../../agent/issued-certificate.ts';
import { authorityLines, knownHosts, publicKeyLine } from '../../agent/ssh-lines.ts';
import type { TrustBundle } from '../../shared/protocol/trust.ts';

const KEYS = ['ssh-ed25519 AAAA a', 'ssh-ed25519 BBBB'];

test('authorities are a line each, and hosts that they speak for are all', () => {
  expect(authorityLines(KEYS)).toBe('ssh-ed25519 AAAA a\nssh-ed25519 BBBB\n');
  expect(authorityLines([])).toBe('');
  expect(knownHosts({ ssh: { host_ca: KEYS } } as unknown as TrustBundle)).toBe(
    '@cert-authority * ssh-ed25519 AAAA a\n@cert-authority * ssh-ed25519 BBBB\n',
  );
});

test.each(['\n', '\r', '\t', '\0', '\u007f', '\u0085', '\u00e4'])(
  'a key with %j in it is no line, and no authority',
  (text) => {
    for (const key of [`ssh-ed25519 AAAA${text}ssh-ed25519 BBBB`, `${text}a`, `a${text}`]) {
      const refusal = expect.objectContaining({
        code: 'untrusted',
        message:
          "the broker's trust bundle is not accepted: an SSH key of it is not one line of text",
      });
      expect(() => authorityLines([...KEYS, key])).toThrow(refusal);
      const bundle = { ssh: { host_ca: [...KEYS, key] } } as unknown as TrustBundle;
      expect(() => knownHosts(bundle)).toThrow(refusal);
    }
  },
);

const certificateFor = (key: Partial<IssuedCertificate>) => key as IssuedCertificate;

test('a public key is that of the SSH certificate, with a comment', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  expect(publicKeyLine('robot', certificateFor({ privateKey }))).toMatch(
    /^ecdsa-sha2-nistp256 [A-Za-z0-9+/=]+ robot\n$/,
  );
  const { publicKey: sshKey } = generateKeyPairSync('ed25519');
  expect(publicKeyLine('robot', certificateFor({ privateKey, sshKey }))).toMatch(/^ssh-ed25519 /);
});

test('a key that SSH does not know is a mistake of ours', () => {
  const { privateKey } = generateKeyPairSync('x25519');
  expect(() => publicKeyLine('robot', certificateFor({ privateKey }))).toThrow(
    'the key is of a kind that SSH does not know',
  );
});
