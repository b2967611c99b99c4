import { expect, test } from 'vitest';
import {
  answersLeak,
  describeKey,
  type EndedKey,
  type KeyDescription,
  NEVER,
} from '../../../shared/authority/signing-key.ts';

const key: KeyDescription = {
  owner: 'tls',
  sequence: 3,
  purpose: 'root',
  publicKey: Buffer.of(1),
  certificate: Buffer.of(2),
  created: 10,
  starts: 20,
  expires: 30,
};
const plain = ['join-broker key', 'tls', 3, 'root', 'AQ==', 'Ag==', 10, 20, 30];

/** Rows that were sealed with this text are in tables: another one would open none of them. */
test.each<[string, Partial<KeyDescription>, readonly object[]]>([
  ['nothing more', {}, []],
  ['who ended', { ended: [{ sequence: 1, at: 5 }] }, [{ ended: [{ sequence: 1, at: 5 }] }]],
  [
    'its predecessor',
    { cross: { by: 1, certificate: Buffer.of(3) } },
    [{ cross: { by: 1, certificate: 'Aw==' } }],
  ],
  [
    'what it took over',
    { takenOver: { from: 1, row: 'ab', until: 40, logKeys: Buffer.of(4) } },
    [{ takenOver: { from: 1, row: 'ab', until: 40, logKeys: 'BA==' } }],
  ],
])('a key is described with every field, and with %s', (_, more, expected) => {
  expect(describeKey({ ...key, ...more })).toBe(JSON.stringify([...plain, ...expected]));
});

test('all that a key may say is in the order of its names', () => {
  const ended = [{ sequence: 1, at: 5 }];
  const cross = { by: 1, certificate: Buffer.of(3) };
  const takenOver = { from: 1, row: 'ab', until: 40, logKeys: Buffer.of(4) };
  const [last] = JSON.parse(describeKey({ ...key, takenOver, cross, ended })).slice(-1);
  expect(Object.keys(last)).toEqual(['ended', 'cross', 'takenOver']);
});

test.each<[string, readonly EndedKey[] | undefined, boolean]>([
  ['ends none', undefined, false],
  ['ended none that is remembered', [], false],
  ['ended one when it was made', [{ sequence: 2, at: 10 }], true],
  [
    'remembers older ends beside its own',
    [
      { sequence: 2, at: 10 },
      { sequence: 1, at: 5 },
    ],
    true,
  ],
  ['only remembers older ends', [{ sequence: 1, at: 5 }], false],
  ['ended one later, as a root that lets it retire', [{ sequence: 1, at: 15 }], false],
])('whether a key answers a leak that %s', (_, ended, expected) => {
  expect(answersLeak({ ...key, ...(ended && { ended }) })).toBe(expected);
});

test('no end is the largest number that a row keeps', () => {
  expect(NEVER).toBe(2 ** 53 - 1);
});
