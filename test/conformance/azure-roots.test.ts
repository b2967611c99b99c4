/** Conformance: roots that operators add, and signers that they deny (rows D14 and D15). */
import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { type Cloud, createCloud } from '../../local/azure/cloud.ts';
import { parseCertificate } from '../../shared/encoding/certificate.ts';
import { twinsOf } from '../../shared/encoding/ecdsa-twin.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import { createScene } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createClock, type TestBroker } from '../broker/test-broker.ts';
import { watchTables } from '../broker/watched-tables.ts';
import { recorded } from '../shared/telemetry/recorded.ts';
import { sharedRsaKeys } from '../shared-rsa-keys.ts';

/** Another Microsoft, whose root nobody pinned. */
const newMicrosoft = (api: TestBroker): Cloud =>
  createCloud({ now: api.clock.now, keys: sharedRsaKeys() });

const rootOf = (cloud: Cloud, name = 'new-root', metadata: object = {}) => ({
  kind: 'azure_root',
  version: 'v1',
  metadata: { name, ...metadata },
  spec: { certificate: encodePem('CERTIFICATE', cloud.roots[0] ?? Buffer.of()) },
});

const sha256 = (der: Uint8Array): string =>
  new X509Certificate(der).fingerprint256.replaceAll(':', '').toLowerCase();

const denial = (der: Uint8Array, metadata: object = {}) => ({
  kind: 'azure_denied_signer',
  version: 'v1',
  metadata: { name: 'leaked', ...metadata },
  spec: { sha256: sha256(der) },
});

const denialOfKey = (der: Uint8Array) => ({
  ...denial(der),
  spec: {
    public_key_sha256: createHash('sha256')
      .update(new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex'),
  },
});

/** As somebody with all rights. */
async function put(
  api: TestBroker,
  resource: { kind: string; metadata: { name: string }; spec: object },
) {
  const path = `/v1/resources/${resource.kind}/${resource.metadata.name}`;
  const admin = signIn(api, 'JoinBroker.Admin', 'JoinBroker.AuthorityAdmin');
  const answer = await admin.request('PUT', path, {
    body: resource,
    headers: { 'if-none-match': '*' },
  });
  expect(answer.status).toBe(201);
  return { remove: () => admin.request('DELETE', path) };
}

async function scene(options: Parameters<typeof createScene>[0] = {}) {
  const { api, vm, ...rest } = await createScene(options);
  const other = newMicrosoft(api);
  const chain = other.signingChain();
  const evidence = { chain };
  return { api, vm, other, chain, evidence, ...rest };
}

describe('D14 a root that an operator added', () => {
  test('vouches at once for documents that lead to it, and for no others', async () => {
    const { api, vm, other, evidence } = await scene();
    expect(await join(api, vm, { evidence })).toBeDenied(api, 'document_chain');
    await put(api, rootOf(other));
    api.clock.advance(2);
    expect(await join(api, vm, { evidence })).toBeAdmitted();
    expect(await join(api, vm)).toBeAdmitted();
    const third = { chain: newMicrosoft(api).signingChain() };
    expect(await join(api, vm, { evidence: third })).toBeDenied(api, 'document_chain');
    const forged = { ...evidence, document: { changedSignature: true } };
    expect(await join(api, vm, { evidence: forged })).toBeDenied(api, 'document_signature');
  });

  test('counts on other function instances within seconds, on cold ones too', async () => {
    const { api, vm, other, evidence } = await scene();
    const warm = api.another();
    expect(await join(warm, vm)).toBeAdmitted();
    await put(api, rootOf(other));
    warm.clock.advance(2);
    expect(await join(warm, vm, { evidence })).toBeAdmitted();
    expect(await join(api.another(), vm, { evidence })).toBeAdmitted();
  });

  test('ends joins and renewals under it when it is removed, or over', async () => {
    const { api, vm, other, evidence } = await scene();
    const { remove } = await put(api, rootOf(other));
    const first = await join(api, vm, { evidence });
    expect(first).toBeAdmitted();
    await remove();
    api.clock.advance(6);
    expect(await join(api, vm, { renews: first, evidence })).toBeDenied(api, 'document_chain');
    await put(api, rootOf(other, 'again', { expires: '2026-11-20T12:10:00Z' }));
    api.clock.advance(6);
    expect(await join(api, vm, { renews: first, evidence })).toBeAdmitted();
    api.clock.advance(600);
    expect(await join(api, vm, { evidence })).toBeDenied(api, 'document_chain');
  });

  test('is forgotten by other function instances within five seconds', async () => {
    const { api, vm, other, evidence } = await scene();
    const { remove } = await put(api, rootOf(other));
    const another = api.another();
    expect(await join(another, vm, { evidence })).toBeAdmitted();
    await remove();
    another.clock.advance(6);
    expect(await join(another, vm, { evidence })).toBeDenied(another, 'document_chain');
  });

  test.each(['removed', 'denied'] as const)(
    'that is %s while a join waits for Azure denies it',
    async (what) => {
      const clock = createClock();
      const cloud = createCloud({ now: clock.now, keys: sharedRsaKeys() });
      let meanwhile = async (): Promise<unknown> => undefined;
      const slow: typeof fetch = async (url, init) => {
        if (String(url).includes('/management/')) await meanwhile();
        return cloud.fetch(url, init);
      };
      const { api, vm } = await createScene({ clock, cloud: { ...cloud, fetch: slow } });
      const other = newMicrosoft(api);
      const evidence = { chain: other.signingChain() };
      const { remove } = await put(api, rootOf(other));
      let waited = 0;
      meanwhile = async () => {
        waited += 1;
        if (waited > 1) return;
        await (what === 'removed' ? remove() : put(api, denial(other.roots[0] ?? Buffer.of())));
      };
      const reason = what === 'removed' ? 'document_chain' : 'document_signer_denied';
      expect(await join(api, vm, { evidence })).toBeDenied(api, reason);
      expect(waited).toBe(1);
    },
  );

  test('leaves a fact in the log of every join that it alone explains, a metric, and an event once a day', async () => {
    const telemetry = recorded();
    const { api, vm, other, evidence } = await scene({ telemetry: telemetry.around });
    await put(api, rootOf(other));
    for (let i = 0; i < 3; i += 1) await join(api, vm, { evidence });
    await join(api, vm);
    const joins = api.audit.filter(({ event }) => event === 'join');
    expect(joins.map((line) => 'azure_root' in line && line.azure_root)).toEqual([
      'new-root',
      'new-root',
      'new-root',
      false,
    ]);
    expect(telemetry.values('documents_by_added_root')).toEqual([1, 1, 1]);
    const told = () => api.audit.filter(({ event }) => event === 'azure_trust');
    expect(told()).toMatchObject([
      {
        finding: 'added_root_used',
        name: 'new-root',
        sha256: sha256(other.roots[0] ?? Buffer.of()),
      },
    ]);
    api.clock.advance(86_400);
    await join(api, vm, { evidence });
    expect(told()).toHaveLength(2);
  });

  test('that is pinned as well explains nothing', async () => {
    const { api, vm } = await scene();
    await put(api, rootOf(api.cloud, 'pinned-too'));
    expect(await join(api, vm)).toBeAdmitted();
    expect(api.audit.at(-1)).not.toHaveProperty('azure_root');
  });

  test('makes a stranger ask storage once per cooldown, however many documents he makes up', async () => {
    const watched = watchTables();
    const { api, vm } = await scene({ tables: watched.tables });
    expect(await join(api, vm)).toBeAdmitted();
    const before = watched.count('resources');
    const evidence = { chain: api.cloud.signingChain({ root: 'unknown' }) };
    for (let i = 0; i < 30; i += 1)
      expect(await join(api, vm, { evidence })).toBeDenied(api, 'document_chain');
    expect(watched.count('resources') - before).toBe(1);
  });
});

describe('D15 a denied certificate', () => {
  test.each(['signer', 'issuer', 'root'] as const)(
    'that is the %s denies joins and renewals at once, and whoever has another one goes on',
    async (which) => {
      const { api, vm, other, chain, evidence } = await scene();
      await put(api, rootOf(other));
      const first = await join(api, vm, { evidence });
      expect(first).toBeAdmitted();
      const certificates = {
        signer: chain.leaf(vm.location).certificate,
        issuer: chain.intermediates[0] ?? Buffer.of(),
        root: other.roots[0] ?? Buffer.of(),
      };
      const { remove } = await put(api, denial(certificates[which]));
      api.clock.advance(6);
      expect(await join(api, vm, { evidence })).toBeDenied(api, 'document_signer_denied');
      expect(await join(api, vm, { renews: first, evidence })).toBeDenied(
        api,
        'document_signer_denied',
      );
      expect(api.audit.at(-1)).toMatchObject({ denied_signer: 'leaked' });
      expect(await join(api, vm)).toBeAdmitted();
      await remove();
      api.clock.advance(6);
      expect(await join(api, vm, { renews: first, evidence })).toBeAdmitted();
    },
  );

  test.each(['signer', 'issuer', 'added root', 'pinned root'] as const)(
    'by its key: that of the %s denies joins and renewals, and no others',
    async (which) => {
      const { api, vm, other, chain, evidence } = await scene();
      await put(api, rootOf(other));
      const isPinned = which === 'pinned root';
      const under = isPinned ? {} : { evidence };
      const first = await join(api, vm, under);
      expect(first).toBeAdmitted();
      const certificates = {
        signer: chain.leaf(vm.location).certificate,
        issuer: chain.intermediates[0] ?? Buffer.of(),
        'added root': other.roots[0] ?? Buffer.of(),
        'pinned root': api.cloud.roots[0] ?? Buffer.of(),
      };
      await put(api, denialOfKey(certificates[which]));
      api.clock.advance(6);
      expect(await join(api, vm, under)).toBeDenied(api, 'document_signer_denied');
      const renewed = await join(api, vm, { ...under, renews: first });
      expect(renewed).toBeDenied(api, 'document_signer_denied');
      const otherwise = await join(api, vm, isPinned ? { evidence } : {});
      // The two simulated Microsofts sign with one key.
      if (which === 'signer') expect(otherwise).toBeDenied(api, 'document_signer_denied');
      else expect(otherwise).toBeAdmitted();
    },
  );

  test('is denied with its other signature, too, which anybody can make', async () => {
    const { api, vm, other, chain } = await scene();
    await put(api, rootOf(other));
    const [issuer = Buffer.of()] = chain.intermediates;
    await put(api, denial(issuer));
    const { publicKey } = new X509Certificate(other.roots[0] ?? Buffer.of());
    const twin = twinsOf(parseCertificate(issuer)).find((der) =>
      new X509Certificate(der).verify(publicKey),
    );
    expect(sha256(twin ?? Buffer.of())).not.toBe(sha256(issuer));
    const intermediates = twin ? [twin] : [];
    const attempt = await join(api, vm, { evidence: { chain, intermediates } });
    expect(attempt).toBeDenied(api, 'document_signer_denied');
  });

  test('denies nobody whose documents have another way to a root', async () => {
    const clock = createClock();
    const cloud = createCloud({ now: clock.now, keys: sharedRsaKeys(), chain: 'cross_signed' });
    const { api, vm } = await createScene({ cloud, clock });
    const [issuing = Buffer.of(), cross = Buffer.of()] = cloud.signingChain().intermediates;
    await put(api, denial(cross));
    api.clock.advance(6);
    expect(await join(api, vm)).toBeDenied(api, 'document_signer_denied');
    const certificate = encodePem('CERTIFICATE', issuing);
    await put(api, { ...rootOf(cloud, 'issuing'), spec: { certificate } });
    api.clock.advance(6);
    expect(await join(api, vm)).toBeAdmitted();
  });

  test('that is over denies nobody', async () => {
    const { api, vm } = await scene();
    const signer = api.cloud.signingChain().leaf(vm.location).certificate;
    await put(api, denial(signer, { expires: '2026-11-20T12:10:00Z' }));
    api.clock.advance(6);
    expect(await join(api, vm)).toBeDenied(api, 'document_signer_denied');
    api.clock.advance(600);
    expect(await join(api, vm)).toBeAdmitted();
  });

  test('asks nobody for a machine that has one', async () => {
    const { api, vm } = await scene();
    await put(api, denial(api.cloud.signingChain().leaf(vm.location).certificate));
    api.clock.advance(6);
    api.cloud.calls.clear();
    expect(await join(api, vm)).toBeDenied(api, 'document_signer_denied');
    expect(api.cloud.calls.all).toEqual([]);
  });
});
