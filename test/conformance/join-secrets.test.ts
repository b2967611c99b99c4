/** Conformance: join method `token`: a secret is good for one first join (rows G1, G2, G3, G5, G7). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { botExample, createScene } from '../broker/fixtures.ts';
import { joined, newKey } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import type { Answer, TestBroker } from '../broker/test-broker.ts';
import { joinWith, makeRenewal, makeSecret, renew } from '../broker/token-joiner.ts';
import { watchTables } from '../broker/watched-tables.ts';

const send = (api: TestBroker, body: unknown): Promise<Answer> =>
  api.request('POST', '/v1/join', { body });
const thefts = (api: TestBroker) => api.audit.filter(({ event }) => event === 'security');

async function secretScene(settings: Readonly<Record<string, string>> = {}) {
  const { api } = await createScene({ settings });
  return { api, secret: await makeSecret(api) };
}

describe('G1 the first use of a secret', () => {
  test('admits, makes an instance, and uses the secret up', async () => {
    const { api, secret } = await secretScene();
    const first = await joinWith(api, secret);
    expect(joined(first)).toMatchObject({ bot: 'example', generation: 1, role: 'Bot' });
    expect(api.audit.at(-1)).toMatchObject({ join_method: 'token', join_token: 'robot' });
    expect(await joinWith(api, secret)).toBeDenied(api, 'secret_used');
  });

  test('is followed by renewals with the key alone, each a generation more', async () => {
    const { api, secret } = await secretScene();
    let attempt = await joinWith(api, secret);
    for (let generation = 2; generation <= 5; generation += 1) {
      api.clock.advance(1200);
      attempt = await renew(api, { secret, attempt });
      expect(joined(attempt)).toMatchObject({ generation });
    }
    expect(await api.tables.instances.list({})).toHaveLength(1);
  });

  test('works on a function instance that has never heard of the secret', async () => {
    const { api } = await createScene();
    const other = api.another();
    expect(await other.request('GET', '/readyz')).toMatchObject({ status: 200 });
    const secret = await makeSecret(api);
    expect(await joinWith(other, secret)).toBeAdmitted();
  });

  test('is limited by the end of the join token; renewals and lifetimes are not', async () => {
    const { api } = await createScene();
    const secret = await makeSecret(api, { life: 60 });
    const first = await joinWith(api, secret);
    expect(joined(first).certificates[0]?.expires).toBe('2026-11-20T13:00:00Z');
    api.clock.advance(1800);
    expect(await renew(api, { secret, attempt: first })).toBeAdmitted();
  });

  test('renewals end when the join token is deleted', async () => {
    const { api, secret } = await secretScene();
    const attempt = await joinWith(api, secret);
    await signIn(api, 'JoinBroker.Admin').request('DELETE', '/v1/resources/token/robot');
    expect(await renew(api, { secret, attempt })).toBeDenied(api, 'join_token_not_found');
  });
});

describe('G2 where the answer is lost, the same request again gets the same', () => {
  test('for the first use, although time has passed', async () => {
    const { api, secret } = await secretScene();
    const first = await joinWith(api, secret);
    api.clock.advance(3000);
    const again = joined(await send(api.another(), first.sent));
    expect(again).toMatchObject({ instance_id: joined(first).instance_id, generation: 1 });
    expect(again.certificates[0]?.expires).toBe(joined(first).certificates[0]?.expires);
    expect(thefts(api)).toEqual([]);
  });

  test('for a renewal', async () => {
    const { api, secret } = await secretScene();
    const first = await joinWith(api, secret);
    const second = await renew(api, { secret, attempt: first });
    api.clock.advance(3000);
    expect(joined(await send(api, second.sent))).toMatchObject({ generation: 2 });
    expect(await renew(api, { secret, attempt: second })).toBeAdmitted();
  });

  test('where storage did the write and did not say so', async () => {
    const storage = watchTables();
    const { api } = await createScene({ tables: storage.tables });
    const secret = await makeSecret(api);
    storage.fail('instances', 'answer_lost');
    const lost = await joinWith(api, secret);
    expect(lost).toBeProblem('unavailable');
    storage.heal();
    expect(joined(await send(api, lost.sent))).toMatchObject({ generation: 1 });
  });
});

describe('G3 a secret is refused', () => {
  test('when it is used a second time, and an event says that somebody else may have it', async () => {
    const { api, secret } = await secretScene();
    const first = await joinWith(api, secret);
    const thief = await joinWith(api.another(), secret);
    expect(thief.status).toBe(403);
    expect(await joinWith(api, secret)).toBeDenied(api, 'secret_used');
    expect(thefts(api)).toMatchObject([
      { sign: 'secret_used', join_token: 'robot', instance_id: joined(first).instance_id },
    ]);
    expect(await renew(api, { secret, attempt: first })).toBeAdmitted();
  });

  test('50 times at once admits exactly one', async () => {
    const { api, secret } = await secretScene();
    const instances = [api, api.another(), api.another()];
    const attempts = await Promise.all(
      Array.from({ length: 50 }, (_, i) => joinWith(instances[i % 3] ?? api, secret)),
    );
    expect(attempts.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await api.tables.instances.list({})).toHaveLength(1);
  });

  test('after every certificate of its instance is over and the sweeper came by', async () => {
    const { api } = await createScene();
    const secret = await makeSecret(api, { life: 7 * 86_400 });
    expect(await joinWith(api, secret, { wish: { ttl: '1m' } })).toBeAdmitted();
    api.clock.advance(6 * 86_400);
    await api.broker.sweep();
    expect(await joinWith(api, secret)).toBeDenied(api, 'secret_used');
  });

  test.each([
    ['was renewed', 1200, true],
    ['has no certificate any more', 5000, false],
  ])(
    'by the very same request, once its instance %s: and nobody is taken for a thief',
    async (_, seconds, renews) => {
      const { api } = await createScene();
      const secret = await makeSecret(api, { life: 7 * 86_400 });
      const first = await joinWith(api, secret);
      api.clock.advance(seconds);
      if (renews) expect(await renew(api, { secret, attempt: first })).toBeAdmitted();
      expect(await send(api, first.sent)).toBeDenied(api, 'request_used');
      expect(thefts(api)).toEqual([]);
      expect(await joinWith(api, secret)).toBeDenied(api, 'secret_used');
      expect(thefts(api)).toHaveLength(1);
    },
  );

  test('after its instance was removed by hand', async () => {
    const { api, secret } = await secretScene();
    const first = await joinWith(api, secret);
    const admin = signIn(api, 'JoinBroker.Admin');
    const { instance_id } = joined(first);
    const removal = await admin.request('DELETE', `/v1/instances/bot:example/${instance_id}`);
    expect(removal.status).toBe(204);
    expect(await joinWith(api, secret)).toBeDenied(api, 'secret_used');
    expect(await renew(api, { secret, attempt: first })).toBeProblem('instance_unknown');
    await api.broker.sweep();
    expect(thefts(api)).toHaveLength(1);
    expect(await send(api, first.sent)).toBeDenied(api, 'instance_removed');
    expect(thefts(api)).toHaveLength(1);
  });

  test('after the join token has expired', async () => {
    const { api, secret } = await secretScene();
    api.clock.advance(3600);
    expect(await joinWith(api, secret)).toBeDenied(api, 'join_token_expired');
  });

  test.each([['that nobody made', 'f'.repeat(32), 'join_token_not_found']] as const)(
    '%s',
    async (_, wrong, reason) => {
      const { api } = await secretScene();
      expect(await joinWith(api, wrong)).toBeDenied(api, reason);
    },
  );

  test('that is not the one whose hash the request names', async () => {
    const { api, secret } = await secretScene();
    const attempt = await joinWith(api, secret, {
      changedBody: (body) => ({ ...body, secret: '0'.repeat(32) }),
    });
    expect(attempt).toBeDenied(api, 'secret_mismatch');
  });

  test.each([
    ['left out', undefined, 'secret'],
    ['shorter', '0'.repeat(31), 'secret'],
    ['longer', '0'.repeat(33), 'secret'],
    ['in upper case', 'A'.repeat(32), 'secret'],
  ])('that is %s', async (_, secret, field) => {
    const { api, secret: right } = await secretScene();
    const attempt = await joinWith(api, right, { changedBody: (body) => ({ ...body, secret }) });
    expect(attempt).toBeProblem('bad_request', field);
  });

  test('beside the name of a join token: the request names it by the hash alone', async () => {
    const { api, secret } = await secretScene();
    const attempt = await joinWith(api, secret, { request: { token: 'robot' } });
    expect(attempt).toBeProblem('bad_request', 'request.token');
  });

  test('that an operator chose', async () => {
    const { api } = await createScene();
    const spec = { secret_sha256: 'ab'.repeat(32) };
    await expect(makeSecret(api, { spec })).rejects.toThrow('the broker makes the secret');
  });

  test.each<[string, readonly string[]]>([
    ['of two services', ['Node', 'App']],
    ['of a bot and a service', ['Bot', 'Node']],
  ])('for system roles %s: it would be good for a first join as each of them', async (_, roles) => {
    const { api } = await createScene();
    const bot_name = roles.includes('Bot') ? 'example' : undefined;
    const spec = { roles, bot_name, host_names: ['db.{{cluster}}'] };
    await expect(makeSecret(api, { spec })).rejects.toThrow('expected one role');
  });

  test('whose end was moved: it can not be', async () => {
    const { api, secret } = await secretScene();
    const admin = signIn(api, 'JoinBroker.Admin');
    const path = '/v1/resources/token/robot';
    const { metadata, ...rest } = (await admin.request('GET', path)).body as {
      metadata: object;
    };
    const body = { ...rest, metadata: { ...metadata, expires: '2027-01-01T00:00:00Z' } };
    const answer = await admin.request('PUT', path, { body, headers: { 'if-match': '*' } });
    expect(answer).toBeProblem('bad_request', 'metadata.expires');
    expect(await joinWith(api, secret)).toBeAdmitted();
  });

  test('nowhere to be found again: no read shows it, no row or line of the log has it', async () => {
    const { api, secret } = await secretScene();
    await joinWith(api, secret);
    const admin = signIn(api, 'JoinBroker.Admin');
    const read = await admin.request('GET', '/v1/resources/token/robot');
    const list = await admin.request('GET', '/v1/resources/token');
    await api.broker.flush();
    const rows = await Promise.all(Object.values(api.tables).map((table) => table.list({})));
    expect(JSON.stringify([read.body, list.body, rows, api.audit])).not.toContain(secret);
  });

  test('a change of the join token that says nothing of the secret keeps it', async () => {
    const { api, secret } = await secretScene();
    const admin = signIn(api, 'JoinBroker.Admin');
    const path = '/v1/resources/token/robot';
    const stored = (await admin.request('GET', path)).body as { spec: Record<string, unknown> };
    const { secret_sha256: _, ...spec } = stored.spec;
    const body = { ...stored, spec: { ...spec, max_ttl: '10m' } };
    const answer = await admin.request('PUT', path, { body, headers: { 'if-match': '*' } });
    expect(answer.status).toBe(200);
    expect(answer.body).not.toHaveProperty('secret');
    const attempt = await joinWith(api, secret);
    expect(joined(attempt).certificates[0]?.expires).toBe('2026-11-20T12:10:00Z');
  });
});

test('a join token named without proof of its secret leaves no row in the join log', async () => {
  const { api, secret } = await secretScene({ JOIN_BROKER_AUDITED_STRANGERS: '2' });
  for (let i = 0; i < 20; i += 1) await joinWith(api, secret, { request: { token: 'robot' } });
  for (let i = 0; i < 20; i += 1)
    await joinWith(api, secret, { request: { token: 'robot', broker: 'other.example.org' } });
  await api.broker.flush();
  // So many strangers leave one in a minute, each found by its day and among what was refused.
  expect(await api.tables.joins.list({})).toHaveLength(4);
});

test("a renewal in the name of a secret's hash, without a key's proof, is a stranger's", async () => {
  const { api, secret } = await secretScene({ JOIN_BROKER_AUDITED_STRANGERS: '2' });
  const attempt = await joinWith(api, secret);
  for (let i = 0; i < 20; i += 1) {
    const answer = await renew(api, { secret, attempt }, { proofKey: KEY });
    expect(answer).toBeProblem('instance_unknown');
  }
  // What has no line has no row.
  expect(api.audit.filter((event) => 'code' in event)).toHaveLength(2);
});

test('garbage in place of a secret makes storage work once per cooldown', async () => {
  const storage = watchTables();
  const { api } = await createScene({ tables: storage.tables });
  await joinWith(api, 'f'.repeat(32));
  const before = storage.count('resources');
  for (let i = 0; i < 200; i += 1) await joinWith(api, String(i).padStart(32, '0'), { key: KEY });
  expect(storage.count('resources')).toBe(before);
  expect(await api.tables.instances.list({})).toEqual([]);
});

const KEY = newKey();

describe('a renewal by the key alone is refused', () => {
  test('with the secret beside it', async () => {
    const { api, secret } = await secretScene();
    const attempt = await joinWith(api, secret);
    const again = await renew(
      api,
      { secret, attempt },
      {
        changedBody: (body) => ({ ...body, secret }),
      },
    );
    expect(again).toBeProblem('bad_request', 'secret');
  });

  test.each([
    ['without its time', { request: { time: undefined } }, 'request.time'],
    ['without its key', { instance: { key: undefined } }, 'request.instance.key'],
  ])('%s', async (_, options, field) => {
    const { api, secret } = await secretScene();
    const attempt = await joinWith(api, secret);
    expect(await renew(api, { secret, attempt }, options)).toBeProblem('bad_request', field);
  });

  test('without a proof', async () => {
    const { api, secret } = await secretScene();
    const attempt = await joinWith(api, secret);
    const again = await renew(
      api,
      { secret, attempt },
      {
        changedBody: ({ proof: _, ...body }) => body,
      },
    );
    expect(again).toBeProblem('bad_request', 'proof');
  });

  test.each([
    ['G5 proved by another key', { proofKey: newKey() }],
    ['naming another key', { instance: { key: Buffer.alloc(91).toString('base64') } }],
    ['of another instance', { instance: { id: '0a1b2c3d-1111-4111-8111-111111111111' } }],
    ['of a generation to come', { instance: { generation: 7 } }],
  ])('%s: 409 instance_unknown, nobody is locked', async (_, options) => {
    const { api, secret } = await secretScene();
    const attempt = await joinWith(api, secret);
    api.clock.advance(3000);
    expect(await renew(api, { secret, attempt }, options)).toBeProblem('instance_unknown');
    expect(await renew(api, { secret, attempt })).toBeAdmitted();
  });

  test('G5 by the instance key of another instance', async () => {
    const { api, secret } = await secretScene();
    const attempt = await joinWith(api, secret);
    const second = await makeSecret(api, { name: 'second' });
    const other = await joinWith(api, second);
    expect(await renew(api, { secret: second, attempt })).toBeProblem('instance_unknown');
    expect(await renew(api, { secret, attempt: other })).toBeProblem('instance_unknown');
  });

  test('G5 from the second on in which its key expires', async () => {
    const { api, secret } = await secretScene();
    const attempt = await joinWith(api, secret, { wish: { ttl: '10m' } });
    api.clock.advance(600);
    expect(await renew(api, { secret, attempt })).toBeProblem('instance_unknown');
  });
});

describe('G7 a lock refuses', () => {
  test.each([
    ['the bot', (): object => ({ bot: 'example' })],
    ['the join token', (): object => ({ join_token: 'robot' })],
    ['the instance', (id: string): object => ({ instance: id })],
  ])('renewals of %s until it ends', async (_, targetOf) => {
    const { api, secret } = await secretScene();
    const attempt = await joinWith(api, secret);
    const target = targetOf(joined(attempt).instance_id);
    const spec = { target, expires: '2026-11-20T12:10:00Z' };
    await api.put({ kind: 'lock', version: 'v2', metadata: { name: 'stop' }, spec });
    expect(await renew(api, { secret, attempt })).toBeDenied(api, 'locked');
    api.clock.advance(600);
    expect(await renew(api, { secret, attempt })).toBeAdmitted();
  });
});

test('limits of now apply to a renewal: its roles and lifetime are those of the bot at that moment', async () => {
  const { api, secret } = await secretScene();
  const attempt = await joinWith(api, secret);
  await api.put(botExample({ roles: [] }));
  expect(joined(await renew(api, { secret, attempt })).certificates[0]?.roles).toEqual([]);
});

test('a proof over another request is none', async () => {
  const { api, secret } = await secretScene();
  const attempt = await joinWith(api, secret);
  const { body } = makeRenewal(api.clock, { secret, attempt });
  const again = await renew(
    api,
    { secret, attempt },
    {
      changedBody: (mine) => ({ ...mine, proof: body['proof'] }),
    },
  );
  expect(again).toBeProblem('instance_unknown');
});
