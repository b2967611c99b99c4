import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stateOf } from '../../../shared/authority/published-keys.ts';
import {
  creation,
  type DueAction,
  dueActions,
  foundingActions,
  lostKinds,
  newestKey,
  type PresentKeys,
  successorDue,
  usedKey,
  withEarlierEnds,
} from '../../../shared/authority/rotation.ts';
import {
  policyProblems,
  ROTATION_POLICY,
  retirement,
  sshLife,
} from '../../../shared/authority/rotation-policy.ts';
import {
  type EndedKey,
  type KeyDescription,
  type KeyOwner,
  type KeyPurpose,
  NEVER,
} from '../../../shared/authority/signing-key.ts';
import { later, NOON } from './rotation-parts.ts';

const DAY = 24 * 3600;
const noon = NOON.getTime() / 1000;
const RETIREMENT = retirement(ROTATION_POLICY);

/** A key made this many seconds after noon, with the life that the policy gives it. */
function key(name: string, sequence: number, madeAt = 0, startsAt = madeAt): KeyDescription {
  const [owner, purpose] = name.split('/') as [KeyOwner, KeyPurpose];
  const lives: Partial<Record<KeyPurpose, number>> = {
    root: ROTATION_POLICY.root,
    issuing: ROTATION_POLICY.issuing,
    authenticate: ROTATION_POLICY.probe,
    sign: sshLife(ROTATION_POLICY),
  };
  const starts = noon + startsAt;
  const life = lives[purpose];
  return {
    owner,
    sequence,
    purpose,
    publicKey: Buffer.of(),
    certificate: Buffer.of(),
    created: noon + madeAt,
    starts,
    expires: life === undefined ? NEVER : starts + life,
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
const text = (action: DueAction): string => {
  if (action.kind === 'mark') return `mark ${action.owner} ${action.highest}`;
  return action.kind === 'create'
    ? `create ${action.owner}/${action.purpose} ${action.sequence}`
    : `${action.kind} ${action.owner} ${action.sequence}`;
};
/** These keys, with the marks that they left. */
const present = (keys: readonly KeyDescription[]): PresentKeys => ({
  keys,
  taken: keys,
  marks: keys.map(({ owner, sequence }) => ({ owner, highest: sequence })),
});
const due = (keys: readonly KeyDescription[], seconds: number): string[] =>
  dueActions(present(keys), ROTATION_POLICY, later(seconds)).map(text);
const without = (...names: string[]): KeyDescription[] =>
  ALL.filter(({ owner, purpose }) => !names.includes(`${owner}/${purpose}`));

test('an issuing key made shortly before the root ends, ends with it', () => {
  const ends = ROTATION_POLICY.root;
  for (const [left, life] of [
    [ROTATION_POLICY.issuing + 1, ROTATION_POLICY.issuing],
    [ROTATION_POLICY.issuing - 1, ROTATION_POLICY.issuing - 1],
    [60, 60],
  ] as const) {
    const keys = [...without('tls/issuing'), key('tls/issuing', 2, ends - 60 * DAY)];
    const at = later(ends - left);
    const [made] = dueActions(present(keys), ROTATION_POLICY, at).filter(
      (action) => action.kind === 'create' && action.purpose === 'issuing',
    );
    expect(made).toMatchObject({ starts: noon + ends - left, expires: noon + ends - left + life });
  }
});

describe('what is missing', () => {
  test.each<[string, readonly KeyDescription[], string[]]>([
    ['everything', [], []],
    ['nothing', ALL, []],
    ['an issuing key', without('tls/issuing'), ['create tls/issuing 2']],
    ["the prober's key", without('probe/authenticate'), ['create probe/authenticate 1']],
    ['an SSH authority', without('ssh-host/sign'), []],
    ['the root', without('tls/root'), []],
    ['the root and all issuing keys', without('tls/root', 'tls/issuing'), []],
    ['the data key', without('data/encrypt'), []],
  ])('%s: rotation makes only what nobody outside knows', (_, keys, expected) => {
    expect(due(keys, 0)).toEqual(expected);
  });

  test.each<[readonly KeyDescription[], string[]]>([
    [[], ['data/encrypt']],
    [ALL, []],
    [without('tls/root'), ['tls/root']],
    [without('ssh-user/sign', 'tls/root'), ['tls/root', 'ssh-user/sign']],
    [without('data/encrypt'), ['data/encrypt']],
  ])(
    'is lost where rotation does not make it, and made by the founding alone',
    (keys, expected) => {
      const named = lostKinds(present(keys), NOON).map(
        ({ owner, purpose }) => `${owner}/${purpose}`,
      );
      expect(named).toEqual(expected);
      const made = foundingActions(present(keys), ROTATION_POLICY, NOON).map(text);
      expect(made.map((action) => action.split(' ')[1])).toEqual(expected);
    },
  );

  test('a root that is over is lost: its successor is no matter of the timer', () => {
    const at = later(ROTATION_POLICY.root);
    expect(lostKinds(present(ALL), at)).toEqual([{ owner: 'tls', purpose: 'root' }]);
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
    ['a key from the future, of a clock that is ahead', [issuing(60), probe(60)], 0, []],
  ])('%s', (_, keys, seconds, expected) => {
    expect(due([...rest, ...keys], seconds).toSorted()).toEqual(expected.toSorted());
  });
});

describe('an SSH authority', () => {
  const first = key('ssh-user/sign', 1);
  const second = key('ssh-user/sign', 2, 23 * DAY, 30 * DAY);
  const ofUsers = (keys: readonly KeyDescription[], seconds: number): DueAction[] =>
    dueActions(
      present([...without('ssh-user/sign'), ...keys]),
      ROTATION_POLICY,
      later(seconds),
    ).filter(({ owner }) => owner === 'ssh-user');

  test.each<[string, readonly KeyDescription[], number, string[]]>([
    ['has no successor yet', [first], 23 * DAY - 1, []],
    ['gets one seven days before that one signs', [first], 23 * DAY, ['create ssh-user/sign 2']],
    ['gets one only', [first, second], 24 * DAY, []],
    ['stays when its successor begins to sign', [first, second], 30 * DAY, []],
    ['stays until its certificates are over', [first, second], 30 * DAY + RETIREMENT - 1, []],
    ['goes then', [first, second], 30 * DAY + RETIREMENT, ['remove ssh-user 1']],
    ['gets its successor late, too', [first], 200 * DAY, ['create ssh-user/sign 2']],
    ['stays after its end while nothing has taken its place', [first], 22 * DAY, []],
  ])('%s', (_, keys, seconds, expected) => {
    expect(ofUsers(keys, seconds).map(text)).toEqual(expected);
  });

  test.each([
    ['made in time, after its publication', 23 * DAY, 30 * DAY],
    ['made late, before certificates would have to be shorter', 33 * DAY, 37 * DAY],
    ['made when nothing signs any more, at once', 60 * DAY, 60 * DAY],
  ])('%s', (_, madeAt, startsAt) => {
    const [made] = ofUsers([first], madeAt);
    expect(made).toMatchObject({
      created: noon + madeAt,
      starts: noon + startsAt,
      expires: noon + startsAt + sshLife(ROTATION_POLICY),
    });
  });

  test.each<[number, string, string]>([
    [22 * DAY, 'signing', 'upcoming'],
    [30 * DAY - 1, 'signing', 'upcoming'],
    [30 * DAY, 'retiring', 'signing'],
    [30 * DAY + RETIREMENT - 1, 'retiring', 'signing'],
    [30 * DAY + RETIREMENT, 'gone', 'signing'],
    [30 * DAY + sshLife(ROTATION_POLICY), 'gone', 'gone'],
  ])('after %i s the first is %s, the second %s', (seconds, one, two) => {
    const states = [first, second].map((each) =>
      stateOf(each, [first, second], ROTATION_POLICY, noon + seconds),
    );
    expect(states).toEqual([one, two]);
  });

  test('made under a longer signing time than today is replaced by its own end', () => {
    const policy = { ...ROTATION_POLICY, sshSigning: 300 * DAY };
    const keys = present([...without('ssh-user/sign'), first]);
    const [made] = dueActions(keys, policy, later(30 * DAY)).filter(
      ({ owner }) => owner === 'ssh-user',
    );
    expect(made?.kind).toBe('create');
  });
});

test('a number is never used twice by one owner', () => {
  const sequences = fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { maxLength: 6 });
  const names = fc.constantFrom('tls/root', 'tls/issuing', 'probe/authenticate', 'ssh-user/sign');
  fc.assert(
    fc.property(
      sequences,
      fc.array(names),
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 0, max: 60 * DAY }),
      (numbers, kinds, mark, at) => {
        const keys = [
          key('data/encrypt', 1),
          ...numbers.map((sequence, i) => key(kinds[i] ?? 'tls/issuing', sequence, i * DAY)),
        ];
        const marks = [{ owner: 'tls', highest: mark } as const];
        const created = dueActions(
          { keys, marks, taken: keys },
          ROTATION_POLICY,
          later(at),
        ).flatMap((action) => (action.kind === 'create' ? [action] : []));
        for (const { owner, sequence } of created) {
          const taken = keys.filter((one) => one.owner === owner).map((one) => one.sequence);
          expect(sequence).toBe(Math.max(owner === 'tls' ? mark : 0, ...taken) + 1);
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

describe('a root that is lost beside its successor', () => {
  const successor = (ended?: number): KeyDescription => ({
    ...key('tls/root', 3),
    cross: { by: 1, certificate: Buffer.of() },
    ...(ended !== undefined && { ended: [{ sequence: ended, at: noon }] }),
  });
  const lost = { owner: 'tls', purpose: 'root' };

  test.each<[string, readonly KeyDescription[], readonly object[]]>([
    ['is there', [...ALL, successor()], []],
    ['is gone', [...without('tls/root'), successor()], [lost]],
    ['retired', [...without('tls/root'), successor(1)], []],
    ['is gone, and another one retired', [...without('tls/root'), successor(9)], [lost]],
    [
      'is gone, and another root is there',
      [...without('tls/root'), key('tls/root', 2), successor()],
      [lost],
    ],
  ])('%s', (_, keys, expected) => {
    expect(lostKinds(present(keys), NOON)).toEqual(expected);
  });

  test('is not made anew; what else is lost is', () => {
    const keys = [...without('tls/root', 'ssh-user/sign'), successor()];
    const made = foundingActions(present(keys), ROTATION_POLICY, NOON).map(text);
    expect(made).toEqual(['create ssh-user/sign 1']);
  });
});

test('at the end of a root no issuing key is made under it, everything else is, and its row stays', () => {
  const end = ROTATION_POLICY.root;
  const keys = ALL.map((one) =>
    one.purpose === 'root' || one.owner === 'data' ? one : { ...one, created: 0 },
  );
  const kinds = (seconds: number) =>
    due(keys, seconds).map((action) => action.replace(/ \d+$/, ''));
  expect(kinds(end - 1)).toContain('create tls/issuing');
  expect(kinds(end)).not.toContain('create tls/issuing');
  expect(kinds(end)).toContain('create probe/authenticate');
  expect(due(keys, end)).not.toContain('remove tls 1');
});

test('an issuing key without a root, and one under it, end with their time', () => {
  const kind = { owner: 'tls', purpose: 'issuing' } as const;
  const made = creation(kind, present([]), ROTATION_POLICY, noon);
  expect(made).toMatchObject({ starts: noon, expires: noon + ROTATION_POLICY.issuing });
});

test('a successor of an issuing key has a list before it signs', () => {
  const [made] = dueActions(present(ALL), ROTATION_POLICY, later(7 * DAY)).filter(
    (action) => action.kind === 'create' && action.purpose === 'issuing',
  );
  expect(made).toMatchObject({ created: noon + 7 * DAY, starts: noon + 10 * DAY });
  expect(made).not.toHaveProperty('takesOver');
});

test('where none has started the one that starts first is used', () => {
  const upcoming = [key('ssh-user/sign', 1, 0, 200), key('ssh-user/sign', 2, 0, 100)];
  for (const keys of [upcoming, upcoming.toReversed()])
    expect(usedKey(keys, 'ssh-user', 'sign', noon + 50)?.sequence).toBe(2);
});

test('a key that has a successor gets no other one', () => {
  const [first, second] = [key('probe/authenticate', 1), key('probe/authenticate', 2, DAY)];
  expect(successorDue(first, [first, second], ROTATION_POLICY)).toBeUndefined();
  expect(successorDue(second, [first, second], ROTATION_POLICY)).toBe(noon + 2 * DAY);
});

describe('numbers', () => {
  test('are marked where a mark is missing, too low, or encrypted under an earlier data key', () => {
    const marksDue = (more: Partial<PresentKeys>) =>
      dueActions({ ...present(ALL), ...more }, ROTATION_POLICY, NOON).map(text);
    expect(marksDue({ marks: [] })).toEqual([
      'mark tls 2',
      'mark ssh-user 1',
      'mark ssh-host 1',
      'mark probe 1',
    ]);
    const marks = present(ALL).marks.map((mark) =>
      mark.owner === 'tls' ? { ...mark, highest: 1 } : mark,
    );
    expect(marksDue({ marks })).toEqual(['mark tls 2']);
    expect(marksDue({ staleMarks: ['probe'] })).toEqual(['mark probe 1']);
    expect(marksDue({})).toEqual([]);
  });

  test('that somebody else took are stepped over', () => {
    const taken = [
      ...ALL,
      { owner: 'probe', sequence: 2 } as const,
      { owner: 'probe', sequence: 3 } as const,
    ];
    const keys = { ...present(ALL), taken };
    expect(dueActions(keys, ROTATION_POLICY, later(DAY)).map(text)).toEqual([
      'create probe/authenticate 4',
    ]);
  });
});

describe('a data key', () => {
  const both = present([...ALL, key('data/encrypt', 2)]);
  const ofData = (keys: PresentKeys, at: number) =>
    dueActions(keys, ROTATION_POLICY, later(at)).filter(({ owner }) => owner === 'data');

  test('gets a successor when it is old, which says until when the old one is read', () => {
    const { dataRenewal, dataHandover } = ROTATION_POLICY;
    expect(ofData(present(ALL), dataRenewal - 1)).toEqual([]);
    expect(ofData(present(ALL), dataRenewal)).toMatchObject([
      {
        kind: 'create',
        sequence: 2,
        takesOver: { from: 1, until: noon + dataRenewal + dataHandover },
      },
    ]);
  });

  test('goes when its successor has everything, and none is made before', () => {
    const at = 2 * ROTATION_POLICY.dataRenewal;
    const stale = [{ owner: 'ssh-user', sequence: 1 }] as const;
    expect(ofData({ ...both, stale }, at)).toEqual([]);
    expect(ofData({ ...both, staleMarks: ['tls'] }, at)).toEqual([]);
    expect(ofData({ ...both, stale, staleMarks: ['tls'] }, at)).toEqual([]);
    const all = dueActions({ ...both, stale }, ROTATION_POLICY, later(at));
    expect(all.every(({ owner }) => owner !== undefined)).toBe(true);
    expect(ofData(both, at)).toEqual([{ kind: 'remove', owner: 'data', sequence: 1 }]);
  });

  test('has what its predecessor encrypted encrypted anew before anything else is made', () => {
    const stale = [{ owner: 'tls', sequence: 1 }] as const;
    const [first] = dueActions({ ...both, stale }, ROTATION_POLICY, later(60 * DAY));
    expect(first).toEqual({ kind: 'reseal', owner: 'tls', sequence: 1 });
  });
});

describe('the policy', () => {
  test('that is given strands nobody', () => {
    expect(policyProblems(ROTATION_POLICY)).toEqual([]);
  });

  test.each<[Partial<typeof ROTATION_POLICY>, string]>([
    [{ sshPublication: DAY }, 'published for at least'],
    [{ reloadLag: 8 * DAY }, 'published for at least'],
    [{ sshSigning: 9 * DAY }, 'sign for at least'],
    [{ longestCertificate: 7 * DAY }, 'longer|longest certificate'],
    [{ issuingRenewal: 13 * DAY }, 'longest certificate'],
    [{ issuingPublication: 2 * DAY }, 'must have read it before it signs'],
    [{ probeRenewal: 2 * DAY }, 'prober'],
    [{ root: DAY }, 'root'],
    [{ dataHandover: 90 * DAY }, 'data key'],
  ])('with %j would', (change, problem) => {
    expect(policyProblems({ ...ROTATION_POLICY, ...change }).join()).toMatch(new RegExp(problem));
  });
});

describe('a key that is made', () => {
  const made = (name: string, keys: readonly KeyDescription[] = [key('tls/root', 1)]) => {
    const [owner, purpose] = name.split('/') as [KeyOwner, KeyPurpose];
    return creation({ owner, purpose }, present(keys), ROTATION_POLICY, noon + 100);
  };

  test.each<[string, number]>([
    ['tls/root', ROTATION_POLICY.root],
    ['tls/issuing', ROTATION_POLICY.issuing],
    ['ssh-user/sign', sshLife(ROTATION_POLICY)],
    ['probe/authenticate', ROTATION_POLICY.probe],
    ['data/encrypt', NEVER - noon - 100],
  ])('lives as long as the policy says: %s', (name, life) => {
    expect(made(name)).toMatchObject({
      created: noon + 100,
      starts: noon + 100,
      expires: noon + 100 + life,
    });
  });

  test('of the issuing ones has its publication in its life', () => {
    const keys = [key('tls/root', 1), key('tls/issuing', 2)];
    expect(made('tls/issuing', keys)).toMatchObject({
      starts: noon + 100 + ROTATION_POLICY.issuingPublication,
      expires: noon + 100 + ROTATION_POLICY.issuing,
    });
  });

  test('for the prober, for data or as a root starts at once, whoever was before', () => {
    for (const [name, keys] of [
      ['probe/authenticate', [key('probe/authenticate', 1)]],
      ['data/encrypt', [key('data/encrypt', 1)]],
      ['tls/root', [key('tls/root', 1)]],
    ] as const)
      expect(made(name, keys).starts).toBe(noon + 100);
  });

  test('for data takes over from the one that there is, which did not leak', () => {
    expect(made('data/encrypt', [key('data/encrypt', 1)]).takesOver).toEqual({
      from: 1,
      until: noon + 100 + ROTATION_POLICY.dataHandover,
      leaked: false,
    });
    expect(made('data/encrypt')).not.toHaveProperty('takesOver');
    expect(made('probe/authenticate', [key('data/encrypt', 1)])).not.toHaveProperty('takesOver');
  });
});

test('the newest key is of its owner and purpose', () => {
  const keys = [key('ssh-user/sign', 1), key('tls/root', 2), key('ssh-host/sign', 3)];
  const more = [...keys, key('tls/issuing', 4), key('ssh-user/sign', 2)];
  expect(newestKey(more, 'ssh-user', 'sign')).toBe(more[4]);
  expect(newestKey(more, 'tls', 'root')).toBe(more[1]);
  expect(newestKey(more, 'ssh-user', 'root')).toBeUndefined();
  expect(usedKey(more, 'tls', 'root', noon)).toBe(more[1]);
});

describe('what a key has ended', () => {
  const ended = (sequence: number, at = noon): EndedKey => ({ sequence, at });
  const saying = (name: string, sequence: number, ...said: readonly EndedKey[]) => ({
    ...key(name, sequence),
    ended: said,
  });
  const saidBy = (
    name: string,
    keys: readonly KeyDescription[],
    own: readonly EndedKey[] = [],
    ends?: readonly number[],
  ) => {
    const [owner, purpose] = name.split('/') as [KeyOwner, KeyPurpose];
    const made = creation({ owner, purpose }, present(keys), ROTATION_POLICY, noon);
    return withEarlierEnds({ ...made, ...(ends && { ends }) }, keys, own);
  };

  test.each(['tls/root', 'ssh-user/sign', 'ssh-host/sign'])(
    'goes on being said by every one after it: %s',
    (name) => {
      const keys = [saying(name, 3, ended(2)), saying(name, 4, ended(1)), key(name, 5)];
      expect(saidBy(name, keys, [ended(3)])).toEqual([ended(1), ended(2), ended(3)]);
      expect(saidBy(name, keys)).toEqual([ended(1), ended(2)]);
    },
  );

  test.each(['tls/issuing', 'probe/authenticate'])(
    'is said by one that ends it, and by no other: %s',
    (name) => {
      const keys = [saying(name, 3, ended(2)), saying(name, 4, ended(1))];
      expect(saidBy(name, keys, [ended(3)], [3])).toEqual([ended(2), ended(3)]);
      expect(saidBy(name, keys)).toEqual([]);
    },
  );

  test('is no word of another owner or purpose', () => {
    const keys = [saying('ssh-host/sign', 1, ended(7)), saying('tls/issuing', 2, ended(8))];
    expect(saidBy('ssh-user/sign', keys)).toEqual([]);
    expect(saidBy('tls/root', keys)).toEqual([]);
  });

  test('is said once, as it was said last', () => {
    const keys = [saying('tls/root', 3, ended(1, noon - 60)), saying('tls/root', 4, ended(1))];
    expect(saidBy('tls/root', keys)).toEqual([ended(1)]);
    expect(saidBy('tls/root', keys, [ended(1, noon + 60)])).toEqual([ended(1, noon + 60)]);
  });

  test('is of SSH the sixteen latest, of roots all of them', () => {
    const all = Array.from({ length: 17 }, (_, i) => ended(i + 1));
    expect(saidBy('ssh-user/sign', [saying('ssh-user/sign', 20, ...all)])).toEqual(all.slice(1));
    expect(saidBy('tls/root', [saying('tls/root', 20, ...all)])).toEqual(all);
  });
});
