import { describe, expect, test } from 'vitest';
import {
  isLeaving,
  latestChange,
  nextChange,
  publishedKeys,
  publishedVersion,
  stateOf,
} from '../../../shared/authority/published-keys.ts';
import type { KeyKind } from '../../../shared/authority/rotation.ts';
import { ROTATION_POLICY } from '../../../shared/authority/rotation-policy.ts';
import type { KeyDescription } from '../../../shared/authority/signing-key.ts';
import { described } from './described-keys.ts';

/** A key is kept for 160 seconds after its successor has begun to sign. */
const POLICY = { ...ROTATION_POLICY, longestCertificate: 100, reloadLag: 50, skew: 10 };
const SSH = { owner: 'ssh-user', purpose: 'sign' } as const;
const ROOT = { owner: 'tls', purpose: 'root' } as const;

const first = described('ssh-user/sign', 1);
const second = described('ssh-user/sign', 2, { created: 400, starts: 500, expires: 2000 });
const short = described('ssh-user/sign', 1, { expires: 600 });
const root = described('tls/root', 1);
const nextRoot = described('tls/root', 3, { created: 400, starts: 500, expires: 2000 });

test.each<[number, readonly [KeyDescription, KeyDescription], string, string]>([
  [499, [first, second], 'signing', 'upcoming'],
  [500, [first, second], 'retiring', 'signing'],
  [659, [first, second], 'retiring', 'signing'],
  [660, [first, second], 'gone', 'signing'],
  [1999, [first, second], 'gone', 'signing'],
  [2000, [first, second], 'gone', 'gone'],
  [599, [short, second], 'retiring', 'signing'],
  [600, [short, second], 'gone', 'signing'],
  [499, [root, nextRoot], 'signing', 'upcoming'],
  [999, [root, nextRoot], 'retiring', 'signing'],
  [1000, [root, nextRoot], 'gone', 'signing'],
])(
  'at %i a key and its successor are in their states, and published until gone',
  (at, keys, ...states) => {
    const others = ['tls/issuing', 'ssh-host/sign'].map((name) =>
      described(name, 2, { expires: 9000 }),
    );
    const all = [...keys, ...others];
    const [{ owner, purpose }] = keys;
    expect(keys.map((key) => stateOf(key, all, POLICY, at))).toEqual(states);
    const left = keys.filter((_, i) => states[i] !== 'gone');
    expect(publishedKeys(all, owner, purpose, POLICY, at)).toEqual(left);
  },
);

test('of two keys that start at once the later one signs, and the other one is retiring', () => {
  const pair = [described('ssh-user/sign', 1), described('ssh-user/sign', 2)];
  expect(pair.map((key) => stateOf(key, pair, POLICY, 0))).toEqual(['retiring', 'signing']);
});

describe('the latest change of a kind', () => {
  test.each<[string, readonly KeyDescription[], KeyKind, number, number]>([
    ['of no keys is none', [], SSH, 500, 0],
    [
      'is that its first key was made',
      [described('ssh-user/sign', 1, { created: 5, expires: 9000 })],
      SSH,
      5,
      5,
    ],
    ['is not that those before the oldest may have left, as yet', [first], SSH, 149, 0],
    ['is that, also for a clock that is ahead', [first], SSH, 150, 160],
    ['is that a successor was made', [first, second], SSH, 659, 400],
    ['is that a successor has driven out the one before', [first, second], SSH, 660, 660],
    ['is that, also when that one is gone', [second], SSH, 660, 660],
    [
      'is that, also when that one remembers what a key before it ended',
      [{ ...second, ended: [{ sequence: 1, at: 300 }] }],
      SSH,
      660,
      660,
    ],
    ['is that a key ended before that', [short, second], SSH, 600, 600],
    ['is that the last one ended', [first], SSH, 1000, 1000],
    ['is that keys were ended', [{ ...second, ended: [{ sequence: 1, at: 450 }] }], SSH, 400, 450],
    [
      'is that a key that ended others was made: they left at once',
      [{ ...second, ended: [{ sequence: 1, at: second.created }] }],
      SSH,
      999,
      400,
    ],
    ['is that a root was made, which drives out nobody', [root, nextRoot], ROOT, 999, 400],
    ['is that a root ended', [root, nextRoot], ROOT, 1000, 1000],
    [
      'is not one of another kind',
      [first, second, nextRoot],
      { ...SSH, owner: 'ssh-host' },
      999,
      0,
    ],
  ])('%s', (_, keys, kind, at, expected) => {
    expect(latestChange(keys, kind, POLICY, at)).toBe(expected);
  });
});

test('the version of the bundle adds up the changes of what it lists, and of nothing else', () => {
  const keys = [
    'tls/root',
    'ssh-user/sign',
    'ssh-host/sign',
    'tls/issuing',
    'probe/authenticate',
  ].map((name, i) => described(name, 1, { created: 10 ** i, starts: 5000, expires: 90_000 }));
  expect(publishedVersion(keys, POLICY, 20_000)).toBe(1 + (5000 + 160) * 2);
  expect(publishedVersion(keys, POLICY, 200)).toBe(1 + 10 + 100);
});

test.each<[number, number, readonly KeyDescription[]]>([
  [400, 500, [second]],
  [500, 650, [second]],
  [649, 650, [second]],
  [650, 660, [second]],
  [660, 2000, [second]],
  [2000, Number.POSITIVE_INFINITY, [second]],
  [0, Number.POSITIVE_INFINITY, []],
  [660, 1000, [first, second]],
  [500, 1000, [root, nextRoot]],
])('the next change after %i is at %f', (at, expected, keys) => {
  expect(nextChange(keys, POLICY, at)).toBe(expected);
});

test.each<[KeyKind, readonly KeyDescription[], number, boolean]>([
  [SSH, [first, second], 639, false],
  [SSH, [first, second], 640, true],
  [SSH, [first, second], 659, true],
  [SSH, [first, second], 660, false],
  [ROOT, [root, nextRoot], 990, true],
  [{ ...SSH, owner: 'ssh-host' }, [first, second], 650, false],
  [{ owner: 'tls', purpose: 'issuing' }, [described('tls/issuing', 1)], 990, false],
  [{ owner: 'probe', purpose: 'authenticate' }, [described('probe/authenticate', 1)], 990, false],
])('a key of %o is about to leave the bundle (%#)', (kind, keys, at, expected) => {
  expect(isLeaving(keys, kind, POLICY, at)).toBe(expected);
});
