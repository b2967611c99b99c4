import { describe, expect, test } from 'vitest';
import type { DueCreation, KeyKind, PresentKeys } from '../../../shared/authority/rotation.ts';
import { ROTATION_POLICY, retirement, sshLife } from '../../../shared/authority/rotation-policy.ts';
import { type KeyDescription, NEVER } from '../../../shared/authority/signing-key.ts';
import { earlySuccessor, replacement } from '../../../shared/authority/successors.ts';
import { described } from './described-keys.ts';

const POLICY = ROTATION_POLICY;
const DAY = 86_400;
const NOW = 100 * DAY;
const ROOT = { owner: 'tls', purpose: 'root' } as const;
const ISSUING = { owner: 'tls', purpose: 'issuing' } as const;
const SSH = { owner: 'ssh-user', purpose: 'sign' } as const;
const PROBE = { owner: 'probe', purpose: 'authenticate' } as const;
const DATA = { owner: 'data', purpose: 'encrypt' } as const;

const keys = [
  described('data/encrypt', 1, { expires: NEVER }),
  described('tls/root', 1, { expires: POLICY.root }),
  described('tls/issuing', 2, { created: 99 * DAY, expires: 113 * DAY }),
  described('tls/issuing', 3, { created: 99 * DAY, expires: 113 * DAY }),
  described('ssh-user/sign', 4, { created: 90 * DAY, expires: 90 * DAY + sshLife(POLICY) }),
  described('probe/authenticate', 5, { created: 99 * DAY, expires: 101 * DAY }),
];
const present = (all: readonly KeyDescription[] = keys): PresentKeys => ({
  keys: all,
  taken: all,
  marks: [],
});
const make = (how: typeof replacement, kind: KeyKind, all = keys): DueCreation =>
  how(kind, present(all), POLICY, new Date(NOW * 1000 + 999));

describe('a successor before it is due', () => {
  test.each<[string, KeyKind, Partial<DueCreation>]>([
    [
      'issuing key signs at once',
      ISSUING,
      { sequence: 4, starts: NOW, expires: NOW + POLICY.issuing },
    ],
    ['SSH authority is published first', SSH, { sequence: 5, starts: NOW + POLICY.sshPublication }],
    [
      'key of the prober counts at once',
      PROBE,
      { sequence: 6, starts: NOW, expires: NOW + POLICY.probe },
    ],
    [
      'data key takes over from the one before',
      DATA,
      {
        sequence: 2,
        starts: NOW,
        expires: NEVER,
        takesOver: { from: 1, until: NOW + POLICY.dataHandover, leaked: false },
      },
    ],
    [
      'root is published first, and certified by the one before',
      ROOT,
      {
        sequence: 4,
        starts: NOW + POLICY.rootPublication,
        expires: NOW + POLICY.rootPublication + POLICY.root,
        crossedBy: 1,
      },
    ],
  ])('%s', (_, kind, expected) => {
    expect(make(earlySuccessor, kind)).toMatchObject({
      kind: 'create',
      ...kind,
      created: NOW,
      ...expected,
    });
  });

  test('of anything but a root is certified by none', () => {
    for (const kind of [ISSUING, SSH, PROBE, DATA])
      expect(make(earlySuccessor, kind)).not.toHaveProperty('crossedBy');
  });

  test.each([
    [
      'shortly before the old root would have to shorten its issuing keys',
      NOW + POLICY.issuing + 60,
      NOW + 60,
    ],
    ['at once where it has to shorten them already', NOW + POLICY.issuing - 60, NOW],
  ])('of a root signs %s', (_, expires, starts) => {
    const root = { ...make(earlySuccessor, ROOT, [described('tls/root', 1, { expires })]) };
    expect(root).toMatchObject({ starts, expires: starts + POLICY.root, crossedBy: 1 });
  });

  test('of a root that is over signs at once, and is certified by none', () => {
    const made = make(earlySuccessor, ROOT, [described('tls/root', 1)]);
    expect(made).toMatchObject({ starts: NOW, sequence: 2 });
    expect(made).not.toHaveProperty('crossedBy');
  });
});

describe('a key in the place of all that leaked', () => {
  test.each<[string, KeyKind, Partial<DueCreation>]>([
    ['root', ROOT, { sequence: 4, expires: NOW + POLICY.root, ends: [1] }],
    ['issuing key', ISSUING, { sequence: 4, expires: NOW + POLICY.issuing, ends: [2, 3] }],
    ['SSH authority', SSH, { sequence: 5, expires: NOW + sshLife(POLICY), ends: [4] }],
    ['key of the prober', PROBE, { sequence: 6, expires: NOW + POLICY.probe, ends: [5] }],
    [
      'data key',
      DATA,
      {
        sequence: 2,
        expires: NEVER,
        takesOver: { from: 1, until: NOW + POLICY.leakedHandover, leaked: true },
      },
    ],
  ])('a %s signs at once', (_, kind, expected) => {
    const made = make(replacement, kind);
    expect(made).toMatchObject({ ...kind, created: NOW, starts: NOW, ...expected });
    expect('ends' in made).toBe(kind !== DATA);
    expect(made).not.toHaveProperty('crossedBy');
  });
});

describe('the bundle has a newer version for everybody', () => {
  const ahead = (name: string, seconds: number): KeyDescription[] => [
    described('tls/root', 1, { expires: POLICY.root }),
    described(name, 7, { created: NOW + seconds, expires: NEVER }),
  ];

  test.each<[string, KeyKind, number, number]>([
    ['root', ROOT, 40, 41],
    ['SSH authority', SSH, 40, 41],
    ['SSH authority of long ago', SSH, -40, 0],
    ['issuing key, which is in no bundle', ISSUING, 40, 0],
    ['key of the prober, which is in no bundle', PROBE, 40, 0],
  ])('after a clock that was ahead made a %s', (_, kind, seconds, expected) => {
    for (const how of [earlySuccessor, replacement])
      expect(make(how, kind, ahead(`${kind.owner}/${kind.purpose}`, seconds)).created - NOW).toBe(
        expected,
      );
  });

  test('and after a change that a clock which is ahead has seen', () => {
    const leaves = NOW + 2 * POLICY.skew;
    const keys = [
      described('ssh-user/sign', 1, { expires: NEVER }),
      described('ssh-user/sign', 2, { starts: leaves - retirement(POLICY), expires: NEVER }),
    ];
    expect(make(earlySuccessor, SSH, keys).created).toBe(leaves + 1);
  });
});
