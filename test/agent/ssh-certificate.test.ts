/** One form of each part is read, and nothing else. */
import { describe, expect, test } from 'vitest';
import { parseSshCertificate } from '../../agent/ssh-certificate.ts';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import { sshString, sshUint32, sshUint64 } from '../../shared/encoding/ssh-wire.ts';

const SUFFIX = '-cert-v01@openssh.com';
const P256 = 'ecdsa-sha2-nistp256';

interface Parts {
  readonly key?: string;
  readonly fields?: readonly string[];
  /** What the blob calls itself. */
  readonly type?: string;
  readonly kind?: number;
  readonly principals?: Uint8Array;
  readonly more?: string;
}

function blobOf({ key = P256, fields = ['curve', 'point'], type, ...parts }: Parts): Uint8Array {
  const { kind = 1, principals = sshString('ubuntu'), more = '' } = parts;
  return Buffer.concat([
    sshString(type ?? `${key}${SUFFIX}`),
    sshString('nonce'),
    ...fields.map(sshString),
    sshUint64(7n),
    sshUint32(kind),
    sshString('key id'),
    sshString(principals),
    sshUint64(1n),
    sshUint64(1_795_000_000n),
    ...['critical options', 'extensions', 'reserved', 'authority', 'signature'].map(sshString),
    Buffer.from(more),
  ]);
}

const lineOf = (parts: Parts = {}): string =>
  `${parts.key ?? P256}${SUFFIX} ${encodeBase64(blobOf(parts))}`;

describe('reads a certificate', () => {
  test.each<[string, readonly string[]]>([
    [P256, ['nistp256', 'point']],
    ['ecdsa-sha2-nistp384', ['nistp384', 'point']],
    ['ssh-ed25519', ['point']],
  ])('of an %s key', (key, fields) => {
    expect(parseSshCertificate(lineOf({ key, fields }))).toEqual({
      kind: 'user',
      publicKey: Buffer.concat([key, ...fields].map(sshString)),
      keyId: 'key id',
      principals: ['ubuntu'],
      validBefore: new Date(1_795_000_000_000),
      authority: Buffer.from('authority'),
    });
  });

  test('with all its principals, in their order', () => {
    const principals = Buffer.concat(['b', 'root', 'a'].map(sshString));
    expect(parseSshCertificate(lineOf({ principals }))?.principals).toEqual(['b', 'root', 'a']);
    expect(parseSshCertificate(lineOf({ principals: Buffer.of() }))?.principals).toEqual([]);
  });

  test('for a host', () => {
    expect(parseSshCertificate(lineOf({ kind: 2 }))?.kind).toBe('host');
  });

  test.each(['', '\n', ' comment', ' comment\n'])('with %j behind it', (end) => {
    expect(parseSshCertificate(`${lineOf()}${end}`)?.keyId).toBe('key id');
  });
});

describe('reads nothing', () => {
  test.each([
    ['of no kind that there is', lineOf({ kind: 0 })],
    ['of an RSA key', lineOf({ key: 'ssh-rsa' })],
    ['of a key named as an object has things', lineOf({ key: 'toString', fields: [] })],
    ['that calls itself another type than its line', lineOf({ type: `ssh-ed25519${SUFFIX}` })],
    ['that is a public key', lineOf().replace(SUFFIX, '')],
    ['whose type goes on', lineOf().replace(SUFFIX, `${SUFFIX}.example`)],
    ['with more behind its signature', lineOf({ more: 'x' })],
    ['with a principal that ends too early', lineOf({ principals: sshUint32(1) })],
    ['with less than one', `${P256}${SUFFIX}`],
    ['that is not in base64', `${P256}${SUFFIX} ***`],
    ['with two words behind it', `${lineOf()} a b`],
    ['with a line behind it', `${lineOf()} a\nb`],
    ['with a return behind it', `${lineOf()} a\rb`],
    ['of nothing', ''],
  ])('%s', (_, line) => {
    expect(parseSshCertificate(line)).toBeUndefined();
  });
});
