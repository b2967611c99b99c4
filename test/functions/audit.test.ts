import { createHash, createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { botExample, createScene } from '../broker/fixtures.ts';
import { join, joined } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { type Answer, createTestBroker } from '../broker/test-broker.ts';

const EXAMPLE = '/v1/resources/bot/example';
const CREATE = { 'if-none-match': '*' };

function newAdmin() {
  const api = createTestBroker();
  const admin = signIn(api, 'JoinBroker.Admin');
  const line = { event: 'resource', resource: 'bot/example', operator: admin.objectId };
  return { api, admin, line };
}

const requestId = ({ headers }: Answer): string | null => headers.get('x-request-id');

describe('every write by an operator leaves one audit line:', () => {
  test('create, replace, delete', async () => {
    const { api, admin, line } = newAdmin();
    const answers = [
      await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE }),
      await admin.request('PUT', EXAMPLE, { body: botExample(), headers: { 'if-match': '*' } }),
      await admin.request('DELETE', EXAMPLE),
    ];
    const json = JSON.stringify(botExample());
    const sha256 = createHash('sha256').update(json).digest('hex');
    const before = { before: json, before_sha256: sha256 };
    const after = { after: json, after_sha256: sha256 };
    const changes = [after, { ...before, ...after }, before];
    const expected = ['create', 'replace', 'delete'].map((action, i) => ({
      ...line,
      action,
      changed: [],
      ...changes[i],
      outcome: 'done',
      time: '2026-11-20T12:00:00.000Z',
      request_id: requestId(answers[i] as Answer),
    }));
    expect(api.audit).toEqual(expected);
  });

  test('a change names its fields, and shows the resource before and after', async () => {
    const { api, admin } = newAdmin();
    await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    await admin.request('PUT', EXAMPLE, {
      body: botExample({ roles: ['auditor'], traits: undefined }),
      headers: { 'if-match': '*' },
    });
    const line = api.audit.at(-1) as { before?: string; after?: string };
    expect(line).toMatchObject({ action: 'replace', changed: ['spec.roles[0]', 'spec.traits'] });
    expect(JSON.parse(line.before ?? '')).toEqual(botExample());
    expect(JSON.parse(line.after ?? '')).toMatchObject({ spec: { roles: ['auditor'] } });
  });

  test('neither the secret of a join token nor its hash is in the line', async () => {
    const { api, admin } = newAdmin();
    const made = await admin.request('PUT', '/v1/resources/token/robot', {
      body: {
        kind: 'token',
        version: 'v2',
        metadata: { name: 'robot', expires: '2026-11-20T13:00:00Z' },
        spec: { roles: ['Bot'], bot_name: 'example', join_method: 'token' },
      },
      headers: CREATE,
    });
    const { secret, spec } = made.body as { secret: string; spec: { secret_sha256: string } };
    const line = JSON.stringify(api.audit.at(-1));
    expect(line).toContain('robot');
    expect(line).not.toContain(secret);
    expect(line).not.toContain(spec.secret_sha256);
  });

  test.each([
    ['what exists already', 'PUT', CREATE, botExample(), 'create', 'already_exists'],
    [
      'what was changed since',
      'PUT',
      { 'if-match': '"0"' },
      botExample(),
      'replace',
      'precondition_failed',
    ],
    [
      'what is not as expected',
      'PUT',
      CREATE,
      { ...botExample(), spec: {} },
      'create',
      'bad_request',
    ],
    [
      'what was changed since',
      'DELETE',
      { 'if-match': '"0"' },
      undefined,
      'delete',
      'precondition_failed',
    ],
  ])('also the refusal of %s (%s)', async (_, method, headers, body, action, code) => {
    const { api, admin, line } = newAdmin();
    await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    const answer = await admin.request(method, EXAMPLE, { body, headers });
    expect(api.audit).toHaveLength(2);
    expect(api.audit[1]).toMatchObject({
      ...line,
      action,
      outcome: 'refused',
      code,
      request_id: requestId(answer),
    });
  });

  test('also the refusal of a reader', async () => {
    const { api } = newAdmin();
    const reader = signIn(api, 'JoinBroker.Reader');
    await reader.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    expect(api.audit).toMatchObject([
      {
        event: 'resource',
        action: 'create',
        outcome: 'refused',
        code: 'forbidden',
        operator: reader.objectId,
      },
    ]);
  });
});

test('reads leave none', async () => {
  const { api, admin } = newAdmin();
  await admin.request('GET', EXAMPLE);
  await admin.request('GET', '/v1/resources/bot');
  expect(api.audit).toEqual([]);
});

test('control characters of an address do not reach the log', async () => {
  const { api, admin } = newAdmin();
  await admin.request('DELETE', '/v1/resources/bot/%1b%5b31mred%0a');
  expect(api.audit).toMatchObject([{ resource: 'bot/?[31mred?', code: 'bad_request' }]);
});

describe('every attempt to join leaves one audit line:', () => {
  test('an admission, with the facts of the machine', async () => {
    const { api, vm, subscription } = await createScene();
    const attempt = await join(api, vm);
    const { instance_id, request_id } = joined(attempt);
    const spki = createPublicKey(attempt.key).export({ format: 'der', type: 'spki' });
    const lines = api.audit.filter(({ event }) => event === 'join');
    expect(lines).toEqual([
      {
        time: '2026-11-20T12:00:00.000Z',
        request_id,
        event: 'join',
        outcome: 'admitted',
        join_token: 'example-bot',
        join_method: 'azure',
        system_role: 'Bot',
        bot: 'example',
        instance_id,
        generation: 1,
        vm_id: vm.vmId,
        subscription: subscription.id,
        tenant: api.tenant.id,
        resource_id: vm.resourceId.toLowerCase(),
        identity: vm.identities.systemAssigned?.principalId,
        vm_binding: 'strict',
        document_signer: expect.stringMatching(/^[0-9a-f]{64}$/),
        rule: 'azure.allow[0]',
        access_token_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        access_token_uti: expect.stringMatching(/^[\w-]{22}$/),
        serials: [expect.stringMatching(/^[0-9a-f]{32}$/)],
        expires: ['2026-11-20T13:00:00Z'],
        key_sha256: [createHash('sha256').update(spki).digest('hex')],
        ssh_keys: [expect.stringMatching(/^SHA256:[A-Za-z0-9+/]{43}$/)],
        roles: ['access'],
        logins: ['root', 'deploy'],
        duration_ms: expect.any(Number),
      },
    ]);
  });

  test('a denial, with the facts that were known by then', async () => {
    const { api, vm } = await createScene();
    await join(api, vm, { evidence: { document: { changedSignature: true } } });
    const line = api.audit.at(-1);
    expect(line).toMatchObject({
      outcome: 'denied',
      code: 'access_denied',
      reason: 'document_signature',
    });
    expect(line).not.toHaveProperty('vm_id');
    expect(line).not.toHaveProperty('bot');
  });
});

test.each([
  ['203.0.113.7:4711', '203.0.113.7:4711'],
  ['10.0.0.1, 203.0.113.7:4711', '203.0.113.7:4711'],
  ['[2001:db8::1]:4711', '[2001:db8::1]:4711'],
  ['203.0.113.7, evil<script>', undefined],
])('X-Forwarded-For %j: the last hop is the client', async (header, client) => {
  const { api } = await createScene();
  await api.request('POST', '/v1/join', {
    body: {
      request: '{}',
      azure: { attested_data: { encoding: 'pkcs7', signature: '' }, access_token: '' },
    },
    headers: { 'x-forwarded-for': header },
  });
  expect(api.audit.at(-1)).toMatchObject({ event: 'join', outcome: 'failed' });
  expect((api.audit.at(-1) as { client?: string }).client).toBe(client);
});

test('a join whose certificates did not leave names no serial numbers', async () => {
  const { api, vm } = await createScene();
  const first = await join(api, vm);
  expect(first).toBeAdmitted();
  expect(api.audit.at(-1)).toMatchObject({ serials: [expect.stringMatching(/^[0-9a-f]{32}$/)] });
  await api.put({
    kind: 'lock',
    version: 'v2',
    metadata: { name: 'stop' },
    spec: { target: { instance: joined(first).instance_id } },
  });
  expect(await join(api, vm, { renews: first })).toBeDenied(api, 'locked');
  expect(api.audit.at(-1)).not.toHaveProperty('serials');
});
