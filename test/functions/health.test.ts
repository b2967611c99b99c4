import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import type { TableName } from '../../shared/storage/table.ts';
import { createScene } from '../broker/fixtures.ts';
import { join, makeJoin } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createTestBroker } from '../broker/test-broker.ts';
import { watchTables } from '../broker/watched-tables.ts';

const READY_SECONDS = 5;
const KEYS_SECONDS = 300;
/** What `Retry-After` says. */
const RETRY_SECONDS = 5;

describe('GET /readyz', () => {
  test('of a new broker: 200', async () => {
    const { status, body } = await createTestBroker().request('GET', '/readyz');
    expect({ status, body }).toEqual({ status: 200, body: { status: 'ok' } });
  });

  test.each([
    ['resources', 'not ready: storage'],
    ['keys', 'not ready: signing keys'],
  ] satisfies [TableName, string][])(
    'while the table %s is down: 503, "%s"',
    async (table, detail) => {
      const storage = watchTables();
      const api = createTestBroker({ tables: storage.tables });
      storage.fail(table, 'down');
      const answer = await api.request('GET', '/readyz');
      expect(answer).toBeProblem('unavailable');
      expect(answer.body).toMatchObject({ detail });
      expect(answer.headers.get('retry-after')).toBe('5');
      storage.heal();
      api.clock.advance(RETRY_SECONDS);
      expect((await api.request('GET', '/readyz')).status).toBe(200);
    },
  );

  test('of a broker that was ready notices within five seconds', async () => {
    const storage = watchTables();
    const api = createTestBroker({ tables: storage.tables });
    expect((await api.request('GET', '/readyz')).status).toBe(200);
    storage.fail('resources', 'down');
    api.clock.advance(READY_SECONDS);
    expect(await api.request('GET', '/readyz')).toBeProblem('unavailable');
  });

  test('asks storage at most once in five seconds', async () => {
    const storage = watchTables();
    const api = createTestBroker({ tables: storage.tables });
    await api.request('GET', '/readyz');
    const before = storage.count('resources') + storage.count('keys');
    for (let i = 0; i < 100; i += 1) await api.request('GET', '/readyz');
    expect(storage.count('resources') + storage.count('keys')).toBe(before);
  });
});

test('GET /healthz answers while everything is down', async () => {
  const storage = watchTables();
  for (const table of ['resources', 'instances', 'keys'] as const) storage.fail(table, 'down');
  const api = createTestBroker({ tables: storage.tables });
  expect((await api.request('GET', '/healthz')).status).toBe(200);
  expect(storage.count('resources') + storage.count('keys')).toBe(0);
});

describe('while a table is down, a join gets 503 and is no admission:', () => {
  test.each(['resources', 'instances'] as const)('%s', async (table) => {
    const storage = watchTables();
    const { api, vm } = await createScene({ tables: storage.tables });
    const body = await makeJoin(api, vm);
    api.clock.advance(READY_SECONDS);
    storage.fail(table, 'down');
    const answer = await api.request('POST', '/v1/join', { body });
    expect(answer).toBeProblem('unavailable');
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(api.audit.at(-1)).toMatchObject({
      event: 'join',
      outcome: 'failed',
      code: 'unavailable',
    });
    storage.heal();
    expect(await api.tables.instances.list({})).toEqual([]);
    expect(await api.request('POST', '/v1/join', { body })).toBeAdmitted();
  });

  test('keys, of a function instance that has none yet', async () => {
    const storage = watchTables();
    const { api, vm } = await createScene({ tables: storage.tables });
    const body = await makeJoin(api, vm);
    const cold = api.another();
    storage.fail('keys', 'down');
    expect(await cold.request('POST', '/v1/join', { body })).toBeProblem('unavailable');
    expect(await cold.request('GET', '/v1/trust')).toBeProblem('unavailable');
    storage.heal();
    api.clock.advance(RETRY_SECONDS);
    expect(await cold.request('POST', '/v1/join', { body })).toBeAdmitted();
  });
});

test('keys that are known keep working while their table is down', async () => {
  const storage = watchTables();
  const { api, vm } = await createScene({ tables: storage.tables });
  await join(api, vm);
  storage.fail('keys', 'down');
  api.clock.advance(KEYS_SECONDS);
  expect(await join(api, vm)).toBeAdmitted();
  expect((await api.request('GET', '/v1/trust')).status).toBe(200);
});

test('operators get 503 while the table of resources is down', async () => {
  const storage = watchTables();
  const api = createTestBroker({ tables: storage.tables });
  storage.fail('resources', 'down');
  const admin = signIn(api, 'JoinBroker.Admin');
  expect(await admin.request('GET', '/v1/resources/bot')).toBeProblem('unavailable');
  expect(await admin.request('DELETE', '/v1/resources/bot/example')).toBeProblem('unavailable');
});

describe('before anything is proved', () => {
  test('no table is read or written, and nobody is called', async () => {
    const storage = watchTables();
    const { api, vm } = await createScene({ tables: storage.tables });
    const body = await makeJoin(api, vm, { evidence: { document: { changedSignature: true } } });
    api.clock.advance(READY_SECONDS);
    api.cloud.calls.clear();
    const counts = () => (['resources', 'instances', 'keys'] as const).map(storage.count);
    const before = counts();
    for (let i = 0; i < 50; i += 1) {
      const attempt = await api.request('POST', '/v1/join', { body });
      expect(attempt).toBeDenied(api, 'document_signature');
    }
    expect(counts()).toEqual(before);
    expect(api.cloud.calls.all).toEqual([]);
  });
});

test('a join of a machine that has joined on a warm function instance reads nothing but what it made before', async () => {
  const storage = watchTables();
  const { api, vm } = await createScene({ tables: storage.tables });
  await join(api, vm);
  const counts = () => (['resources', 'instances', 'keys'] as const).map(storage.count);
  const before = counts();
  expect(await join(api, vm)).toBeAdmitted();
  const [resources = 0, instances = 0, keys = 0] = before;
  // The instance's row is written; its machine's other one is looked at.
  expect(counts()).toEqual([resources, instances + 2, keys]);
});
