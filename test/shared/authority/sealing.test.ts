import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decrypt,
  encrypt,
  isGenuineMark,
  openKey,
  sealKey,
  sealMark,
} from '../../../shared/authority/sealing.ts';
import type { KeyDescription, SealedKey } from '../../../shared/authority/signing-key.ts';

const dataKey = randomBytes(32);
const description: KeyDescription = {
  owner: 'ssh-user',
  sequence: 3,
  purpose: 'sign',
  publicKey: Buffer.from('public'),
  certificate: Buffer.from('certificate'),
  created: 100,
  starts: 200,
  expires: 300,
};
const sealed = sealKey(dataKey, description, Buffer.from('private'));

test('gives the private part back', () => {
  expect(Buffer.from(openKey(dataKey, sealed)).toString()).toBe('private');
  expect(Buffer.from(sealed.sealed).includes('private')).toBe(false);
});

test('never seals the same way twice', () => {
  const again = sealKey(dataKey, description, Buffer.from('private'));
  expect(again.sealed.subarray(0, 12)).not.toEqual(sealed.sealed.subarray(0, 12));
});

test('any changed byte fails', () => {
  fc.assert(
    fc.property(
      fc.nat(sealed.sealed.length - 1),
      fc.integer({ min: 1, max: 255 }),
      (at, change) => {
        const bent = Buffer.from(sealed.sealed);
        bent[at] = (bent[at] ?? 0) ^ change;
        expect(() => openKey(dataKey, { ...sealed, sealed: bent })).toThrow();
      },
    ),
  );
});

describe('a changed description fails', () => {
  const changes: { readonly [K in keyof KeyDescription]: KeyDescription[K] } = {
    owner: 'ssh-host',
    sequence: 4,
    purpose: 'authenticate',
    publicKey: Buffer.from('publik'),
    certificate: Buffer.of(),
    created: 101,
    starts: 201,
    expires: Number.MAX_SAFE_INTEGER,
  };
  test.each(Object.entries(changes))('%s', (field, value) => {
    expect(() => openKey(dataKey, { ...sealed, [field]: value } as SealedKey)).toThrow();
  });

  test('by moving bytes from one field to the next', () => {
    const moved = { publicKey: Buffer.from('publicc'), certificate: Buffer.from('ertificate') };
    expect(() => openKey(dataKey, { ...sealed, ...moved })).toThrow();
  });
});

test.each([0, 1, 27])('%i bytes are too short', (length) => {
  expect(() => decrypt(dataKey, sealed.sealed.subarray(0, length), Buffer.of())).toThrow(
    'a sealed key is too short',
  );
});

test('another key, and what was sealed for something else, fail', () => {
  const box = encrypt(dataKey, Buffer.from('private'), Buffer.from('this'));
  expect(Buffer.from(decrypt(dataKey, box, Buffer.from('this'))).toString()).toBe('private');
  expect(() => decrypt(dataKey, box, Buffer.from('that'))).toThrow();
  expect(() => decrypt(randomBytes(32), box, Buffer.from('this'))).toThrow();
  expect(() => decrypt(dataKey, box.subarray(0, -1), Buffer.from('this'))).toThrow();
});

describe('a mark of the highest number', () => {
  const mark = { owner: 'ssh-user', highest: 3 } as const;
  const genuine = sealMark(dataKey, mark);
  const about = (text: string): Uint8Array => encrypt(dataKey, Buffer.of(), Buffer.from(text));

  test('is genuine as it was sealed', () => {
    expect(genuine).toMatchObject(mark);
    expect(isGenuineMark(dataKey, genuine)).toBe(true);
    expect(
      isGenuineMark(dataKey, { ...mark, sealed: about('["join-broker numbers","ssh-user",3]') }),
    ).toBe(true);
  });

  test.each<[string, Partial<typeof genuine>]>([
    ['of another number', { highest: 4 }],
    ['of another owner', { owner: 'ssh-host' }],
    ['that is cut', { sealed: genuine.sealed.subarray(0, -1) }],
    ['that is nothing', { sealed: Buffer.of() }],
    ['that was sealed as something else', { sealed: about('["","ssh-user",3]') }],
    [
      'that holds something',
      {
        sealed: encrypt(dataKey, Buffer.of(1), Buffer.from('["join-broker numbers","ssh-user",3]')),
      },
    ],
  ])('is not genuine %s', (_, changes) => {
    expect(isGenuineMark(dataKey, { ...genuine, ...changes })).toBe(false);
  });

  test('is not genuine under another key', () => {
    expect(isGenuineMark(randomBytes(32), genuine)).toBe(false);
  });
});
