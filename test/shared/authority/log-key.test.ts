import { hkdfSync, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  deriveLogKey,
  type FormerLogKey,
  openLogKeys,
  sealLogKeys,
} from '../../../shared/authority/log-key.ts';
import { decrypt, encrypt } from '../../../shared/authority/sealing.ts';

const DATA_KEY = randomBytes(32);
const former = (n: number): FormerLogKey => ({
  ...deriveLogKey(new Uint8Array(32).fill(n)),
  until: new Date(n * 1000),
});
const told = (keys: readonly FormerLogKey[]) =>
  keys.map(({ id, secret, until }) => [id, secret.export().toString('hex'), until.getTime()]);

test('a key of the join log is made from the data key alone, and its name tells nothing of it', () => {
  const bytes = Buffer.from(
    hkdfSync('sha256', DATA_KEY, new Uint8Array(), 'join-broker key of the join log 1', 40),
  );
  const { id, secret } = deriveLogKey(DATA_KEY);
  expect(secret.export()).toEqual(bytes.subarray(0, 32));
  expect(id).toBe(bytes.subarray(32).toString('hex'));
});

describe('keys that were before', () => {
  test('come back under the same data key, the newest first', () => {
    const sealed = sealLogKeys(DATA_KEY, [former(1), former(3), former(2)]);
    expect(told(openLogKeys(DATA_KEY, sealed))).toEqual(told([former(3), former(2), former(1)]));
    expect(() => openLogKeys(randomBytes(32), sealed)).toThrow();
  });

  test('are sixteen at most', () => {
    const all = Array.from({ length: 20 }, (_, i) => former(i + 1));
    const opened = openLogKeys(DATA_KEY, sealLogKeys(DATA_KEY, all));
    expect(told(opened)).toEqual(told(all.toReversed().slice(0, 16)));
  });

  test('are none where there were none', () => {
    expect(openLogKeys(DATA_KEY, sealLogKeys(DATA_KEY, []))).toEqual([]);
  });

  /** Rows that were sealed so are in tables. */
  const FORM = Buffer.from('join-broker keys of the join log');
  test('are JSON, authenticated as what they are', () => {
    const text = Buffer.from(
      decrypt(DATA_KEY, sealLogKeys(DATA_KEY, [former(1)]), FORM),
    ).toString();
    const { id, secret } = former(1);
    expect(JSON.parse(text)).toEqual([[id, secret.export().toString('base64'), 1]]);
  });

  test.each([
    ['{}'],
    ['[["id","secret"]]'],
    ['[["id","secret","1"]]'],
    ['[[1,"secret",1]]'],
    ['no JSON'],
  ])('are none in another form: %s', (text) => {
    const sealed = encrypt(DATA_KEY, Buffer.from(text), FORM);
    expect(() => openLogKeys(DATA_KEY, sealed)).toThrow('not in their form');
  });
});
