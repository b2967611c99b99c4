import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { botOwner, decideUserGrant } from '../../../../shared/joining/owners/bot.ts';
import type { Lifetime } from '../../../../shared/joining/owners/lifetime.ts';
import type { CertificateWish } from '../../../../shared/protocol/join.ts';
import { formatDuration, formatTimestamp } from '../../../../shared/protocol/values.ts';
import type { Bot } from '../../../../shared/resources/bot.ts';
import type { Role } from '../../../../shared/resources/role.ts';
import type { Snapshot } from '../../../../shared/storage/resources.ts';
import { bot, joinToken, role } from '../../resources/samples.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const later = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);
const named = (name: string, logins: string[] = []) => ({
  ...role({ logins }),
  metadata: { name },
});

interface Context extends Lifetime {
  readonly bot: Bot;
  readonly roleNamed: (name: string) => Role | undefined;
}

const context = (change: Partial<Context> = {}): Context => ({
  bot: { ...bot, spec: { ...bot.spec, roles: ['access', 'deploy'] } },
  roleNamed: (name) =>
    [named('access', ['{{internal.logins}}']), named('deploy', ['deploy', 'app'])].find(
      ({ metadata }) => metadata.name === name,
    ),
  defaultSeconds: 3600,
  maxSeconds: 86_400,
  tokenTtl: undefined,
  tokenEnds: undefined,
  authoritiesEnd: later(14 * 86_400),
  at: NOON,
  ...change,
});
const decide = (wish: Partial<CertificateWish> = {}, change: Partial<Context> = {}) => {
  const { bot: whose, roleNamed, ...lifetime } = context(change);
  const whole = { name: 'identity', csr: '', ...wish };
  return decideUserGrant(whose, roleNamed, whole, 'request.certificates[0]', lifetime);
};

describe('the bot of a join token', () => {
  const ownerAt = (at: Date, found: Bot | undefined) => {
    const resources = { bot: found, role: named('access', ['deploy']) };
    const get = (kind: keyof typeof resources, name: string) =>
      resources[kind]?.metadata.name === name ? resources[kind] : undefined;
    return botOwner(joinToken, { get } as unknown as Snapshot, at);
  };
  const ending: Bot = { ...bot, metadata: { name: 'example', expires: '2026-11-20T12:00:10Z' } };

  test('owns the instance until its end, and has no names', () => {
    const owner = ownerAt(later(9), ending);
    expect(owner).toMatchObject({
      key: 'bot:example',
      bot: 'example',
      lockTargets: { bot: 'example' },
    });
    expect(owner.namesOf({} as never)).toEqual([]);
    const { defaultSeconds, maxSeconds, tokenTtl, tokenEnds, authoritiesEnd, at } = context();
    const lifetime = { defaultSeconds, maxSeconds, tokenTtl, tokenEnds, authoritiesEnd, at };
    expect(owner.grant({ name: 'identity', csr: '' }, 'field', lifetime, [])).toMatchObject({
      bot: 'example',
      roles: ['access'],
      logins: ['deploy'],
    });
  });

  test.each<[string, Bot | undefined, string, string]>([
    [
      'does not exist',
      undefined,
      'bot_not_found',
      'join token example-bot is for bot example, which does not exist',
    ],
    ['is over', ending, 'bot_expired', 'bot example expired at 2026-11-20T12:00:10Z'],
  ])('is denied where it %s', (_, found, reason, message) => {
    expect(() => ownerAt(later(10), found)).toThrow(
      expect.objectContaining({ code: 'access_denied', reason, message }),
    );
  });
});

describe('roles and logins', () => {
  test("are all of the bot's unless the wish says otherwise", () => {
    expect(decide()).toMatchObject({
      roles: ['access', 'deploy'],
      logins: ['root', 'deploy', 'app'],
    });
  });

  test('are those that were asked for, once each', () => {
    expect(decide({ roles: ['deploy', 'deploy'] })).toMatchObject({
      roles: ['deploy'],
      logins: ['deploy', 'app'],
    });
  });

  test('may be none', () => {
    expect(decide({ roles: [] })).toMatchObject({ roles: [], logins: [], expires: later(3600) });
  });

  test.each<[string, Partial<CertificateWish>, Partial<Context>, string, object]>([
    [
      "that are not the bot's",
      { roles: ['access', 'editor'] },
      {},
      'bot example does not have role editor',
      { denied_role: 'editor', denied_role_is: "not the bot's" },
    ],
    [
      'of another case',
      { roles: ['Access'] },
      {},
      'bot example does not have role Access',
      { denied_role: 'Access', denied_role_is: "not the bot's" },
    ],
    [
      'that do not exist',
      {},
      { roleNamed: () => undefined },
      'bot example has role access, which does not exist',
      { denied_role: 'access', denied_role_is: 'missing' },
    ],
    [
      'that have expired',
      { roles: ['access'] },
      {
        roleNamed: () => ({
          ...role(),
          metadata: { name: 'access', expires: formatTimestamp(NOON) },
        }),
      },
      `bot example has role access, which expired at ${formatTimestamp(NOON)}`,
      { denied_role: 'access', denied_role_is: 'expired' },
    ],
    [
      'whose addresses have none in common',
      {},
      {
        roleNamed: (name) =>
          role({}, { source_address: [name === 'deploy' ? '192.0.2.1' : '203.0.113.7'] }),
      },
      'roles access, deploy have no source_address in common',
      {},
    ],
  ])('%s are denied', (_, wish, change, message, about) => {
    expect(() => decide(wish, change)).toThrow(
      expect.objectContaining({
        code: 'access_denied',
        reason: 'role_not_allowed',
        message,
        about,
      }),
    );
  });

  test('permit what their options say, from where these say', () => {
    const roleNamed = () => role({}, { permit_pty: true, source_address: ['192.0.2.1'] });
    expect(decide({}, { roleNamed })).toMatchObject({
      type: 'user',
      permissions: {
        extensions: ['permit-pty'],
        sourceAddresses: [expect.stringMatching('192.0.2.1')],
      },
    });
  });

  test('a host certificate is not for a bot', () => {
    expect(() => decide({ type: 'host' })).toThrow(
      expect.objectContaining({
        code: 'bad_request',
        field: 'request.certificates[0].type',
        message: 'expected user: host certificates are for system roles other than Bot',
      }),
    );
    expect(() => decide({ type: 'user' })).not.toThrow();
  });
});

describe('the life of a certificate', () => {
  const hour = formatTimestamp(later(3600));
  const day = { ttl: '24h' };

  test.each<[string, Partial<CertificateWish>, Partial<Context>, number]>([
    ['the default, where nothing is asked for', {}, {}, 3600],
    ['what is asked for', { ttl: '90m' }, {}, 5400],
    ['what is asked for, though it is short', { ttl: '1s' }, {}, 1],
    ["the broker's longest", { ttl: '999h' }, { maxSeconds: 7200 }, 7200],
    ["the broker's longest for the default, too", {}, { maxSeconds: 60 }, 60],
    ["the join token's", day, { tokenTtl: '2h' }, 7200],
    [
      "the shortest role's",
      day,
      { roleNamed: (name) => role({}, { max_session_ttl: name === 'deploy' ? '30m' : '8h' }) },
      1800,
    ],
    ["the issuing key's", day, { authoritiesEnd: later(600) }, 600],
    ["the join token's end", day, { tokenEnds: hour }, 3600],
    ["the bot's", day, { bot: { ...bot, spec: { ...bot.spec, max_session_ttl: '90m' } } }, 5400],
    ["the bot's end", day, { bot: { ...bot, metadata: { name: 'a', expires: hour } } }, 3600],
    [
      "a role's end",
      day,
      {
        roleNamed: (name) => ({
          ...role(),
          metadata: { name, ...(name === 'deploy' && { expires: hour }) },
        }),
      },
      3600,
    ],
  ])('is limited by %s', (_, wish, change, seconds) => {
    expect(decide(wish, change).expires).toEqual(later(seconds));
  });

  test('is limited by roles of the bot that it leaves out, too: it says who the bot is all the same', () => {
    const roleNamed = () => role({}, { max_session_ttl: '1m' });
    expect(decide({ ...day, roles: [] }, { roleNamed }).expires).toEqual(later(60));
  });

  test('is not limited by a role of the bot that has expired, or does not exist', () => {
    const expired = {
      ...role({}, { max_session_ttl: '1m' }),
      metadata: { name: 'access', expires: '2020-01-01T00:00:00Z' },
    };
    for (const roleNamed of [() => expired, () => undefined]) {
      expect(decide({ ...day, roles: [] }, { roleNamed }).expires).toEqual(later(86_400));
    }
  });

  test('ends on a whole second, never later than it may', () => {
    const at = new Date(NOON.getTime() + 999);
    expect(decide({ ttl: '10s' }, { at }).expires).toEqual(later(10));
    expect(decide(day, { at, authoritiesEnd: at }).expires).toEqual(NOON);
  });

  test('is the shortest of all limits', () => {
    const seconds = fc.integer({ min: 1, max: 200_000 });
    fc.assert(
      fc.property(fc.array(seconds, { minLength: 8, maxLength: 8 }), (limits) => {
        const [
          ttl = 0,
          most = 0,
          token = 0,
          session = 0,
          issuing = 0,
          tokenEnd = 0,
          botEnd = 0,
          roleEnd = 0,
        ] = limits;
        const ending = (name: string, end: number) => ({
          metadata: { name, expires: formatTimestamp(later(end)) },
        });
        const grant = decide(
          { ttl: formatDuration(ttl) },
          {
            maxSeconds: most,
            authoritiesEnd: later(issuing),
            bot: { ...context().bot, ...ending('example', botEnd) },
            tokenTtl: formatDuration(token),
            tokenEnds: formatTimestamp(later(tokenEnd)),
            roleNamed: (name) => ({
              ...role({}, { max_session_ttl: formatDuration(session) }),
              ...ending(name, roleEnd),
            }),
          },
        );
        expect(grant.expires).toEqual(later(Math.min(...limits)));
      }),
    );
  });
});
