import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import {
  parseSshBlob,
  parseSshPublicKeyLine,
  sshBlob,
  sshPublicKey,
  sshPublicKeyLine,
} from '../../../shared/encoding/ssh-public-key.ts';
import { sshMpint, sshString } from '../../../shared/encoding/ssh-wire.ts';
import { hasProgram } from '../../programs.ts';
import { sharedRsaKeys } from '../../shared-rsa-keys.ts';
import { textOf } from '../run-program.ts';

const rsa = sharedRsaKeys().keyPair('stranger').privateKey;
const pair = (curve: string) => generateKeyPairSync('ec', { namedCurve: curve }).privateKey;
const keys: Readonly<Record<string, KeyObject>> = {
  'ssh-rsa': rsa,
  'ecdsa-sha2-nistp256': pair('P-256'),
  'ecdsa-sha2-nistp384': pair('P-384'),
};

/** The SSH form of a key that has one. */
function lineOf(key: KeyObject, comment?: string): string {
  const form = sshPublicKey(key);
  if (!form) throw new Error('no SSH key');
  return sshPublicKeyLine(form, comment);
}

describe.skipIf(!hasProgram('ssh-keygen'))('beside ssh-keygen', () => {
  test.each(Object.entries(keys))('writes and reads %s', (type, key) => {
    const pem = key.export({ type: 'pkcs8', format: 'pem' });
    const line = textOf('ssh-keygen', ['-y', '-f', '@key'], { files: { key: pem } }).trimEnd();
    expect(lineOf(createPublicKey(key))).toBe(line);
    const read = parseSshPublicKeyLine(`${line} somebody@somewhere\n`);
    expect(read?.equals(createPublicKey(key))).toBe(true);
    expect(line.split(' ')[0]).toBe(type);
  });

  test.each(['ed25519', 'ecdsa'])('reads an %s key that it made', (type) => {
    const script = `ssh-keygen -q -t ${type} -N '' -C 'a comment' -f key && cat key.pub`;
    const line = textOf('bash', ['-c', script]).trimEnd();
    const read = parseSshPublicKeyLine(line);
    expect(read && lineOf(read, 'a comment')).toBe(line);
  });

  test('its fingerprint is that of the blob', () => {
    const form = sshPublicKey(createPublicKey(keys['ssh-rsa'] ?? rsa));
    if (!form) throw new Error('no SSH key');
    const files = { 'key.pub': sshPublicKeyLine(form, 'x') };
    const hash = createHash('sha256').update(sshBlob(form)).digest('base64').replace(/=+$/, '');
    expect(textOf('ssh-keygen', ['-l', '-f', '@key.pub'], { files })).toBe(
      `2048 SHA256:${hash} x (RSA)\n`,
    );
  });

  test.each([
    ['P-521', 'ssh-keygen -q -t ecdsa -b 521 -N "" -f key && cat key.pub'],
    [
      'a certificate',
      'ssh-keygen -q -t ed25519 -N "" -f key && ssh-keygen -q -s key -I id -n root key.pub && cat key-cert.pub',
    ],
  ])('refuses %s', (_, script) => {
    expect(parseSshPublicKeyLine(textOf('bash', ['-c', script]).trimEnd())).toBeUndefined();
  });
});

test('there is no SSH form of other kinds of key', () => {
  expect(sshPublicKey(generateKeyPairSync('x25519').publicKey)).toBeUndefined();
  expect(sshPublicKey(generateKeyPairSync('ed448').publicKey)).toBeUndefined();
  expect(sshPublicKey(createPublicKey(pair('P-521')))).toBeUndefined();
  expect(sshPublicKey(createPublicKey(pair('secp256k1')))).toBeUndefined();
});

describe('one line', () => {
  const line = lineOf(generateKeyPairSync('ed25519').publicKey);
  const [type = '', base64 = ''] = line.split(' ');

  test.each([
    ['as it is', line],
    ['with a comment', `${line} root@host and more`],
    ['with a line feed', `${line}\n`],
  ])('is read %s', (_, text) => {
    expect(parseSshPublicKeyLine(text)).toBeDefined();
  });

  test.each([
    ['nothing', ''],
    ['the type alone', type],
    ['options before', `command="true" ${line}`],
    ['two spaces', `${type}  ${base64}`],
    ['two lines', `${line}\n${line}`],
    ['a carriage return', `${line} c\r\n`],
    ['another type before the blob', `ecdsa-sha2-nistp256 ${base64}`],
    ['base64 without its padding', line.replace(/=+$/, '').slice(0, -1)],
    ['a name of every object', `constructor ${encodeBase64(sshString('constructor'))}`],
    ['a type that is not known', `ssh-dss ${encodeBase64(sshString('ssh-dss'))}`],
  ])('is not %s', (_, text) => {
    expect(parseSshPublicKeyLine(text)).toBeUndefined();
  });
});

describe('a blob', () => {
  const parse = (type: string, ...fields: Uint8Array[]) =>
    parseSshPublicKeyLine(`${type} ${encodeBase64(Buffer.concat([sshString(type), ...fields]))}`);
  const p256 = 'ecdsa-sha2-nistp256';
  const point = createPublicKey(pair('P-256'))
    .export({ type: 'spki', format: 'der' })
    .subarray(-65);

  test('is of any kind where none is named, and else of that kind', () => {
    const key = createPublicKey(keys[p256] ?? rsa);
    const form = sshPublicKey(key) ?? expect.fail();
    for (const type of [undefined, p256])
      expect(parseSshBlob(sshBlob(form), type)?.equals(key)).toBe(true);
    expect(parseSshBlob(sshBlob(form), 'ssh-rsa')).toBeUndefined();
    expect(parseSshBlob(Buffer.of())).toBeUndefined();
  });

  test('is read whole', () => {
    expect(parse(p256, sshString('nistp256'), sshString(point))).toBeDefined();
    expect(parse(p256, sshString('nistp256'), sshString(point), Buffer.of(0))).toBeUndefined();
    expect(parse('ssh-ed25519', sshString(Buffer.alloc(31, 1)))).toBeUndefined();
    expect(parse('ssh-ed25519', sshString(Buffer.alloc(33, 1)))).toBeUndefined();
  });

  test('has the curve of its type', () => {
    expect(parse(p256, sshString('nistp384'), sshString(point))).toBeUndefined();
    expect(parse('ecdsa-sha2-nistp384', sshString('nistp384'), sshString(point))).toBeUndefined();
  });

  test('has an uncompressed point on its curve', () => {
    const compressed = Buffer.concat([Buffer.of(2), point.subarray(1, 33)]);
    const beside = Buffer.from(point);
    beside.writeUInt8((point.at(-1) ?? 0) ^ 1, 64);
    expect(parse(p256, sshString('nistp256'), sshString(compressed))).toBeUndefined();
    expect(parse(p256, sshString('nistp256'), sshString(beside))).toBeUndefined();
  });

  test('has numbers in their one form', () => {
    const { n = '' } = createPublicKey(rsa).export({ format: 'jwk' });
    const modulus = Buffer.from(n, 'base64url');
    const e = Buffer.of(1, 0, 1);
    expect(parse('ssh-rsa', sshMpint(e), sshMpint(modulus))).toBeDefined();
    expect(parse('ssh-rsa', sshMpint(e), sshString(modulus))).toBeUndefined();
    expect(parse('ssh-rsa', sshString(Buffer.of(0, 1, 0, 1)), sshMpint(modulus))).toBeUndefined();
  });
});

describe('a point of a curve is written in one form, and refused', () => {
  const { type, fields } = sshPublicKey(createPublicKey(keys['ecdsa-sha2-nistp256'] ?? rsa)) ?? {
    type: '',
    fields: Buffer.of(),
  };
  const point = Buffer.from(fields.subarray(-65));
  const lineWith = (other: Uint8Array): string =>
    `${type} ${encodeBase64(Buffer.concat([sshString(type), sshString('nistp256'), sshString(other)]))}`;
  const begun = (first: number): Buffer => Buffer.concat([Buffer.of(first), point.subarray(1)]);

  test('but not as it is', () => {
    expect(parseSshPublicKeyLine(lineWith(point))).toBeDefined();
  });

  test.each<[string, Uint8Array]>([
    ['compressed', Buffer.concat([Buffer.of(2), point.subarray(1, 33)])],
    ['as a hybrid', begun(6)],
    ['with another first byte', begun(5)],
    ['with a zero more', Buffer.concat([point, Buffer.of(0)])],
    ['with a byte less', point.subarray(0, -1)],
    ['as nothing', Buffer.of()],
    ['off its curve', Buffer.concat([point.subarray(0, -1), Buffer.of((point.at(-1) ?? 0) ^ 1)])],
  ])('%s', (_, other) => {
    expect(parseSshPublicKeyLine(lineWith(other))).toBeUndefined();
  });
});
