import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { parseSshCertificate } from '../../agent/ssh-certificate.ts';
import { authorityStatus } from '../../shared/protocol/authorities.ts';
import { createMemoryTables } from '../../shared/storage/memory-tables.ts';
import type { Operation } from '../../shared/storage/table.ts';
import { createScene } from '../broker/fixtures.ts';
import { type Attempt, join, joined } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createTestBroker, type TestBroker } from '../broker/test-broker.ts';

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
    successor_due: '2027-02-18T12:00:00Z',
  });
  const { revocation } = authorityStatus.parse((await reader.request('GET', STATUS)).body);
  expect(revocation).toMatchObject({
    certificates: 0,
    next_update: expect.stringMatching(/^2026-11-21T12:00/),
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

describe('POST /v1/authorities/{name}/rotate', () => {
  const path = (name: string): string => `/v1/authorities/${name}/rotate`;
  const admin = (api: TestBroker) => signIn(api, 'JoinBroker.AuthorityAdmin');
  const authorityOf = (answer: Attempt): Uint8Array | undefined =>
    parseSshCertificate(joined(answer).certificates[0]?.ssh ?? '')?.authority;

  test('makes a successor that waits, and says so', async () => {
    const api = createTestBroker();
    const answer = await admin(api).request('POST', path('ssh-user'), { body: { numbers: [1] } });
    const { keys } = authorityStatus.parse(answer.body);
    const states = keys.filter(({ authority }) => authority === 'ssh-user');
    expect(states.map(({ number, state }) => `${number} ${state}`)).toEqual([
      '1 signing',
      '2 upcoming',
    ]);
    expect(api.audit.filter(({ event }) => event === 'keys').at(-1)).toMatchObject({
      actions: ['create ssh-user 2'],
    });
    expect(api.audit.at(-1)).toMatchObject({
      event: 'resource',
      resource: 'authorities/ssh-user',
      outcome: 'done',
    });
  });

  test('after a leak no function instance signs with the old key for more than five seconds', async () => {
    const { api, vm } = await createScene();
    const other = api.another();
    await other.ready();
    const old = authorityOf(await join(other, vm));
    api.clock.advance(1);
    const body = { numbers: [1], leaked: true };
    expect((await admin(api).request('POST', path('ssh-user'), { body })).status).toBe(200);
    expect(api.audit.filter(({ event }) => event === 'keys').at(-1)).toMatchObject({
      actions: ['create ssh-user 2, an end to 1'],
    });
    const mine = authorityOf(await join(api, vm));
    expect(mine).not.toEqual(old);
    api.clock.advance(5);
    expect(authorityOf(await join(other, vm))).toEqual(mine);
    const bundle = (await other.request('GET', '/v1/trust')).body;
    expect(JSON.stringify(bundle)).not.toContain(Buffer.from(old ?? []).toString('base64'));
  });

  test('a new data key: whether a function instance has heard of it or not, machines join as before', async () => {
    const { api, vm } = await createScene();
    const other = api.another();
    const old = authorityOf(await join(other, vm));
    api.clock.advance(60);
    expect(
      (await admin(api).request('POST', path('data'), { body: { numbers: [1] } })).status,
    ).toBe(200);
    expect(api.audit.filter(({ event }) => event === 'keys').at(-1)).toMatchObject({
      actions: expect.arrayContaining(['create data 2', 'reseal ssh-user 1', 'remove data 1']),
    });
    // One that has not heard of it, and one that has.
    expect(authorityOf(await join(other, vm))).toEqual(old);
    expect(authorityOf(await join(api, vm))).toEqual(old);
  });

  test('after a leak of the data key everything that was under it is new, but the root', async () => {
    const api = createTestBroker();
    const body = { numbers: [1], leaked: true };
    const answer = await admin(api).request('POST', path('data'), { body });
    const { keys } = authorityStatus.parse(answer.body);
    expect(
      keys.map(({ authority, purpose, number }) => `${authority} ${purpose} ${number}`),
    ).toEqual(
      expect.arrayContaining([
        'tls root 1',
        'tls issuing 3',
        'ssh-user sign 2',
        'ssh-host sign 2',
        'probe authenticate 2',
        'data encrypt 2',
      ]),
    );
    expect(keys).toHaveLength(6);
  });

  test('the same request a second time changes nothing', async () => {
    const api = createTestBroker();
    const body = { numbers: [2], leaked: true };
    expect((await admin(api).request('POST', path('issuing'), { body })).status).toBe(200);
    const again = await admin(api).request('POST', path('issuing'), { body });
    expect(again).toBeProblem('precondition_failed');
  });

  test('takes the app role of authorities, and a known name', async () => {
    const api = createTestBroker();
    const body = { numbers: [1] };
    const others = signIn(api, 'JoinBroker.Admin', 'JoinBroker.Reader');
    expect(await api.request('POST', path('probe'), { body })).toBeProblem('unauthenticated');
    expect(await others.request('POST', path('probe'), { body })).toBeProblem('forbidden');
    for (const name of ['tls-root', 'keys', 'root', 'SSH-user'])
      expect(await admin(api).request('POST', path(name), { body })).toBeProblem('not_found');
    const { keys } = authorityStatus.parse((await admin(api).request('GET', STATUS)).body);
    expect(keys).toHaveLength(6);
  });

  test.each([
    [{}, 'numbers'],
    [{ numbers: [0] }, 'numbers[0]'],
    [{ numbers: ['1'] }, 'numbers[0]'],
    [{ numbers: [1], leaked: 'yes' }, 'leaked'],
    [{ numbers: [1], now: true }, 'now'],
  ])('refuses %j', async (body, field) => {
    const api = createTestBroker();
    const answer = await admin(api).request('POST', path('issuing'), { body });
    expect(answer).toBeProblem('bad_request', field);
  });

  test('says so where the change can not be told to the other function instances', async () => {
    const tables = createMemoryTables();
    const stopped = { ...tables.resources, apply: () => Promise.reject(new Error('stopped')) };
    let broken = false;
    const resources = {
      ...tables.resources,
      apply: (operations: readonly Operation[]) =>
        (broken ? stopped : tables.resources).apply(operations),
    };
    const api = createTestBroker({ tables: { ...tables, resources } });
    await api.request('GET', '/readyz');
    broken = true;
    const body = { numbers: [1], leaked: true };
    const answer = await admin(api).request('POST', path('ssh-user'), { body });
    expect(answer).toBeProblem('unavailable');
    expect(answer.body).toMatchObject({ detail: expect.stringContaining('within five minutes') });
  });
});

describe('the root', () => {
  const admin = (api: TestBroker) => signIn(api, 'JoinBroker.AuthorityAdmin');
  const numbersOf = (answer: { readonly body: unknown }): number[] =>
    authorityStatus
      .parse(answer.body)
      .keys.filter(({ purpose }) => purpose === 'root')
      .map(({ number }) => number);

  test('gets a successor, whose certificate travels along until the old one retires', async () => {
    const { api, vm } = await createScene();
    const chainOf = (attempt: Attempt): number =>
      joined(attempt).certificates[0]?.tls.match(/BEGIN/g)?.length ?? 0;
    const first = await join(api, vm);
    expect(chainOf(first)).toBe(2);
    api.clock.advance(60);
    const made = await admin(api).request('POST', '/v1/authorities/tls/rotate', {
      body: { numbers: [1] },
    });
    const numbers = numbersOf(made);
    expect(authorityStatus.parse(made.body).ca_pins).toHaveLength(2);
    const early = await admin(api).request('POST', '/v1/authorities/tls/retire', {
      body: { numbers },
    });
    expect(early).toBeProblem('not_found');
    for (let day = 0; day < 48; day += 6) {
      api.clock.advance(6 * 24 * 3600);
      await api.broker.rotateKeys({ requestId: 'timer' });
    }
    expect(chainOf(await join(api, vm))).toBe(3);
    const retired = await admin(api).request('POST', '/v1/authorities/tls/retire', {
      body: { numbers },
    });
    expect(numbersOf(retired)).toEqual(numbers.slice(1));
    expect(chainOf(await join(api, vm))).toBe(2);
    expect(api.audit.filter(({ event }) => event === 'keys').at(-1)).toMatchObject({
      actions: ['remove tls 1'],
    });
  });

  test('is retired by who has the role for authorities, in the form that is expected', async () => {
    const api = createTestBroker();
    const path = '/v1/authorities/tls/retire';
    const body = { numbers: [1] };
    expect(await api.request('POST', path, { body })).toBeProblem('unauthenticated');
    const others = signIn(api, 'JoinBroker.Admin');
    expect(await others.request('POST', path, { body })).toBeProblem('forbidden');
    expect(await admin(api).request('POST', path, { body: {} })).toBeProblem(
      'bad_request',
      'numbers',
    );
  });
});
