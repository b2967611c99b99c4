/** The audit of operators: every change is found again, with who, what, before and after. */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import type { AuditRecord } from '../../shared/protocol/audit-record.ts';
import { Refusal, unavailable } from '../../shared/refusal.ts';
import { AUDIT_DAYS } from '../../shared/storage/audit-log.ts';
import { createMemoryTables } from '../../shared/storage/memory-tables.ts';
import { botExample, createScene } from '../broker/fixtures.ts';
import { join, joined } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createClock, createTestBroker, type TestBroker } from '../broker/test-broker.ts';
import { joinWith, makeSecret, renew } from '../broker/token-joiner.ts';
import { lock } from '../shared/resources/samples.ts';
import { operatorShell } from './operator-shell.ts';

const EXAMPLE = '/v1/resources/bot/example';
const CREATE = { 'if-none-match': '*' };
const REPLACE = { 'if-match': '*' };

/** Request ids are made by the machine's own clock. */
const EVER = 'since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z';

/** In the order of their codes where a test makes several at once: requests of one millisecond come in any order. */
const byCode = (found: readonly AuditRecord[]): readonly AuditRecord[] =>
  found.toSorted((a, b) => (a.code ?? '').localeCompare(b.code ?? ''));

async function auditOf(api: TestBroker, query = EVER): Promise<readonly AuditRecord[]> {
  const answer = await signIn(api, 'JoinBroker.Reader').request('GET', `/v1/audit?${query}`);
  expect(answer.status).toBe(200);
  return (answer.body as { items: AuditRecord[] }).items;
}

function adminOf(api: TestBroker) {
  return signIn(api, 'JoinBroker.Admin', 'JoinBroker.AuthorityAdmin');
}

describe('a change by an operator', () => {
  test('is found with who, what, before and after', async () => {
    const api = createTestBroker();
    const admin = adminOf(api);
    await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    await admin.request('PUT', EXAMPLE, { body: botExample({ roles: [] }), headers: REPLACE });
    const answer = await admin.request('DELETE', EXAMPLE);
    // Requests of one millisecond come in any order.
    const found = await auditOf(api);
    expect(found.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done']);
    const [created, replaced, deleted] = ['create', 'replace', 'delete'].map((act) =>
      found.find(({ action }) => action === act),
    );
    expect(replaced).toMatchObject({
      resource: 'bot/example',
      operator: admin.objectId,
      changed: ['spec.roles[0]'],
    });
    expect(JSON.parse(replaced?.before ?? '')).toEqual(botExample());
    expect(JSON.parse(deleted?.before ?? '')).toMatchObject({ spec: { roles: [] } });
    expect(replaced?.before_sha256).toBe(created?.after_sha256);
    expect(deleted?.before_sha256).toBe(replaced?.after_sha256);
    expect(replaced?.after_sha256).not.toBe(replaced?.before_sha256);
    expect(deleted?.request_id).toBe(answer.headers.get('x-request-id'));
  });

  test('leaves no secret behind, nor its hash', async () => {
    const { api } = await createScene();
    const secret = await makeSecret(api);
    const rows = JSON.stringify(await api.tables.audit.list({}));
    const { body } = await adminOf(api).request('GET', '/v1/resources/token/robot');
    const { spec } = body as { spec: { secret_sha256: string } };
    expect(rows).toContain('token/robot');
    expect(rows).not.toContain(secret);
    expect(rows).not.toContain(spec.secret_sha256);
  });

  test('that was refused says why, also for want of a right', async () => {
    const api = createTestBroker();
    await adminOf(api).request('PUT', EXAMPLE, { body: {}, headers: CREATE });
    const reader = signIn(api, 'JoinBroker.Reader');
    await reader.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    expect(byCode(await auditOf(api))).toMatchObject([
      { outcome: 'refused', code: 'bad_request' },
      { outcome: 'refused', code: 'forbidden', operator: reader.objectId },
    ]);
  });

  test('is made by nobody without a token: that leaves nothing', async () => {
    const api = createTestBroker();
    await api.request('DELETE', EXAMPLE);
    expect(await auditOf(api)).toEqual([]);
  });

  test.each([
    ['instance', async (_api: TestBroker, id: string) => `/v1/instances/bot:example/${id}`],
    ['name', async () => '/v1/names/web.example.org'],
  ])('of a kind that is no resource is there: %s', async (kind, path) => {
    const { api, vm } = await createScene();
    const { instance_id: id } = joined(await join(api, vm));
    await adminOf(api).request('DELETE', await path(api, id));
    expect(await auditOf(api, `${EVER}&resource=${kind}`)).toMatchObject([{ action: 'delete' }]);
  });

  test('of the authorities is there', async () => {
    const api = createTestBroker();
    await adminOf(api).request('POST', '/v1/authorities/init', { body: {} });
    expect(await auditOf(api, `${EVER}&resource=authorities`)).toMatchObject([
      { action: 'create', outcome: 'refused', code: 'already_exists' },
    ]);
  });
});

describe('a change that began, and then', () => {
  async function outcomeOf(make: () => Promise<never>) {
    const api = createTestBroker();
    const operator = { oid: 'f'.repeat(8), roles: ['JoinBroker.Admin'] };
    const what = { action: 'create', resource: 'bot/example', right: 'write' } as const;
    await expect(api.broker.changes.byOperator(operator, what, call(api), make)).rejects.toThrow();
    const rows = await api.tables.audit.list({});
    const [told] = api.audit.filter(({ event }) => event === 'resource');
    expect(rows).toHaveLength(1);
    const { outcome, code } = JSON.parse(String(rows[0]?.values['json']));
    expect(told).toMatchObject({ outcome, code });
    return `${outcome} ${code}`;
  }

  test.each([
    'already_exists',
    'bad_request',
    'forbidden',
    'gone',
    'in_use',
    'length_required',
    'not_found',
    'precondition_failed',
    'precondition_required',
    'throttled',
    'too_large',
    'unauthenticated',
    'unsupported_media_type',
  ] as const)('was refused before anything was done, is refused: %s', async (code) => {
    expect(await outcomeOf(() => Promise.reject(new Refusal(code, 'no')))).toBe(`refused ${code}`);
  });

  test.each(['unavailable', 'internal', 'try_again'] as const)(
    'failed, is not known: %s',
    async (code) => {
      expect(await outcomeOf(() => Promise.reject(new Refusal(code, 'no')))).toBe(`begun ${code}`);
    },
  );

  test('failed by a fault of ours, is not known', async () => {
    const fault = () => Promise.reject(new TypeError('no such thing'));
    expect(await outcomeOf(fault)).toBe('begun internal');
  });

  test('that failed after it was made is not refused', async () => {
    const tables = createMemoryTables();
    const { resources } = tables;
    let isDown = false;
    const api = createTestBroker({
      tables: {
        ...tables,
        resources: {
          ...resources,
          async read(partition, key) {
            if (isDown) throw unavailable('storage is down');
            return resources.read(partition, key);
          },
          async apply(operations) {
            const isApplied = await resources.apply(operations);
            isDown = JSON.stringify(operations).includes('bot!example');
            if (isDown) throw unavailable('the answer of storage was lost');
            return isApplied;
          },
        },
      },
    });
    await api.ready();
    const put = { body: botExample(), headers: CREATE };
    expect((await adminOf(api).request('PUT', EXAMPLE, put)).status).toBe(503);
    isDown = false;
    expect((await adminOf(api).request('GET', EXAMPLE)).status).toBe(200);
    expect(await auditOf(api)).toMatchObject([{ outcome: 'begun', code: 'unavailable' }]);
    expect(await auditOf(api, `${EVER}&outcome=refused`)).toEqual([]);
  });
});

test('a lock that the broker made by itself is there, without an operator', async () => {
  const { api } = await createScene();
  const secret = await makeSecret(api);
  const attempt = await joinWith(api, secret);
  await renew(api, { secret, attempt });
  api.clock.advance(400);
  const copied = () => renew(api, { secret, attempt });
  expect(await copied()).toBeDenied(api, 'copied_identity');
  const locks = await auditOf(api, `${EVER}&resource=lock`);
  const lock = `lock/copied-${joined(attempt).instance_id}`;
  expect(locks).toMatchObject([{ action: 'create', outcome: 'done', resource: lock }]);
  expect(locks[0]).not.toHaveProperty('operator');
  expect(locks[0]?.after).toContain('its key is in two places');
  // Another try finds it locked, which is no change.
  expect(await copied()).toBeDenied(api, 'copied_identity');
  expect(await auditOf(api, `${EVER}&resource=lock`)).toHaveLength(1);
});

describe('where the audit can not be written', () => {
  async function brokenScene(broken: (writes: number) => boolean) {
    const tables = createMemoryTables();
    let writes = 0;
    const { audit } = tables;
    const api = createTestBroker({
      tables: {
        ...tables,
        audit: {
          ...audit,
          async apply(operations) {
            writes += 1;
            if (broken(writes)) throw new Error('storage is down');
            return audit.apply(operations);
          },
        },
      },
    });
    await api.ready();
    const put = () => adminOf(api).request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    return { api, put, read: () => adminOf(api).request('GET', EXAMPLE) };
  }

  test('before the change, nothing is changed', async () => {
    const { put, read } = await brokenScene(() => true);
    expect((await put()).status).toBeGreaterThanOrEqual(500);
    expect((await read()).status).toBe(404);
  });

  test('after it, the change counts, and its outcome is not known', async () => {
    const { api, put, read } = await brokenScene((writes) => writes === 2);
    expect((await put()).status).toBe(201);
    expect((await read()).status).toBe(200);
    expect(await auditOf(api)).toMatchObject([{ resource: 'bot/example', outcome: 'begun' }]);
    expect(api.audit.map(({ event }) => event)).toContain('failure');
  });
});

test('whoever has no right fills no table: twenty a minute, and all of them leave a line', async () => {
  const api = createTestBroker();
  const stranger = signIn(api);
  for (let i = 0; i < 30; i += 1) await stranger.request('DELETE', EXAMPLE);
  expect(await auditOf(api)).toHaveLength(20);
  expect(api.audit.filter(({ event }) => event === 'resource')).toHaveLength(30);
  api.clock.advance(60);
  await stranger.request('DELETE', EXAMPLE);
  expect(await auditOf(api)).toHaveLength(21);
});

describe('the list', () => {
  const ADA = {
    oid: '11111111-0000-4000-8000-000000000001',
    roles: ['JoinBroker.Admin'],
    name: 'ada@example.com',
  };
  const BOB = { ...ADA, oid: '11111111-0000-4000-8000-000000000002', name: 'bob@example.com' };

  async function busyBroker() {
    const api = createTestBroker();
    const change = (operator: typeof ADA, action: 'create' | 'delete', fails = false) =>
      api.broker.changes
        .byOperator(
          operator,
          { action, resource: 'bot/example', right: 'write' },
          call(api),
          async () => {
            if (fails) throw new Refusal('not_found', 'there is no such bot');
            return {};
          },
        )
        .catch(() => {});
    await change(ADA, 'create');
    api.clock.advance(2 * 24 * 3600);
    await change(BOB, 'delete');
    await change(BOB, 'delete', true);
    return api;
  }
  const ALL = 'since=2026-11-20T00:00:00Z';

  test('is of the last day, unless it is asked for more', async () => {
    const api = await busyBroker();
    expect(await auditOf(api, '')).toHaveLength(2);
    expect(await auditOf(api, ALL)).toHaveLength(3);
    expect(await auditOf(api, `${ALL}&until=2026-11-21T00:00:00Z`)).toHaveLength(1);
  });

  test('has those that fit everything that was asked', async () => {
    const api = await busyBroker();
    const list = async (query: string) =>
      (await auditOf(api, `${ALL}&${query}`)).map(({ action, outcome }) => `${action} ${outcome}`);
    expect(await list(`operator=${ADA.oid}`)).toEqual(['create done']);
    expect(await list('operator=Ada@example.com')).toEqual(['create done']);
    expect(await list(`operator=${BOB.oid}&outcome=refused`)).toEqual(['delete refused']);
    expect(await list('resource=bot')).toHaveLength(3);
    expect(await list('resource=bot/ex')).toEqual([]);
    expect(await list('action=delete')).toHaveLength(2);
  });

  test('goes on where a page ended', async () => {
    const api = createTestBroker();
    const admin = adminOf(api);
    for (let day = 0; day < 3; day += 1) {
      for (let i = 0; i < 500; i += 1)
        await api.broker.changes.byBroker(change(day, i), lock(), call(api));
      api.clock.advance(24 * 3600);
    }
    const seen: string[] = [];
    let next: string | undefined;
    let pages = 0;
    do {
      const path = `/v1/audit?since=2026-11-19T00:00:00Z${next ? `&next=${next}` : ''}`;
      const page = (await admin.request('GET', path)).body as {
        items: AuditRecord[];
        next?: string;
      };
      seen.push(...page.items.map(({ resource }) => resource));
      next = page.next;
      pages += 1;
    } while (next !== undefined);
    expect({ pages, seen: seen.length, unique: new Set(seen).size }).toEqual({
      pages: 2,
      seen: 1500,
      unique: 1500,
    });
  });

  test.each(['since=monday', 'action=write', 'nosuch=1', 'next=5'])('refuses %s', async (query) => {
    const api = createTestBroker();
    const answer = await adminOf(api).request('GET', `/v1/audit?${query}`);
    expect(answer).toBeProblem('bad_request', query.split('=')[0]);
  });

  test('is for operators', async () => {
    const api = createTestBroker();
    expect(await api.request('GET', '/v1/audit')).toBeProblem('unauthenticated');
    expect(await signIn(api).request('GET', '/v1/audit')).toBeProblem('forbidden');
  });
});

test('changes are kept for a year and a month', async () => {
  const api = createTestBroker();
  await api.broker.changes.byBroker(change(0, 0), lock(), call(api));
  api.clock.advance((AUDIT_DAYS - 1) * 24 * 3600);
  expect(await api.broker.sweep()).toBe(0);
  api.clock.advance(2 * 24 * 3600);
  expect(await api.broker.sweep()).toBe(1);
});

test('joinctl audit shows what was changed', async () => {
  // Request ids are made by the machine's own clock, and joinctl asks for those until now.
  const { api } = await createScene({ clock: createClock(new Date()) });
  const shell = await operatorShell(api, ['JoinBroker.Admin']);
  await shell.run('bots', 'update', 'example', '--roles=auditor');
  api.clock.advance(60);
  const { stdout } = await shell.run(
    'audit',
    'ls',
    '--resource=bot/example',
    '--since=2020-01-01T00:00:00Z',
  );
  const lines = stdout.trim().split('\n');
  expect(lines[0]).toMatch(/^Time +Operator +Action +Resource +Outcome +Request/);
  expect(lines.at(-1)).toMatch(/ replace bot\/example done +[0-9a-f-]{36}$/);
  const id = lines.at(-1)?.split(' ').at(-1) ?? '';
  const shown = await shell.run('audit', 'show', id);
  expect(shown.stdout).toContain('Changed   spec.roles[0]\n');
  expect(shown.stdout).toMatch(/^Before {4}SHA-256 [0-9a-f]{64}\nAfter {5}SHA-256 [0-9a-f]{64}$/m);
  expect(shown.stdout).toMatch(/^- {4}- access\n\+ {4}- auditor$/m);
  expect((await shell.run('audit', 'show', 'x')).code).toBe(2);
  expect(await shell.run('audit', 'show', id.replace(/.{12}$/, '000000000000'))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('The audit has no'),
  });
});

const change = (day: number, i: number) =>
  ({ action: 'create', resource: `bot/b-${day}-${i}` }) as const;

let calls = 0;
function call({ clock }: TestBroker) {
  calls += 1;
  const time = clock.now().getTime().toString(16).padStart(12, '0');
  const id = calls.toString(16).padStart(12, '0');
  return { requestId: `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${id}` };
}
