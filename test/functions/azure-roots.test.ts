/** Roots and denied signers as operators manage them: what is refused, who may, what is shown and told. */
import { createHash, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createRoot } from '../../local/azure/certificates/authority.ts';
import { newAuthorityKey } from '../../local/azure/certificates/certificate-key.ts';
import { createLeaf } from '../../local/azure/certificates/leaf.ts';
import { createCloud } from '../../local/azure/cloud.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import { createScene, joinToken } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';
import { withOddName } from '../broker/odd-name.ts';
import { type AppRole, signIn } from '../broker/operators.ts';
import { createClock, createTestBroker, NOON, type TestBroker } from '../broker/test-broker.ts';
import { recorded } from '../shared/telemetry/recorded.ts';
import { sharedRsaKeys } from '../shared-rsa-keys.ts';
import { operatorShell } from './operator-shell.ts';

const root = (name = 'New Root') => createRoot(name, newAuthorityKey(), NOON).certificate;
const pem = (der: Uint8Array): string => encodePem('CERTIFICATE', der);
const sha256 = (der: Uint8Array): string =>
  new X509Certificate(der).fingerprint256.replaceAll(':', '').toLowerCase();

const keySha256 = (der: Uint8Array): string =>
  createHash('sha256')
    .update(new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');

const azureRoot = (name: string, spec: object) => ({
  kind: 'azure_root',
  version: 'v1',
  metadata: { name },
  spec,
});
const denied = (name: string, hash: string) => ({
  kind: 'azure_denied_signer',
  version: 'v1',
  metadata: { name },
  spec: { sha256: hash },
});

const write = (
  api: TestBroker,
  roles: readonly AppRole[],
  method: 'PUT' | 'DELETE',
  resource: { kind: string; metadata: { name: string } },
  query = '',
) =>
  signIn(api, ...roles).request(
    method,
    `/v1/resources/${resource.kind}/${resource.metadata.name}${query}`,
    method === 'PUT' ? { body: resource, headers: { 'if-none-match': '*' } } : {},
  );

const BOTH = ['JoinBroker.Admin', 'JoinBroker.AuthorityAdmin'] as const;
const add = (api: TestBroker, spec: object, name = 'a') =>
  write(api, BOTH, 'PUT', azureRoot(name, spec));

describe('a root is refused', () => {
  test.each<[string, object, string]>([
    ['without a certificate', {}, 'spec.certificate'],
    ['that is rubbish', { certificate: 'rubbish' }, 'spec.certificate'],
    [
      'with a name that OpenSSL does not read',
      { certificate: pem(withOddName(root())) },
      'spec.certificate',
    ],
    ['with two certificates', { certificate: pem(root()) + pem(root()) }, 'spec.certificate'],
    [
      'with a byte behind it',
      { certificate: pem(Buffer.concat([root(), Buffer.of(0)])) },
      'spec.certificate',
    ],
    [
      'that is a server',
      {
        certificate: pem(
          createLeaf('eastus', newAuthorityKey(), createRoot('R', newAuthorityKey(), NOON), NOON)
            .certificate,
        ),
      },
      'spec.certificate',
    ],
    ['of another fingerprint', { certificate: pem(root()), sha256: 'a'.repeat(64) }, 'spec.sha256'],
    ['with a misspelt field', { certificat: pem(root()) }, 'spec.certificat'],
  ])('%s', async (_, spec, field) => {
    const api = createTestBroker();
    expect(await add(api, spec)).toBeProblem('bad_request', field);
  });

  test('whose time is over', async () => {
    const api = createTestBroker();
    api.clock.advance(5001 * 86_400);
    expect(await add(api, { certificate: pem(root()) })).toBeProblem(
      'bad_request',
      'spec.certificate',
    );
  });

  test('beside twenty others, and so is the 201st denied signer', async () => {
    const api = createTestBroker();
    for (let i = 0; i < 20; i += 1)
      expect((await add(api, { certificate: pem(root(`R${i}`)) }, `r${i}`)).status).toBe(201);
    expect(await add(api, { certificate: pem(root()) }, 'more')).toBeProblem('bad_request', 'kind');
    const hash = (i: number): string => i.toString(16).padStart(64, '0');
    for (let i = 0; i < 200; i += 1) await write(api, BOTH, 'PUT', denied(`d${i}`, hash(i)));
    expect(await write(api, BOTH, 'PUT', denied('more', hash(200)))).toBeProblem(
      'bad_request',
      'kind',
    );
  });

  test('with the name of another and no other key id, and a duplicate is a warning', async () => {
    const api = createTestBroker();
    const [pinned = Buffer.of()] = api.cloud.roots;
    const warned = await add(api, { certificate: pem(pinned) });
    expect(warned.status).toBe(201);
    expect(warned.body).toMatchObject({
      warnings: [{ field: 'spec.certificate', message: expect.stringContaining('a pinned root') }],
    });
    const again = await add(api, { certificate: pem(pinned) }, 'b');
    expect(again.body).toMatchObject({ warnings: [{ field: 'spec.certificate' }] });
  });
});

test('a denial of a pinned root, or of its key, and one that is there already are warned of', async () => {
  const api = createTestBroker();
  const [pinned = Buffer.of()] = api.cloud.roots;
  const deny = async (name: string, spec: object) =>
    (await write(api, BOTH, 'PUT', { ...denied(name, ''), spec } as never)).body;
  expect(await deny('a', { sha256: sha256(pinned) })).toMatchObject({
    warnings: [{ field: 'spec.sha256', message: expect.stringContaining('it is a pinned root') }],
  });
  const public_key_sha256 = keySha256(pinned);
  const key = { field: 'spec.public_key_sha256' };
  const ofRoot = { ...key, message: expect.stringContaining('it is the key of a pinned root') };
  expect(await deny('b', { public_key_sha256 })).toMatchObject({ warnings: [ofRoot] });
  const same = { ...key, message: 'azure_denied_signer b denies the same key' };
  expect(await deny('c', { public_key_sha256 })).toMatchObject({ warnings: [same, ofRoot] });
});

test.each([
  ['nothing', {}],
  ['both', { sha256: 'a'.repeat(64), public_key_sha256: 'b'.repeat(64) }],
])('a denial of %s is refused', async (_, spec) => {
  const api = createTestBroker();
  const answer = await write(api, BOTH, 'PUT', { ...denied('a', ''), spec } as never);
  expect(answer).toBeProblem('bad_request', 'spec');
});

describe('who may', () => {
  const hash = 'ab'.repeat(32);
  const NEW = azureRoot('a', { certificate: pem(root()) });
  const cases: readonly [AppRole, number, number][] = [
    ['JoinBroker.Reader', 403, 403],
    ['JoinBroker.Admin', 403, 201],
    ['JoinBroker.AuthorityAdmin', 201, 201],
  ];

  test.each(cases)('%s: add a root %i, deny a signer %i', async (role, adds, denies) => {
    const api = createTestBroker();
    for (const query of ['?dry_run=true', '']) {
      const done = (status: number) => (query !== '' && status === 201 ? 200 : status);
      expect((await write(api, [role], 'PUT', NEW, query)).status).toBe(done(adds));
      const deny = await write(api, [role], 'PUT', denied('d', hash), query);
      expect(deny.status).toBe(done(denies));
    }
    await write(api, BOTH, 'PUT', NEW);
    await write(api, BOTH, 'PUT', denied('d', hash));
    const removed = await write(api, [role], 'DELETE', NEW);
    expect(removed.status).toBe(adds === 201 ? 204 : 403);
    const lifted = await write(api, [role], 'DELETE', denied('d', hash));
    expect(lifted.status).toBe(denies === 201 ? 204 : 403);
  });

  test('who manages authorities still manages no join tokens', async () => {
    const api = createTestBroker();
    const bot = { kind: 'bot', version: 'v1', metadata: { name: 'x' }, spec: { roles: [] } };
    expect((await write(api, ['JoinBroker.AuthorityAdmin'], 'PUT', bot)).status).toBe(403);
  });

  test('every change is in the audit, with the certificate', async () => {
    const api = createTestBroker();
    await write(api, BOTH, 'PUT', NEW);
    const line = api.audit.find(({ event }) => event === 'resource');
    expect(line).toMatchObject({ action: 'create', resource: 'azure_root/a', outcome: 'done' });
    expect(line).toHaveProperty('after', expect.stringContaining('BEGIN CERTIFICATE'));
  });
});

describe('before a root ends', () => {
  const DAY = 86_400;

  test('readyz, a metric and an event warn from 90 days on, and say once a day that it ended', async () => {
    const telemetry = recorded();
    const clock = createClock();
    const cloud = createCloud({ now: clock.now, keys: sharedRsaKeys() });
    // The roots of the simulation end after 5,000 days; the broker is younger than they are.
    clock.advance((5000 - 91) * DAY);
    const api = createTestBroker({ clock, cloud, telemetry: telemetry.around });
    const { id, virtualMachine } = api.tenant.subscription();
    const vm = virtualMachine('vm-a', { resourceGroup: 'g', systemAssigned: true });
    await api.put(joinToken({ allow: [{ subscription: id }] }));
    await add(api, { certificate: pem(root()) });
    const ready = async () => (await api.request('GET', '/readyz')).body;
    const look = () => api.broker.watchAzureTrust({ requestId: 'timer' });
    const told = () => api.audit.flatMap((line) => (line.event === 'azure_trust' ? [line] : []));
    expect(await ready()).toEqual({ status: 'ok' });
    await look();
    expect(told()).toEqual([]);
    expect(telemetry.values('azure_trust_days_left', { anchor: 'pinned' }).at(-1)).toBe(91);
    clock.advance(2 * DAY);
    await look();
    await look();
    expect(told()).toMatchObject([
      { finding: 'ends_soon', anchor: 'pinned', name: 'Simulated TLS Root G2' },
      { finding: 'ends_soon', anchor: 'added', name: 'a' },
    ]);
    expect(await ready()).toEqual({
      status: 'ok',
      warnings: [
        "a pinned root of Azure's attested documents ends within 90 days",
        "an added root of Azure's attested documents ends within 90 days",
      ],
    });
    clock.advance(90 * DAY);
    await look();
    expect(told().slice(2)).toMatchObject([{ finding: 'ended' }, { finding: 'ended' }]);
    expect(await join(api, vm)).toBeDenied(api, 'document_chain');
  });

  test('the same goes for the authorities above the youngest signer that was seen', async () => {
    const telemetry = recorded();
    const { api, vm } = await createScene({ telemetry: telemetry.around });
    expect(await join(api, vm)).toBeAdmitted();
    const left = () => telemetry.values('azure_trust_days_left', { anchor: 'newest_chain' }).at(-1);
    await api.request('GET', '/readyz');
    expect(left()).toBe(1000);
    api.clock.advance(920 * DAY);
    expect((await api.request('GET', '/readyz')).body).toMatchObject({
      warnings: ["an authority above Azure's newest signer ends within 90 days"],
    });
  });
});

describe('joinctl', () => {
  test('adds a root, lists it beside the pinned ones, and removes it', async () => {
    const { api } = await createScene();
    const shell = await operatorShell(api, BOTH, { answer: 'yes' });
    const der = root();
    await writeFile(joinPath(shell.folder, 'root.crt'), der);
    const added = await shell.run('azure-roots', 'add', 'root.crt', '--message=ticket 4711');
    expect(added).toMatchObject({ code: 0, stdout: expect.stringContaining(sha256(der)) });
    expect(added.stderr).toContain('Compare the fingerprint');
    const { stdout } = await shell.run('azure-roots', 'ls');
    expect(stdout).toMatch(/^pinned +Simulated TLS Root G2 /m);
    expect(stdout).toMatch(new RegExp(`^added +new-root .*${sha256(der)}$`, 'm'));
    expect((await shell.run('get', 'azure_roots', '--format=text')).stdout).toContain('New Root');
    const backup = (await shell.run('get', 'all')).stdout;
    expect((await shell.run('azure-roots', 'rm', 'new-root')).code).toBe(0);
    await writeFile(joinPath(shell.folder, 'backup.yaml'), backup);
    expect(await shell.run('apply', 'backup.yaml')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('azure_root "new-root" has been created'),
    });
  });

  test('denies a signer by its certificate, and lists it', async () => {
    const { api, vm } = await createScene();
    const shell = await operatorShell(api, ['JoinBroker.Admin']);
    const { certificate } = api.cloud.signingChain().leaf(vm.location);
    await writeFile(joinPath(shell.folder, 'signer.pem'), pem(certificate));
    const { stdout } = await shell.run('azure-signers', 'deny', 'signer.pem', '--ttl=72h');
    const key = keySha256(certificate);
    const name = `key-${key.slice(0, 16)}`;
    expect(stdout).toContain(`joinctl azure-signers rm ${name}`);
    expect((await shell.run('azure-signers', 'ls')).stdout).toMatch(
      new RegExp(`^${name} +key +${key} +2026-11-23T12:00:00Z`, 'm'),
    );
    api.clock.advance(6);
    expect(await join(api, vm)).toBeDenied(api, 'document_signer_denied');
  });
});
