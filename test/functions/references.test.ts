import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { botExample, joinToken } from '../broker/fixtures.ts';
import { type SignedIn, signIn } from '../broker/operators.ts';
import { createTestBroker } from '../broker/test-broker.ts';

const CREATE = { 'if-none-match': '*' };
const SUBSCRIPTION = '00000000-0000-4000-8000-000000000001';

const newAdmin = (): SignedIn => signIn(createTestBroker(), 'JoinBroker.Admin');

const pathOf = ({ kind, metadata }: Named): string => `/v1/resources/${kind}/${metadata.name}`;

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

const put = (admin: SignedIn, body: object, query = '', headers: object = CREATE) =>
  admin.request('PUT', pathOf(body as Named) + query, { body, headers: { ...headers } });

const role = (name: string): object => ({
  kind: 'role',
  version: 'v7',
  metadata: { name },
  spec: { allow: {} },
});
const lock = (target: object): object => ({
  kind: 'lock',
  version: 'v2',
  metadata: { name: 'stop' },
  spec: { target },
});
const token = joinToken({ allow: [{ subscription: SUBSCRIPTION }] });

const warningsOf = ({ body }: { body: unknown }): unknown =>
  (body as { warnings?: unknown }).warnings;

describe('a reference to nothing', () => {
  test.each<[string, object, string, string, { kind: string; name: string }]>([
    [
      'a role of a bot',
      botExample({ roles: ['access', 'accesss'] }),
      'spec.roles[1]',
      'there is no role accesss (did you mean access?): joins and renewals of the bot are denied',
      { kind: 'role', name: 'accesss' },
    ],
    [
      'the bot of a join token',
      token,
      'spec.bot_name',
      'there is no bot example: joins with the join token are denied',
      { kind: 'bot', name: 'example' },
    ],
    [
      'the bot of a lock',
      lock({ bot: 'exampel' }),
      'spec.target.bot',
      'there is no bot exampel: the lock is on nothing now',
      { kind: 'bot', name: 'exampel' },
    ],
    [
      'the join token of a lock',
      lock({ join_token: 'nosuch' }),
      'spec.target.join_token',
      'there is no token nosuch: the lock is on nothing now',
      { kind: 'token', name: 'nosuch' },
    ],
  ])('%s is stored, with a warning that names it', async (_, body, field, message, missing) => {
    const admin = newAdmin();
    const answer = await put(admin, body);
    expect(answer.status).toBe(201);
    expect(warningsOf(answer)).toEqual([{ field, message, missing }]);
    const again = await put(admin, body, '', { 'if-match': '*' });
    expect(warningsOf(again)).toEqual([{ field, message, missing }]);
    expect((await admin.request('GET', pathOf(body as Named))).body).not.toHaveProperty('warnings');
  });

  test('is none where it was created a moment ago', async () => {
    const admin = newAdmin();
    await put(admin, role('fresh'));
    expect(warningsOf(await put(admin, botExample({ roles: ['fresh'] })))).toBeUndefined();
    expect(warningsOf(await put(admin, token))).toBeUndefined();
    expect(warningsOf(await put(admin, lock({ bot: 'example' })))).toBeUndefined();
  });
});

describe('a dry run', () => {
  test('answers as the write would, and changes nothing', async () => {
    const admin = newAdmin();
    const wanted = botExample({ roles: ['nosuch'] });
    const tried = await put(admin, wanted, '?dry_run=true');
    expect(tried.status).toBe(200);
    expect(tried.body).toMatchObject(wanted);
    expect(warningsOf(tried)).toHaveLength(1);
    expect(await admin.request('GET', pathOf(wanted as Named))).toBeProblem('not_found');

    await put(admin, botExample());
    expect(await put(admin, wanted, '?dry_run=true')).toBeProblem('already_exists');
    expect((await put(admin, wanted, '?dry_run=true', { 'if-match': '*' })).status).toBe(200);
    const stale = { 'if-match': 'W/"1"' };
    expect(await put(admin, wanted, '?dry_run=true', stale)).toBeProblem('precondition_failed');
    expect((await admin.request('GET', pathOf(wanted as Named))).body).toMatchObject(botExample());
  });

  test('makes no secret', async () => {
    const admin = newAdmin();
    const wanted = {
      kind: 'token',
      version: 'v2',
      metadata: { name: 'secret', expires: '2099-01-01T00:00:00Z' },
      spec: { roles: ['Bot'], bot_name: 'example', join_method: 'token' },
    };
    expect((await put(admin, wanted, '?dry_run=true')).body).not.toHaveProperty('secret');
  });

  test('refuses what the write would, and a switch that is none', async () => {
    const admin = newAdmin();
    const bad = botExample({ roles: ['a/b'] });
    expect(await put(admin, bad, '?dry_run=true')).toBeProblem('bad_request', 'spec.roles[0]');
    expect(await put(admin, botExample(), '?dry_run=1')).toBeProblem('bad_request', 'dry_run');
  });

  test('is for those who may write', async () => {
    const reader = signIn(createTestBroker(), 'JoinBroker.Reader');
    expect(await put(reader, botExample(), '?dry_run=true')).toBeProblem('forbidden');
  });
});

describe('a role that bots have', () => {
  test('is removed by force only, and the refusal names the bots', async () => {
    const admin = newAdmin();
    await put(admin, role('deploy'));
    for (let i = 0; i < 7; i += 1) {
      const bot = { ...botExample({ roles: ['deploy'] }), metadata: { name: `b${i}` } };
      await put(admin, bot);
    }
    const path = '/v1/resources/role/deploy';
    const refused = await admin.request('DELETE', path);
    expect(refused).toBeProblem('in_use');
    expect(refused.body).toMatchObject({
      detail:
        'role deploy is a role of bots b0, b1, b2, b3, b4 and 2 more, whose joins and renewals would be denied: take it from them first, or force its removal',
    });
    expect((await admin.request('GET', path)).status).toBe(200);
    expect((await admin.request('DELETE', `${path}?force=true`)).status).toBe(204);
  });

  test('goes without force when no bot has it', async () => {
    const admin = newAdmin();
    await put(admin, role('deploy'));
    expect((await admin.request('DELETE', '/v1/resources/role/deploy')).status).toBe(204);
  });

  test.each(['access', 'auditor', 'editor'])('%s comes with the broker and stays', async (name) => {
    const admin = newAdmin();
    const path = `/v1/resources/role/${name}`;
    for (const query of ['', '?force=true'])
      expect(await admin.request('DELETE', path + query)).toBeProblem('in_use');
  });
});

describe('a login that is no principal', () => {
  test.each(['*', 'a b', 'a,b', 'root\n', '{{internal.logins}}'])(
    '%j is refused as a trait',
    async (login) => {
      const bot = botExample({ traits: [{ name: 'logins', values: ['root', login] }] });
      expect(await put(newAdmin(), bot)).toBeProblem('bad_request', 'spec.traits[0].values[1]');
    },
  );

  test('is any text in another trait', async () => {
    const bot = botExample({ traits: [{ name: 'team', values: ['a b'] }] });
    expect((await put(newAdmin(), bot)).status).toBe(201);
  });
});
