import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { issueSshUserCertificate } from '../../../shared/authority/ssh-certificate.ts';
import { encodeKrl, type Krl, parseKrl } from '../../../shared/encoding/krl.ts';
import {
  type SshPublicKey,
  sshBlob,
  sshPublicKey,
  sshPublicKeyLine,
} from '../../../shared/encoding/ssh-public-key.ts';
import { SshWireError, sshString } from '../../../shared/encoding/ssh-wire.ts';
import { hasProgram } from '../../programs.ts';
import { textOf } from '../run-program.ts';

const NOON = new Date('2026-11-20T12:00:00Z');

const empty: Krl = {
  version: 7,
  generated: NOON,
  comment: 'test.example.org',
  authorities: [],
  keys: [],
};

function ssh(type: 'ed25519' | 'ec') {
  const { publicKey, privateKey } =
    type === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { publicKey: sshPublicKey(publicKey) as SshPublicKey, privateKey };
}

const certificate = (issuer: ReturnType<typeof ssh>, serial: bigint, keyId = 'bot/a/1') =>
  issueSshUserCertificate(
    {
      serial,
      key: ssh('ed25519').publicKey,
      keyId,
      principals: ['root'],
      validAfter: NOON,
      validBefore: new Date(NOON.getTime() + 3_600_000),
    },
    issuer,
  );

/** What `ssh-keygen -Q` says of a certificate: whether it is revoked. */
function isRevoked(krl: Uint8Array, line: string): boolean {
  try {
    textOf('ssh-keygen', ['-Q', '-f', '@krl', '@cert'], { files: { krl, cert: `${line}\n` } });
    return false;
  } catch (error) {
    const told = `${(error as { stdout?: Buffer }).stdout}`;
    if (!told.includes('REVOKED')) throw error;
    return true;
  }
}

describe.skipIf(!hasProgram('ssh-keygen'))('ssh-keygen -Q', () => {
  const [ours, theirs] = [ssh('ed25519'), ssh('ec')];
  const serials = [2n ** 63n + 5n, 2n ** 62n];
  const of = (change: Partial<Krl['authorities'][number]>): Uint8Array =>
    encodeKrl({
      ...empty,
      authorities: [{ key: sshBlob(ours.publicKey), serials: [], keyIds: [], ...change }],
    });

  test('refuses nobody by a list without entries', () => {
    expect(isRevoked(encodeKrl(empty), certificate(ours, 1n))).toBe(false);
    expect(isRevoked(of({}), certificate(ours, 1n))).toBe(false);
  });

  test('knows a serial number, of this authority only', () => {
    const krl = of({ serials });
    for (const serial of serials) expect(isRevoked(krl, certificate(ours, serial))).toBe(true);
    expect(isRevoked(krl, certificate(ours, 2n ** 62n + 1n))).toBe(false);
    expect(isRevoked(krl, certificate(theirs, 2n ** 62n))).toBe(false);
  });

  test('knows a key id, as a whole', () => {
    const krl = of({ keyIds: ['bot/a/1'] });
    expect(isRevoked(krl, certificate(ours, 1n))).toBe(true);
    expect(isRevoked(krl, certificate(ours, 1n, 'bot/a/11'))).toBe(false);
    expect(isRevoked(krl, certificate(theirs, 1n))).toBe(false);
  });

  test('knows an authority whose key is revoked, and with it all that it has signed', () => {
    const krl = encodeKrl({ ...empty, keys: [sshBlob(ours.publicKey)] });
    expect(isRevoked(krl, certificate(ours, 1n))).toBe(true);
    expect(isRevoked(krl, sshPublicKeyLine(ours.publicKey))).toBe(true);
    expect(isRevoked(krl, certificate(theirs, 1n))).toBe(false);
  });

  test('shows version, comment and entries', () => {
    const text = textOf('ssh-keygen', ['-Q', '-l', '-f', '@krl'], {
      files: { krl: of({ serials: [5n], keyIds: ['bot/a/1'] }) },
    });
    expect(text).toContain('# KRL version 7');
    expect(text).toContain('# Comment: test.example.org');
    expect(text).toContain('serial: 5');
    expect(text).toContain('id: bot/a/1');
  });
});

test('a list has no sections but of what is revoked', () => {
  const key = sshBlob(ssh('ed25519').publicKey);
  const header = encodeKrl(empty).length;
  const lengthWith = (serials: readonly bigint[], keyIds: readonly string[]): number =>
    encodeKrl({ ...empty, authorities: [{ key, serials, keyIds }] }).length - header;
  expect(lengthWith([], [])).toBe(0);
  // A section is a type and a string; that of an authority has its key, reserved bytes, and sections of its own.
  const authority = 5 + 4 + key.length + 4;
  expect(lengthWith([1n], [])).toBe(authority + 5 + 8);
  expect(lengthWith([], ['a'])).toBe(authority + 5 + 5);
});

describe('a list that is read', () => {
  const authority = fc.record({
    key: fc.constantFrom(...[ssh('ed25519'), ssh('ec')].map((one) => sshBlob(one.publicKey))),
    serials: fc.array(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), { minLength: 1, maxLength: 5 }),
    keyIds: fc.array(fc.stringMatching(/^[a-z/]{0,9}$/), { maxLength: 3 }),
  });

  test('says what was written', () => {
    fc.assert(
      fc.property(
        fc.array(authority, { maxLength: 3 }),
        fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 3 }),
        fc.nat(),
        (authorities, keys, version) => {
          const krl = { ...empty, authorities, keys, version };
          const bytes = (one: Uint8Array): number[] => [...one];
          const plain = (one: Krl) => ({
            ...one,
            keys: one.keys.map(bytes),
            authorities: one.authorities.map((each) => ({ ...each, key: bytes(each.key) })),
          });
          expect(plain(parseKrl(encodeKrl(krl)))).toEqual(plain(krl));
        },
      ),
    );
  });

  test('is refused with a byte cut off or added, with flags, and with a section of another kind', () => {
    const krl = encodeKrl({
      ...empty,
      authorities: [{ key: sshBlob(ssh('ed25519').publicKey), serials: [1n], keyIds: ['a'] }],
      keys: [Buffer.of(2)],
    });
    const header = encodeKrl(empty).length;
    for (let end = 0; end < krl.length; end += 1) {
      // Between two sections it is a shorter list, which is why it travels in a signed form.
      const whole = end === header || end === krl.length - 10;
      if (!whole) expect(() => parseKrl(krl.subarray(0, end)), String(end)).toThrow();
    }
    expect(() => parseKrl(Buffer.concat([krl, Buffer.of(9)]))).toThrow();
    const flagged = Buffer.from(krl);
    flagged[35] = 1;
    expect(() => parseKrl(flagged)).toThrow('flags');
    const other = Buffer.from(krl);
    other[header] = 4;
    expect(() => parseKrl(other)).toThrow('another kind');
    expect(() => parseKrl(Buffer.from('SSHKRL'))).toThrow();
  });

  const key = sshBlob(ssh('ed25519').publicKey);
  const line = sshPublicKeyLine(ssh('ed25519').publicKey);
  const short = generateKeyPairSync('rsa', { modulusLength: 768 }).publicKey;
  const of = (change: object) => ({
    ...empty,
    authorities: [{ key, serials: [5n], keyIds: [], ...change }],
  });
  test.each<[string, Krl]>([
    ['the serial number 0', of({ serials: [5n, 0n] })],
    ['an authority that is no key', of({ key: Buffer.from('nonsense') })],
    ['bytes behind the key of an authority', of({ key: Buffer.concat([key, Buffer.of(0)]) })],
    ['an authority of another type', of({ key: Buffer.concat([sshString('ssh-dss'), key]) })],
    ['an authority with a short key', of({ key: sshBlob(sshPublicKey(short) as SshPublicKey) })],
    ['a key id with a NUL', of({ keyIds: ['bot/a\0/1'] })],
    ['a comment with a NUL', { ...empty, comment: 'te\0st' }],
  ])('is refused with %s, as OpenSSH refuses it', (_, krl) => {
    const bytes = encodeKrl(krl);
    expect(() => parseKrl(bytes)).toThrow(SshWireError);
    if (hasProgram('ssh-keygen')) expect(() => isRevoked(bytes, line)).toThrow('Invalid KRL');
  });
});

describe('a list is refused', () => {
  const header = encodeKrl(empty);
  const changed = (at: number, ...bytes: readonly number[]): Buffer => {
    const list = Buffer.from(header);
    list.set(bytes, at);
    return list;
  };
  /** With an authority, and these bytes behind its key. */
  const withAuthority = (...behind: readonly Uint8Array[]): Buffer => {
    const key = sshString(sshBlob(ssh('ed25519').publicKey));
    return Buffer.concat([header, Buffer.of(1), sshString(Buffer.concat([key, ...behind]))]);
  };
  const nothing = sshString(Buffer.alloc(0));

  test.each<[string, Buffer, string]>([
    ['that is none', changed(0, 0), 'not a key revocation list'],
    ['of another format', changed(11, 2), 'not a key revocation list'],
    ['whose version is 2^53', changed(12, 0, 0x20, 0, 0, 0, 0, 0, 0), 'a number is too large'],
    [
      'with reserved bytes of an authority',
      withAuthority(sshString(Buffer.of(0))),
      'the list has reserved bytes',
    ],
    [
      'with certificates of another kind',
      withAuthority(nothing, Buffer.of(0x21), nothing),
      'the list has certificates of another kind',
    ],
  ])('%s', (_, list, message) => {
    expect(() => parseKrl(list)).toThrow(
      expect.objectContaining({ name: 'SshWireError', message }),
    );
  });

  test('and not with the largest version, or an authority of which nothing is revoked', () => {
    const largest = changed(12, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    expect(parseKrl(largest).version).toBe(Number.MAX_SAFE_INTEGER);
    expect(parseKrl(withAuthority(nothing)).authorities).toMatchObject([
      { serials: [], keyIds: [] },
    ]);
  });
});
