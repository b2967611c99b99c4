import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  dueActions,
  newestKey,
  ROTATION_POLICY,
  type RotationAction,
} from '../../../shared/authority/rotation.ts';
import {
  type KeyDescription,
  type KeyOwner,
  type KeyPurpose,
  NEVER,
} from '../../../shared/authority/signing-key.ts';
import { later, NOON } from './rotation-parts.ts';

const DAY = 24 * 3600;
const noon = NOON.getTime() / 1000;

/** A key made this many seconds after noon, with the life that the policy gives it. */
function key(name: string, sequence: number, madeAt = 0): KeyDescription {
  const [owner, purpose] = name.split('/') as [KeyOwner, KeyPurpose];
  const lives: Partial<Record<KeyPurpose, number>> = {
    root: ROTATION_POLICY.rootSeconds,
    issuing: ROTATION_POLICY.issuingSeconds,
    authenticate: ROTATION_POLICY.probeSeconds,
  };
  const created = noon + madeAt;
  const life = lives[purpose];
  return {
    owner,
    sequence,
    purpose,
    state: 'signing',
    publicKey: Buffer.of(),
    certificate: Buffer.of(),
    created,
    changed: created,
    expires: life === undefined ? NEVER : created + life,
  };
}

const ALL = [
  key('data/encrypt', 1),
  key('probe/authenticate', 1),
  key('tls/root', 1),
  key('tls/issuing', 2),
  key('ssh-user/sign', 1),
  key('ssh-host/sign', 1),
];
const text = (action: RotationAction): string =>
  action.kind === 'create'
    ? `create ${action.owner}/${action.purpose} ${action.sequence}`
    : `remove ${action.owner} ${action.sequence}`;
const due = (keys: readonly KeyDescription[], seconds: number): string[] =>
  dueActions(keys, ROTATION_POLICY, later(seconds)).map(text);
const without = (...names: string[]): KeyDescription[] =>
  ALL.filter(({ owner, purpose }) => !names.includes(`${owner}/${purpose}`));

describe('what is missing is made', () => {
  test.each<[string, readonly KeyDescription[], string[]]>([
    [
      'everything, one key of an owner at a time',
      [],
      [
        'create data/encrypt 1',
        'create probe/authenticate 1',
        'create tls/root 1',
        'create ssh-user/sign 1',
        'create ssh-host/sign 1',
      ],
    ],
    ['nothing', ALL, []],
    ['an issuing key after its root', without('tls/issuing'), ['create tls/issuing 2']],
    ['an SSH authority', without('ssh-host/sign'), ['create ssh-host/sign 1']],
    ['a root with the next number', without('tls/root'), ['create tls/root 3']],
  ])('%s', (_, keys, expected) => {
    expect(due(keys, 0)).toEqual(expected);
  });
});

const issuing = (madeAt: number, sequence = 2) => key('tls/issuing', sequence, madeAt);
const probe = (madeAt: number, sequence = 1) => key('probe/authenticate', sequence, madeAt);

describe('what ages gets a successor, and goes when it has expired', () => {
  const rest = without('tls/issuing', 'probe/authenticate');
  test.each<[string, readonly KeyDescription[], number, string[]]>([
    ['an issuing key before seven days', [issuing(0), probe(6 * DAY)], 7 * DAY - 1, []],
    [
      'an issuing key after seven days',
      [issuing(0), probe(6.5 * DAY)],
      7 * DAY,
      ['create tls/issuing 3'],
    ],
    [
      'an issuing key that has its successor',
      [issuing(0), issuing(7 * DAY, 3), probe(8 * DAY)],
      8 * DAY,
      [],
    ],
    [
      'an issuing key just before its end',
      [issuing(0), issuing(7 * DAY, 3), probe(13.5 * DAY)],
      14 * DAY - 1,
      [],
    ],
    [
      'an issuing key at its end',
      [issuing(0), issuing(7 * DAY, 3), probe(13.5 * DAY)],
      14 * DAY,
      ['create tls/issuing 4', 'remove tls 2'],
    ],
    [
      'an expired issuing key without a successor',
      [issuing(0), probe(15 * DAY)],
      15 * DAY,
      ['create tls/issuing 3', 'remove tls 2'],
    ],
    ['a key for the prober before a day', [issuing(0), probe(0)], DAY - 1, []],
    [
      'a key for the prober after a day',
      [issuing(0), probe(0)],
      DAY,
      ['create probe/authenticate 2'],
    ],
    ['one with its successor', [issuing(0), probe(0), probe(DAY, 2)], 2 * DAY - 1, []],
    [
      'one that has expired',
      [issuing(0), probe(0), probe(1.5 * DAY, 2)],
      2 * DAY,
      ['remove probe 1'],
    ],
    [
      'everything after a month of silence',
      [issuing(0), probe(0)],
      30 * DAY,
      ['create probe/authenticate 2', 'create tls/issuing 3', 'remove tls 2', 'remove probe 1'],
    ],
    ['a key from the future, of a clock that is ahead', [issuing(60), probe(60)], 0, []],
  ])('%s', (_, keys, seconds, expected) => {
    expect(due([...rest, ...keys], seconds).toSorted()).toEqual(expected.toSorted());
  });

  test('a root at its end gives way before its issuing key', () => {
    const ten = ROTATION_POLICY.rootSeconds;
    const keys = [...rest, issuing(ten - DAY), probe(ten - DAY / 2)];
    expect(due(keys, ten)).toEqual(['create tls/root 3', 'remove tls 1']);
  });
});

test('a number is never used twice by one owner', () => {
  const sequences = fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { maxLength: 6 });
  const names = fc.constantFrom('tls/root', 'tls/issuing', 'probe/authenticate');
  fc.assert(
    fc.property(
      sequences,
      fc.array(names),
      fc.integer({ min: 0, max: 60 * DAY }),
      (numbers, kinds, at) => {
        const keys = numbers.map((sequence, i) =>
          key(kinds[i] ?? 'tls/issuing', sequence, i * DAY),
        );
        const created = dueActions(keys, ROTATION_POLICY, later(at)).filter(
          ({ kind }) => kind === 'create',
        );
        for (const { owner, sequence } of created) {
          const taken = keys.filter((one) => one.owner === owner).map((one) => one.sequence);
          expect(sequence).toBe(Math.max(0, ...taken) + 1);
        }
        expect(new Set(created.map(({ owner }) => owner)).size).toBe(created.length);
      },
    ),
  );
});

test('the newest key is the one with the largest number, whatever the order', () => {
  const keys = [issuing(0, 2), issuing(5, 11), issuing(9, 3), key('tls/root', 12)];
  expect(newestKey(keys, 'tls', 'issuing')?.sequence).toBe(11);
  expect(newestKey(keys, 'ssh-user', 'sign')).toBeUndefined();
});
