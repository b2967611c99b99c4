/** Who may join as what, by the broker's own resources: each test changes one thing of a join that is admitted. */
import { describe, expect, test } from 'vitest';
import { checkLocks, findJoinToken } from '../../../shared/joining/admission.ts';
import type { JoinToken } from '../../../shared/resources/join-token.ts';
import type { Lock, LockSubject } from '../../../shared/resources/lock.ts';
import type { Snapshot } from '../../../shared/storage/resources.ts';
import { joinToken as example, lock } from '../resources/samples.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const later = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);

describe('a join token', () => {
  type Asked = Parameters<typeof findJoinToken>[0];
  interface Changes {
    readonly asked?: Partial<Asked>;
    readonly joinToken?: JoinToken | undefined;
    readonly at?: Date;
    readonly limits?: 'every join' | 'first join';
  }
  const ending: JoinToken = {
    ...example,
    metadata: { name: 'example-bot', expires: '2026-11-20T12:00:10Z' },
  };
  const instance = { id: '0a1b2c3d-1111-4111-8111-111111111111', generation: 1 };

  function find(changes: Changes = {}): JoinToken {
    const found = 'joinToken' in changes ? changes.joinToken : example;
    const snapshot = {
      joinToken: (name: string) => (name === 'example-bot' ? found : undefined),
    } as Snapshot;
    const asked = { token: 'example-bot', join_method: 'azure', role: 'Bot', ...changes.asked };
    const { at = NOON, limits = 'every join' } = changes;
    return findJoinToken(asked as Asked, snapshot, at, limits);
  }

  test.each<[string, Changes]>([
    ['for its method and role', {}],
    ['to the second before its end', { joinToken: ending, at: later(9) }],
    [
      'after its end for a renewal, where it limits the first join only',
      { joinToken: ending, at: later(10), limits: 'first join', asked: { instance } },
    ],
  ])('is found %s', (_, changes) => {
    expect(find(changes)).toBe('joinToken' in changes ? changes.joinToken : example);
  });

  const about = { join_token: 'example-bot', bot: 'example' };
  test.each<[string, Changes, string, string, object]>([
    [
      'that there is not',
      { asked: { token: 'another' } },
      'join_token_not_found',
      'there is no join token another',
      {},
    ],
    [
      'from the second of its end on',
      { joinToken: ending, at: later(10) },
      'join_token_expired',
      'join token example-bot expired at 2026-11-20T12:00:10Z',
      about,
    ],
    [
      'after its end, for a renewal, where it limits every join',
      { joinToken: ending, at: later(10), asked: { instance } },
      'join_token_expired',
      'join token example-bot expired at 2026-11-20T12:00:10Z',
      about,
    ],
    [
      'after its end, for a first join, where it limits that one only',
      { joinToken: ending, at: later(10), limits: 'first join' },
      'join_token_expired',
      'join token example-bot expired at 2026-11-20T12:00:10Z',
      about,
    ],
    [
      'for another method',
      { asked: { join_method: 'iam' } },
      'join_method_mismatch',
      'join token example-bot is for join method azure',
      about,
    ],
    [
      'for another role',
      {
        joinToken: {
          ...example,
          spec: { ...example.spec, roles: ['Node', 'Db'], bot_name: undefined },
        },
      },
      'system_role_mismatch',
      'join token example-bot is for Node, Db, not for Bot',
      { join_token: 'example-bot' },
    ],
  ])('denies one %s', (_, changes, reason, message, told) => {
    expect(() => find(changes)).toThrow(
      expect.objectContaining({ code: 'access_denied', reason, message, about: told }),
    );
  });
});

describe('a lock', () => {
  const check = (subject: Partial<LockSubject>, ...locks: readonly Lock[]): void =>
    checkLocks(
      subject,
      { all: (kind: string) => (kind === 'lock' ? locks : []) } as Snapshot,
      NOON,
    );

  test.each<[string, Partial<LockSubject>, string]>([
    ['a bot', { bot: 'example' }, 'bot'],
    ['a join token', { join_token: 'example-bot' }, 'join token'],
  ])('on %s denies it, and names itself', (_, target, said) => {
    const none = lock({ target: { bot: 'another' } });
    expect(() => check({ ...target, machine: 'vm' }, none, lock({ target }))).toThrow(
      expect.objectContaining({
        code: 'access_denied',
        reason: 'locked',
        message: `lock stop is on this ${said}`,
        about: { lock: 'stop' },
      }),
    );
  });

  test('on others, or one that is over, denies nobody', () => {
    const over = lock({ expires: '2026-11-20T12:00:00Z' });
    expect(() => check({ bot: 'example' }, lock({ target: { bot: 'b' } }), over)).not.toThrow();
  });
});
