import { describe, expect, test } from 'vitest';
import type { TokenBends } from '../../local/azure/evidence/jwt.ts';
import '../broker/matchers.ts';
import { botExample, createScene } from '../broker/fixtures.ts';
import { signIn } from '../broker/operators.ts';
import { createTestBroker, NOON, type TestBroker } from '../broker/test-broker.ts';

const BOTS = '/v1/resources/bot';
const EXAMPLE = '/v1/resources/bot/example';

/** Every call of the operators' API. */
const CALLS: readonly (readonly [method: string, path: string])[] = [
  ['GET', BOTS],
  ['GET', EXAMPLE],
  ['PUT', EXAMPLE],
  ['DELETE', EXAMPLE],
];

/** Makes a call with this Authorization header; a PUT carries a good resource. */
const call = (api: TestBroker, method: string, path: string, authorization: string | null) =>
  api.request(method, path, {
    ...(method === 'PUT' && { body: botExample() }),
    headers: { authorization, 'if-match': method === 'GET' ? null : '*' },
  });

describe.each(CALLS)('%s %s', (method, path) => {
  test('needs a token: 401', async () => {
    const { api } = await createScene();
    const answer = await call(api, method, path, null);
    expect(answer).toBeProblem('unauthenticated');
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  test('is not for somebody without an app role: 403', async () => {
    const { api } = await createScene();
    const token = signIn(api).accessToken();
    expect(await call(api, method, path, `Bearer ${token}`)).toBeProblem('forbidden');
  });

  test("is not for a machine's token: 401", async () => {
    const { api, vm } = await createScene();
    const token = vm.accessToken();
    expect(await call(api, method, path, `Bearer ${token}`)).toBeProblem('unauthenticated');
  });

  test('is for an admin', async () => {
    const { api } = await createScene();
    const token = signIn(api, 'JoinBroker.Admin').accessToken();
    expect((await call(api, method, path, `Bearer ${token}`)).status).toBeLessThan(300);
  });

  test(`is ${method === 'GET' ? '' : 'not '}for a reader`, async () => {
    const { api } = await createScene();
    const token = signIn(api, 'JoinBroker.Reader').accessToken();
    const answer = await call(api, method, path, `Bearer ${token}`);
    if (method === 'GET') expect(answer.status).toBe(200);
    else expect(answer).toBeProblem('forbidden');
  });
});

test('a reader who writes changes nothing', async () => {
  const { api } = await createScene();
  const reader = signIn(api, 'JoinBroker.Reader');
  const before = await reader.request('GET', EXAMPLE);
  const body = botExample({ roles: ['editor'] });
  await reader.request('PUT', EXAMPLE, { body, headers: { 'if-match': '*' } });
  await reader.request('DELETE', EXAMPLE);
  const after = await reader.request('GET', EXAMPLE);
  expect(after.body).toEqual(before.body);
  expect(after.headers.get('etag')).toBe(before.headers.get('etag'));
});

describe('401 for a token', () => {
  const at = (seconds: number) => new Date(NOON.getTime() + seconds * 1000);
  const rows: readonly (readonly [name: string, bends: (api: TestBroker) => TokenBends])[] = [
    ['for another application', () => ({ claims: { aud: crypto.randomUUID() } })],
    ['for the management API', () => ({ claims: { aud: 'https://management.azure.com/' } })],
    [
      'of another tenant, signed by it',
      ({ cloud }) => {
        const tenant = cloud.tenant();
        return { signedBy: tenant, claims: { tid: tenant.id, iss: tenant.issuer(2) } };
      },
    ],
    ['of another tenant in its tid only', ({ cloud }) => ({ claims: { tid: cloud.tenant().id } })],
    ["signed with another tenant's key", ({ cloud }) => ({ signedBy: cloud.tenant() })],
    ['of another issuer', () => ({ claims: { iss: 'https://evil.example/' } })],
    ['that has expired', () => ({ issuedAt: at(-3600 - 61) })],
    ['that is not yet valid', () => ({ issuedAt: at(61) })],
    ['with alg none', () => ({ alg: 'none' })],
    ['with HS256, keyed with the public key', () => ({ alg: 'HS256' })],
    ['with a changed signature', () => ({ changedSignature: true })],
    ['without an oid', () => ({ claims: { oid: null } })],
  ];

  test.each(rows)('%s', async (_, bends) => {
    const api = createTestBroker();
    // The directory's keys, so that an unknown one could be looked up again at once.
    api.clock.advance(-30);
    const admin = signIn(api, 'JoinBroker.Admin');
    await admin.request('GET', BOTS);
    api.clock.advance(30);
    const authorization = `Bearer ${admin.accessToken(bends(api))}`;
    const answer = await api.request('GET', BOTS, { headers: { authorization } });
    expect(answer).toBeProblem('unauthenticated');
  });

  test.each([
    '',
    'Bearer',
    'Bearer ',
    'Basic YWxpY2U6cGFzc3dvcmQ=',
    'Bearer a b',
    'Token abc',
    `Bearer ${'x'.repeat(16_385)}`,
  ])('in the header %j', async (authorization) => {
    const answer = await createTestBroker().request('GET', BOTS, { headers: { authorization } });
    expect(answer).toBeProblem('unauthenticated');
  });
});

describe('a token', () => {
  test('whose audience is api:// and the client id is taken', async () => {
    const api = createTestBroker();
    const admin = signIn(api, 'JoinBroker.Admin');
    const aud = `api://${api.tenant.operators[0]?.application.clientId}`;
    const authorization = `Bearer ${admin.accessToken({ claims: { aud } })}`;
    expect((await api.request('GET', BOTS, { headers: { authorization } })).status).toBe(200);
  });

  test.each([
    [['joinbroker.admin']],
    [['JoinBroker.Admin2']],
    [['Admin']],
    ['JoinBroker.Admin'],
    [{}],
  ])('with roles %j gives none', async (roles) => {
    const api = createTestBroker();
    const admin = signIn(api, 'JoinBroker.Admin');
    const authorization = `Bearer ${admin.accessToken({ claims: { roles } })}`;
    expect(await api.request('GET', BOTS, { headers: { authorization } })).toBeProblem('forbidden');
  });

  test('that nobody can check, because the directory is down: 503', async () => {
    const api = createTestBroker();
    api.cloud.faults.directory.set({ status: 500 });
    const answer = await signIn(api, 'JoinBroker.Admin').request('GET', BOTS);
    expect(answer).toBeProblem('unavailable');
    expect(answer.headers.get('retry-after')).toBe('30');
  });
});
