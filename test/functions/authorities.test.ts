import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { authorityStatus } from '../../shared/protocol/authorities.ts';
import { signIn } from '../broker/operators.ts';
import { createTestBroker } from '../broker/test-broker.ts';

const INIT = '/v1/authorities/init';
const STATUS = '/v1/authorities';

describe('before the first act', () => {
  const uninitiated = () => createTestBroker({ init: 'none' });
  const MISSING = 'there is no authority yet: an operator makes it once, with joinctl auth init';

  test.each(['/readyz', '/v1/trust', '/v1/trust/tls.pem'])(
    '%s says what is missing',
    async (path) => {
      const answer = await uninitiated().request('GET', path);
      expect(answer).toBeProblem('unavailable');
      expect(answer.body).toMatchObject({ detail: expect.stringContaining(MISSING) });
    },
  );

  test('operators find the broker all the same', async () => {
    const answer = await uninitiated().request('GET', '/v1/webapi/find');
    expect(answer).toMatchObject({ status: 200, body: { ca_pins: [] } });
  });

  test('status says it, and names no key', async () => {
    const api = uninitiated();
    const { body } = await signIn(api, 'JoinBroker.Reader').request('GET', STATUS);
    expect(body).toEqual({
      cluster: 'test.example.org',
      ca_pins: [],
      keys: [],
      missing: MISSING,
      ignored: [],
    });
  });
});

describe('POST /v1/authorities/init', () => {
  test('makes the authorities: from then on the broker is ready', async () => {
    const api = createTestBroker({ init: 'none' });
    expect(await api.request('GET', '/readyz')).toBeProblem('unavailable');
    const answer = await signIn(api, 'JoinBroker.AuthorityAdmin').request('POST', INIT, {
      body: {},
    });
    expect(answer.status).toBe(201);
    const status = authorityStatus.parse(answer.body);
    expect(status.missing).toBeUndefined();
    expect(status.ca_pins).toHaveLength(1);
    expect((await api.request('GET', '/v1/trust')).body).toMatchObject({ ca_pins: status.ca_pins });
    api.clock.advance(5);
    expect((await api.request('GET', '/readyz')).status).toBe(200);
    expect(api.audit.filter(({ event }) => event === 'keys')).toMatchObject([
      { lost: ['data (encrypt)'] },
      { actions: [] },
      { actions: expect.arrayContaining(['create data 1', 'create tls 1', 'create ssh-user 1']) },
    ]);
    expect(api.audit.at(-1)).toMatchObject({ resource: 'authorities', outcome: 'done' });
  });

  test('is refused when there are some', async () => {
    const api = createTestBroker();
    const admin = signIn(api, 'JoinBroker.AuthorityAdmin');
    expect(await admin.request('POST', INIT, { body: {} })).toBeProblem('already_exists');
    expect(await admin.request('POST', INIT, { body: { give_up: ['ssh-user'] } })).toBeProblem(
      'already_exists',
    );
  });

  test('takes an app role of its own: who manages join tokens makes no keys', async () => {
    const api = createTestBroker({ init: 'none' });
    expect(await api.request('POST', INIT, { body: {} })).toBeProblem('unauthenticated');
    const others = signIn(api, 'JoinBroker.Admin', 'JoinBroker.Reader');
    expect(await others.request('POST', INIT, { body: {} })).toBeProblem('forbidden');
    expect(api.audit.at(-1)).toMatchObject({ outcome: 'refused', code: 'forbidden' });
    expect(await api.tables.keys.list({})).toEqual([]);
  });

  test('and that role gives no other right than to read', async () => {
    const api = createTestBroker();
    const admin = signIn(api, 'JoinBroker.AuthorityAdmin');
    expect((await admin.request('GET', '/v1/resources/bot')).status).toBe(200);
    expect(await admin.request('DELETE', '/v1/resources/bot/example')).toBeProblem('forbidden');
  });

  test.each([
    [{ more: true }, 'more'],
    [{ resume: 'yes' }, 'resume'],
    [{ give_up: 'ssh-user' }, 'give_up'],
  ])('refuses %j', async (body, field) => {
    const api = createTestBroker({ init: 'none' });
    const admin = signIn(api, 'JoinBroker.AuthorityAdmin');
    expect(await admin.request('POST', INIT, { body })).toBeProblem('bad_request', field);
  });
});

test('status shows each key with its state, and when its successor is due', async () => {
  const api = createTestBroker();
  const reader = signIn(api, 'JoinBroker.Reader');
  const { keys } = authorityStatus.parse((await reader.request('GET', STATUS)).body);
  expect(keys).toContainEqual({
    authority: 'ssh-user',
    purpose: 'sign',
    number: 1,
    state: 'signing',
    starts: '2026-11-20T12:00:00Z',
    expires: '2026-12-29T12:05:00Z',
    successor_due: '2026-12-13T12:00:00Z',
  });
  expect(keys).toContainEqual({
    authority: 'data',
    purpose: 'encrypt',
    number: 1,
    state: 'signing',
    starts: '2026-11-20T12:00:00Z',
  });
  api.clock.advance(24 * 24 * 3600);
  await api.broker.rotateKeys({ requestId: 'timer' });
  const later = authorityStatus.parse((await reader.request('GET', STATUS)).body);
  const states = later.keys
    .filter(({ authority }) => authority === 'ssh-user')
    .map(({ number, state }) => `${number} ${state}`);
  expect(states).toEqual(['1 signing', '2 upcoming']);
  expect(JSON.stringify(later)).not.toContain('sealed');
});
