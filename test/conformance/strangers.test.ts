/** Conformance: strangers cost nothing: no storage, no line without end, and they hold up nobody but themselves (rule 10). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene, joinToken } from '../broker/fixtures.ts';
import { heartbeatBody } from '../broker/heartbeat.ts';
import { certificationRequest, chainOf, join, makeJoin, newKey } from '../broker/joiner.ts';
import { withOddName } from '../broker/odd-name.ts';
import type { Api } from '../broker/test-broker.ts';
import { watchTables } from '../broker/watched-tables.ts';
import { recorded } from '../shared/telemetry/recorded.ts';

const from = (address: string) => ({ 'x-forwarded-for': `198.51.100.1, ${address}:50123` });
const STRANGER = from('203.0.113.7');
const send = (api: Api, body: unknown, headers = STRANGER) =>
  api.request('POST', '/v1/join', { body, headers });
const beat = (api: Api, body: unknown, headers: Record<string, string>) =>
  api.request('POST', '/v1/heartbeat', { body, headers });
const lines = ({ audit }: Api) => audit.filter(({ event }) => event === 'join');

test('S1 a caller whose joins fail is answered 429 with the seconds to wait, and others go on', async () => {
  const { api, vm } = await createScene({
    settings: { JOIN_BROKER_FAILED_JOINS_PER_ADDRESS: '3' },
  });
  for (let i = 0; i < 3; i += 1) expect(await send(api, '{')).toBeProblem('bad_request');
  const body = await makeJoin(api, vm);
  const answer = await send(api, body);
  expect(answer).toBeProblem('throttled');
  expect(answer.headers.get('retry-after')).toBe('60');
  expect(await send(api, body, from('203.0.113.8'))).toBeAdmitted();
  api.clock.advance(60);
  expect(await send(api, await makeJoin(api, vm))).toBeAdmitted();
});

test('S1 what a client says of its own address changes nothing', async () => {
  const { api } = await createScene({ settings: { JOIN_BROKER_FAILED_JOINS_PER_ADDRESS: '1' } });
  await send(api, {}, { 'x-forwarded-for': '192.0.2.1, 203.0.113.7:1' });
  const again = await send(api, {}, { 'x-forwarded-for': '192.0.2.2, 203.0.113.7:2' });
  expect(again).toBeProblem('throttled');
});

test('S1 a fleet behind one address joins, however many there are', async () => {
  const { api, vm } = await createScene({
    settings: { JOIN_BROKER_FAILED_JOINS_PER_ADDRESS: '1' },
  });
  for (let i = 0; i < 5; i += 1) expect(await send(api, await makeJoin(api, vm))).toBeAdmitted();
});

test('S1 a machine whose joins fail is answered 429, from whatever address, and other machines go on', async () => {
  const { api, vm, subscription } = await createScene({
    settings: { JOIN_BROKER_FAILED_JOINS_PER_MACHINE: '2' },
  });
  const other = subscription.virtualMachine('vm-b', {
    resourceGroup: 'group1',
    systemAssigned: true,
  });
  const evidence = { token: { changedSignature: true } };
  const tries = [];
  for (let i = 0; i < 3; i += 1)
    tries.push(await send(api, await makeJoin(api, other, { evidence }), from(`203.0.113.${i}`)));
  expect(tries[1]).toBeDenied(api, 'access_token_signature');
  expect(tries[2]).toBeProblem('throttled');
  expect(await join(api, vm)).toBeAdmitted();
});

test.each<[string, string, Record<string, string>, string]>([
  ['no JSON', '{', {}, 'bad_request'],
  ['no object', '[]', {}, 'bad_request'],
  ['more than 64 KiB', 'x'.repeat(65_537), {}, 'too_large'],
  ['another type', '{}', { 'content-type': 'text/plain' }, 'unsupported_media_type'],
  ['no length', '{}', { 'content-length': '' }, 'length_required'],
])('S2 a body of %s is an attempt: one line, and counted', async (_, body, headers, code) => {
  const telemetry = recorded();
  const { api } = await createScene({ telemetry: telemetry.around });
  expect(await send(api, body, { ...STRANGER, ...headers })).toBeProblem(code as 'bad_request');
  expect(lines(api)).toMatchObject([{ outcome: 'failed', code, client: '203.0.113.7:50123' }]);
  expect(telemetry.values('joins', { outcome: 'failed', method: 'none' })).toEqual([1]);
});

test('S2 of strangers so many leave a line, all are counted, and a machine that a rule names always leaves its own', async () => {
  const telemetry = recorded();
  const { api, vm } = await createScene({
    telemetry: telemetry.around,
    settings: { JOIN_BROKER_AUDITED_STRANGERS: '2' },
  });
  for (let i = 0; i < 10; i += 1) await send(api, {});
  expect(lines(api)).toHaveLength(2);
  expect(telemetry.values('joins', { caller: 'unknown' })).toHaveLength(10);
  expect(telemetry.values('audit_lines_not_written')).toHaveLength(8);
  expect(await join(api, vm)).toBeAdmitted();
  await api.put({
    kind: 'lock',
    version: 'v2',
    metadata: { name: 'stop' },
    spec: { target: { machine: vm.vmId } },
  });
  expect(await join(api, vm)).toBeDenied(api, 'locked');
  expect(telemetry.values('joins', { caller: 'known' })).toHaveLength(2);
  expect(lines(api)).toHaveLength(4);
});

test('S3 a machine of another subscription leaves no row, and asks nobody', async () => {
  const watched = watchTables();
  const { api, vm } = await createScene({
    tables: watched.tables,
    settings: { JOIN_BROKER_AUDITED_STRANGERS: '1' },
  });
  const other = api.tenant
    .subscription()
    .virtualMachine('vm-x', { resourceGroup: 'group1', systemAssigned: true });
  await join(api, vm);
  await api.broker.flush();
  const before = ['joins', 'instances', 'names', 'keys'].map((name) =>
    watched.count(name as 'joins'),
  );
  const calls = api.cloud.calls.count('management');
  for (let i = 0; i < 20; i += 1) {
    const forged = { wish: { csr: certificationRequest(newKey(), newKey()) } };
    expect((await join(api, other, forged)).status).toBe(403);
    expect((await join(api, other)).status).toBe(403);
  }
  await api.broker.flush();
  const after = ['joins', 'instances', 'names', 'keys'].map((name) =>
    watched.count(name as 'joins'),
  );
  // The one that left a line left its three rows: itself, that by which its machine is found, and that among what was refused.
  expect((after[0] ?? 0) - (before[0] ?? 0)).toBe(3);
  expect(after.slice(1)).toEqual(before.slice(1));
  expect(api.cloud.calls.count('management')).toBe(calls);
});

test('S3 where a rule names only the tenant, a machine of another tenant is unknown', async () => {
  const telemetry = recorded();
  const { api } = await createScene({ telemetry: telemetry.around });
  await api.put(joinToken({ allow: [{ tenant: api.tenant.id }] }));
  const foreign = api.cloud
    .tenant()
    .subscription()
    .virtualMachine('vm-y', { resourceGroup: 'group1', systemAssigned: true });
  expect((await join(api, foreign)).status).toBe(403);
  expect(telemetry.values('joins', { caller: 'unknown' })).toEqual([1]);
});

test.each<[string, object, 'known' | 'unknown']>([
  ['the subscription alone', {}, 'known'],
  [
    'a group of it, and the machine lies in another one',
    { resource_groups: ['group9'] },
    'unknown',
  ],
  ['a name in it, and the machine has another one', { vm_names: ['db-*'] }, 'unknown'],
])('S3 where a rule names %s, a machine without a good token', async (_, rule, caller) => {
  const telemetry = recorded();
  const { api, vm, subscription } = await createScene({ telemetry: telemetry.around });
  await api.put(joinToken({ allow: [{ subscription: subscription.id, ...rule }] }));
  const token = { claims: { aud: 'https://other.example.org' } };
  expect((await join(api, vm, { evidence: { token } })).status).toBe(403);
  expect(telemetry.values('joins', { caller })).toEqual([1]);
});

const FORGED = { document: { changedSignature: true } } as const;

describe('S4 by what it says of itself alone, before a signature is checked, is denied a machine', () => {
  test('of another subscription', async () => {
    const { api, vm } = await createScene();
    await join(api, vm);
    const other = api.tenant
      .subscription()
      .virtualMachine('vm-x', { resourceGroup: 'group1', systemAssigned: true });
    expect(await join(api, other, { evidence: FORGED })).toBeDenied(api, 'rule_mismatch');
    expect(api.audit.at(-1)).toMatchObject({
      claimed_vm_id: other.vmId,
      claimed_subscription: other.subscription.id,
      detail: expect.stringContaining(other.subscription.id),
    });
    expect(Object.keys(api.audit.at(-1) ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(?:vm_id|subscription)$/)]),
    );
  });

  test.each([
    ['hint', {}],
    ["token's claims", { resourceId: null }],
  ])('of another group, by its %s', async (_, evidence) => {
    const { api, vm, subscription } = await createScene();
    await join(api, vm);
    const other = subscription.virtualMachine('vm-x', {
      resourceGroup: 'group2',
      systemAssigned: true,
    });
    const attempt = await join(api, other, { evidence: { ...FORGED, ...evidence } });
    expect(attempt).toBeDenied(api, 'rule_mismatch');
    expect(api.audit.at(-1)).toMatchObject({
      claimed_resource_id: other.resourceId.toLowerCase(),
      detail: expect.stringContaining('group2'),
    });
  });

  test('with a join token that does not exist', async () => {
    const { api, vm } = await createScene();
    await join(api, vm);
    const forged = { request: { token: 'nobody' }, evidence: FORGED };
    expect(await join(api, vm, forged)).toBeDenied(api, 'join_token_not_found');
  });
});

test('S4 a machine that a rule could admit by what it says is held to the signature', async () => {
  const { api, vm } = await createScene();
  await join(api, vm);
  expect(await join(api, vm, { evidence: FORGED })).toBeDenied(api, 'document_signature');
});

test('S4 where resources would have to be asked for, they are not: the forged document is denied first', async () => {
  const watched = watchTables();
  const { api, vm } = await createScene({ tables: watched.tables });
  api.clock.advance(10);
  const before = watched.count('resources');
  const forged = { request: { token: 'nobody' }, evidence: FORGED };
  expect(await join(api, vm, forged)).toBeDenied(api, 'document_signature');
  expect(watched.count('resources')).toBe(before);
});

test.each([
  ['15,000 lists in each other', `${'['.repeat(15_000)}${']'.repeat(15_000)}`],
  [
    '5,000 names',
    JSON.stringify(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [i, 0]))),
  ],
  ['5,000 escapes', JSON.stringify({ request: '"'.repeat(5000) })],
  ['30,000 spaces', `${' '.repeat(30_000)}{}`],
])('S5 JSON of %s is refused unread, as a body and as a request', async (_, text) => {
  const { api, vm } = await createScene();
  const refused = {
    code: 'bad_request',
    detail: expect.stringMatching(/^expected JSON (that|with)/),
  };
  expect((await send(api, text)).body).toMatchObject(refused);
  const body = await makeJoin(api, vm, {
    changedBody: (sent) => ({ ...(sent as object), request: text }),
  });
  expect((await send(api, body)).body).toMatchObject(refused);
});

describe('S6 a heartbeat', () => {
  /** What anybody can know of the issuer: a certificate that it issued, as every TLS connection shows it. */
  const forgeries: readonly [string, (shown: readonly [Buffer, Buffer]) => readonly Buffer[]][] = [
    ['with a signature of nobody', ([leaf, issuing]) => [bent(leaf, -1), issuing]],
    ['of an authority', ([, issuing]) => [issuing, issuing]],
    ['under another authority', ([leaf, issuing]) => [leaf, bent(issuing, -1)]],
    ['with a name that OpenSSL does not read', ([leaf, issuing]) => [withOddName(leaf), issuing]],
    ['with two of them', ([leaf]) => [withOddName(leaf), withOddName(leaf)]],
  ];

  test.each(forgeries)("%s is nobody's: no row, no line, nobody is asked", async (_, forge) => {
    const watched = watchTables();
    const telemetry = recorded();
    const { api, vm } = await createScene({ tables: watched.tables, telemetry: telemetry.around });
    const attempt = await join(api, vm);
    await api.broker.flush();
    const shown = chainOf(attempt).map((der) => Buffer.from(der)) as [Buffer, Buffer];
    const certificates = forge(shown).map((der) => der.toString('base64'));
    const tables = Object.keys(watched.tables) as (keyof typeof watched.tables)[];
    const spent = () => [...tables.map(watched.count), api.cloud.calls.count('management')];
    const [before, told] = [spent(), api.audit.length];
    for (let i = 0; i < 3; i += 1) {
      const answer = await beat(api, heartbeatBody(attempt, { certificates }), STRANGER);
      expect(answer).toBeProblem('instance_unknown');
    }
    await api.broker.flush();
    expect(spent()).toEqual(before);
    expect(api.audit.slice(told)).toEqual([]);
  });

  test('beyond the limit of its address is answered 429 with the seconds to wait, whatever it says', async () => {
    const { api, vm } = await createScene({
      settings: { JOIN_BROKER_FAILED_JOINS_PER_ADDRESS: '3' },
    });
    const attempt = await join(api, vm);
    const honest = heartbeatBody(attempt);
    for (let i = 0; i < 5; i += 1) expect((await beat(api, honest, STRANGER)).status).toBe(204);
    for (const body of ['{', { ...honest, proof: 'AAAA' }, JSON.stringify('['.repeat(15_000))])
      expect((await beat(api, body, STRANGER)).status).toBeLessThan(410);
    const answer = await beat(api, honest, STRANGER);
    expect(answer).toBeProblem('throttled');
    expect(answer.headers.get('retry-after')).toBe('60');
    expect((await beat(api, honest, from('203.0.113.8'))).status).toBe(204);
    // Joins have a limit of their own: whose heartbeats fail may join again.
    expect(await send(api, await makeJoin(api, vm))).toBeAdmitted();
    api.clock.advance(60);
    expect((await beat(api, honest, STRANGER)).status).toBe(204);
  });

  test('that is more work than any honest one is refused unread', async () => {
    const { api } = await createScene();
    const answer = await beat(api, { heartbeat: '"'.repeat(5000) }, STRANGER);
    expect(answer.body).toMatchObject({
      code: 'bad_request',
      detail: expect.stringMatching(/^expected JSON with fewer/),
    });
  });
});

/** One byte is another. */
function bent(der: Buffer, at: number): Buffer {
  const other = Buffer.from(der);
  const place = at < 0 ? other.length + at : at;
  other[place] = (other[place] ?? 0) ^ 1;
  return other;
}
