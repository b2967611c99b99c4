/** SPIFFE: SVIDs and the bundle, against the standards' points one by one, and as go-spiffe reads them. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { KEY_USAGE, parseCertificate } from '../../shared/encoding/certificate.ts';
import { OID } from '../../shared/encoding/oids.ts';
import { decodePem } from '../../shared/encoding/pem.ts';
import { type SpiffeBundle, spiffeBundle } from '../../shared/protocol/spiffe-bundle.ts';
import type { TrustBundle } from '../../shared/protocol/trust.ts';
import { HOST, hostScene } from '../broker/host-scene.ts';
import { type Attempt, chainOf, join, joined } from '../broker/joiner.ts';
import { createClock, createTestBroker, type TestBroker } from '../broker/test-broker.ts';
import { askPeer, hasPeers } from '../peers/peers.ts';

const CLUSTER = 'test.example.org';
const DAY = 24 * 3600;

/** A bot and a host that joined just now, by the real clock: go-spiffe's handshakes have no other. */
async function joiners() {
  const { api, vm, machine } = await hostScene(undefined, { clock: createClock(new Date()) });
  return { api, bot: await join(api, vm), host: await join(api, machine('web'), HOST) };
}
const { api, bot, host } = await joiners();
const trustOf = async (of: TestBroker): Promise<TrustBundle> =>
  (await of.request('GET', '/v1/trust')).body as TrustBundle;
const bundleOf = async (of: TestBroker): Promise<SpiffeBundle> =>
  (await of.request('GET', '/v1/trust/spiffe')).body as SpiffeBundle;

describe.each([
  ['bot', bot, /^\/bot\/example\/[0-9a-f-]{36}$/],
  ['host', host, /^\/host\/Node\/[0-9a-f-]{36}$/],
] as const)('the leaf of a %s, by X509-SVID', (_, attempt, path) => {
  const der = Buffer.from(chainOf(attempt)[0] ?? '');
  const leaf = parseCertificate(der);
  const { extensions } = leaf;
  /** Whether DER has this extension marked as critical: its OID, then TRUE. */
  const isCritical = (oid: string): boolean => der.includes(`0603${oid}0101ff`, 0, 'hex');

  test('section 2: exactly one URI', () => {
    expect(extensions.uris).toHaveLength(1);
  });

  test('SPIFFE-ID: scheme, trust domain, a path of whole segments, at most 2,048 bytes', () => {
    const [uri = ''] = extensions.uris;
    const [, domain, rest = ''] = /^spiffe:\/\/([a-z0-9._-]{1,255})(\/.+)$/.exec(uri) ?? [];
    expect(domain).toBe(CLUSTER);
    expect(rest).toMatch(path);
    for (const segment of rest.slice(1).split('/')) {
      expect(segment).toMatch(/^[A-Za-z0-9._-]+$/);
      expect(segment).not.toMatch(/^\.{1,2}$/);
    }
    expect(uri.length).toBeLessThanOrEqual(2048);
  });

  test('section 3.1: its subject is empty only where its names are critical', () => {
    const empty = Buffer.from(leaf.subject).toString('hex') === '3000';
    expect(isCritical('551d11')).toBe(empty);
  });

  test('section 4.1: it is no authority', () => {
    expect(extensions.basicConstraints).toEqual({ ca: false });
  });

  test('section 4.3: its key usage is critical, and digitalSignature alone', () => {
    expect(isCritical('551d0f')).toBe(true);
    expect(extensions.keyUsage?.map((set, bit) => (set ? bit : '')).join('')).toBe(
      String(KEY_USAGE.digitalSignature),
    );
  });

  test('section 4.4: its extended key usage is both ends of a connection', () => {
    expect(extensions.extendedKeyUsage).toEqual([OID.serverAuth, OID.clientAuth]);
  });
});

describe('what signs SVIDs, by X509-SVID', () => {
  const signers = async () => {
    const [, issuing] = chainOf(bot);
    const [root] = decodePem('CERTIFICATE', (await trustOf(api)).tls.roots) ?? [];
    return [issuing, root].map((der) => parseCertificate(der ?? Buffer.of()).extensions);
  };

  test('sections 3.2, 4.1, 4.3: authorities that sign certificates', async () => {
    for (const { basicConstraints, keyUsage } of await signers()) {
      expect(basicConstraints?.ca).toBe(true);
      expect(keyUsage?.[KEY_USAGE.keyCertSign]).toBe(true);
    }
  });

  test('section 3.2: the root is an SVID of the trust domain, without a path', async () => {
    expect((await signers())[1]?.uris).toEqual([`spiffe://${CLUSTER}`]);
  });

  test('appendix A: what is an SVID itself signs nothing but certificates and their lists', async () => {
    for (const { uris, keyUsage } of await signers())
      expect(uris.length > 0 && keyUsage?.[KEY_USAGE.digitalSignature] === true).toBe(false);
  });
});

describe('GET /v1/trust/spiffe', () => {
  test('is JSON that may be cached, and asked for by its ETag', async () => {
    const answer = await api.request('GET', '/v1/trust/spiffe');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    const etag = answer.headers.get('etag') ?? '';
    const headers = { 'if-none-match': etag };
    expect((await api.request('GET', '/v1/trust/spiffe', { headers })).status).toBe(304);
    const other = await api.another().request('GET', '/v1/trust/spiffe');
    expect(other.headers.get('etag')).toBe(etag);
  });

  test('sections 4 and 6.1: each key is for SVIDs, has no id, and one self-signed certificate', async () => {
    const bundle = await bundleOf(api);
    expect(spiffeBundle.parse(bundle)).toEqual(bundle);
    expect(bundle.keys).toHaveLength(1);
    for (const { x5c, use, ...key } of bundle.keys) {
      expect(use).toBe('x509-svid');
      const root = new X509Certificate(Buffer.from(x5c[0] ?? '', 'base64'));
      expect(root.verify(root.publicKey)).toBe(true);
      expect(key).toEqual(root.publicKey.export({ format: 'jwk' }));
    }
  });

  test('its certificates are the roots of the trust bundle', async () => {
    const roots = decodePem('CERTIFICATE', (await trustOf(api)).tls.roots) ?? [];
    expect((await bundleOf(api)).keys.map(({ x5c }) => x5c[0])).toEqual(
      roots.map((der) => Buffer.from(der).toString('base64')),
    );
  });

  test('section 4.1: its sequence number is an integer that never falls; its hint is when to ask again', async () => {
    const broker = createTestBroker();
    let last = 0;
    for (let day = 0; day < 40; day += 1) {
      const { spiffe_sequence, spiffe_refresh_hint } = await bundleOf(broker);
      expect(spiffe_sequence).toBe((await trustOf(broker)).version);
      expect(spiffe_sequence).toBeGreaterThanOrEqual(last);
      expect(spiffe_refresh_hint).toBe(3600);
      last = spiffe_sequence;
      broker.clock.advance(DAY);
      await broker.broker.rotateKeys({ requestId: 'timer' });
    }
  });
});

describe.skipIf(!hasPeers)('go-spiffe', () => {
  const identityOf = (attempt: Attempt, key: KeyObject = attempt.key) => ({
    certificates: joined(attempt).certificates[0]?.tls ?? '',
    key: String(key.export({ format: 'pem', type: 'pkcs8' })),
  });
  const uriOf = (attempt: Attempt): string =>
    parseCertificate(chainOf(attempt)[0] ?? Buffer.of()).extensions.uris[0] ?? '';
  const ask = async (of: TestBroker, identities: readonly object[], trustDomain = CLUSTER) =>
    askPeer('spiffe', {
      trust_domain: trustDomain,
      bundle: JSON.stringify(await bundleOf(of)),
      identities,
    });

  test('reads the bundle, verifies both, and lets a bot and a host meet over mutual TLS', async () => {
    expect(await ask(api, [identityOf(host), identityOf(bot)])).toEqual({
      x509_authorities: 1,
      jwt_authorities: 0,
      sequence: (await trustOf(api)).version,
      refresh_hint: 3600,
      ids: [uriOf(host), uriOf(bot)],
      server_saw: uriOf(bot),
      client_saw: uriOf(host),
    });
  });

  test('refuses the same SVIDs with the bundle of another broker', async () => {
    const another = createTestBroker({ clock: api.clock });
    await expect(ask(another, [identityOf(bot)])).rejects.toThrow(
      'could not verify leaf certificate',
    );
  });

  test('refuses them in another trust domain', async () => {
    await expect(ask(api, [identityOf(bot)], 'other.example.org')).rejects.toThrow(
      `no X.509 bundle for trust domain "${CLUSTER}"`,
    );
  });
});
