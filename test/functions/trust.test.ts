import { createHash, X509Certificate } from 'node:crypto';
import { compactVerify, decodeProtectedHeader } from 'jose';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { decodePem } from '../../shared/encoding/pem.ts';
import { type TrustBundle, trustBundle, trustPayload } from '../../shared/protocol/trust.ts';
import { createScene } from '../broker/fixtures.ts';
import { join, joined } from '../broker/joiner.ts';
import { createTestBroker, type TestBroker } from '../broker/test-broker.ts';

const DAY = 24 * 3600;

const bundleOf = async (api: TestBroker): Promise<TrustBundle> =>
  (await api.request('GET', '/v1/trust')).body as TrustBundle;

const x5cOf = ({ signature }: TrustBundle): X509Certificate[] =>
  (decodeProtectedHeader(signature).x5c ?? []).map(
    (text) => new X509Certificate(Buffer.from(text, 'base64')),
  );

const pinOf = ({ publicKey }: X509Certificate): string => {
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
};

/** Verifies the detached signature with the key of the first certificate in its header. */
const verify = (bundle: TrustBundle, payload: Uint8Array) => {
  const [header, empty, signature] = bundle.signature.split('.');
  if (empty !== '') throw new Error('not detached');
  const [signer] = x5cOf(bundle);
  if (!signer) throw new Error('no certificate');
  const jws = `${header}.${Buffer.from(payload).toString('base64url')}.${signature}`;
  return compactVerify(jws, signer.publicKey, { algorithms: ['ES256'] });
};

describe('GET /v1/trust', () => {
  test('answers a bundle as the protocol has it', async () => {
    const api = createTestBroker();
    const answer = await api.request('GET', '/v1/trust');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
    const bundle = answer.body as TrustBundle;
    expect(trustBundle.parse(bundle)).toEqual(bundle);
    expect(bundle).toMatchObject({
      cluster: 'test.example.org',
      expires: '2026-11-27T12:00:00Z',
      refresh_after: '2026-11-20T13:00:00Z',
    });
  });

  test('is signed by the issuing key, whose chain in x5c ends in a root of the bundle', async () => {
    const bundle = await bundleOf(createTestBroker());
    await expect(verify(bundle, trustPayload(bundle))).resolves.toBeDefined();
    const [signer, root, ...more] = x5cOf(bundle);
    expect(more).toEqual([]);
    expect(root && signer?.verify(root.publicKey)).toBe(true);
    expect(root && signer?.checkIssued(root)).toBe(true);
    expect(root?.verify(root.publicKey)).toBe(true);
    const roots = decodePem('CERTIFICATE', bundle.tls.roots) ?? [];
    expect(roots.map((der) => new X509Certificate(der).fingerprint256)).toContain(
      root?.fingerprint256,
    );
  });

  test("its CA pins are the SHA-256 of the roots' public keys", async () => {
    const bundle = await bundleOf(createTestBroker());
    const roots = decodePem('CERTIFICATE', bundle.tls.roots) ?? [];
    expect(bundle.ca_pins).toEqual(roots.map((der) => pinOf(new X509Certificate(der))));
    expect(bundle.ca_pins).toContain(pinOf(x5cOf(bundle)[1] as X509Certificate));
  });

  test.each([
    ['another cluster', (bundle: TrustBundle) => ({ ...bundle, cluster: 'evil.example' })],
    ['a CA pin less', (bundle: TrustBundle) => ({ ...bundle, ca_pins: [] })],
    ['a later expiry', (bundle: TrustBundle) => ({ ...bundle, expires: '2036-11-27T12:00:00Z' })],
    [
      'one more SSH authority',
      ({ ssh, ...bundle }: TrustBundle) => ({
        ...bundle,
        ssh: { ...ssh, user_ca: [...ssh.user_ca, 'x'] },
      }),
    ],
  ])('its signature does not hold with %s', async (_, change) => {
    const bundle = await bundleOf(createTestBroker());
    const changed = change(bundle) as TrustBundle;
    await expect(verify(bundle, trustPayload(changed))).rejects.toThrow('signature');
  });

  test('verifies the certificates that joiners get, which bring the same bundle', async () => {
    const { api, vm } = await createScene();
    const answer = joined(await join(api, vm));
    const bundle = await bundleOf(api);
    expect(answer.trust).toEqual(bundle);
    const [leaf, issuing] = (decodePem('CERTIFICATE', answer.certificates[0]?.tls ?? '') ?? []).map(
      (der) => new X509Certificate(der),
    );
    const root = x5cOf(bundle)[1];
    expect(issuing && leaf?.verify(issuing.publicKey)).toBe(true);
    expect(root && issuing?.verify(root.publicKey)).toBe(true);
  });

  test('is the same for every function instance, but for its times and signature', async () => {
    const api = createTestBroker();
    const { signature: _, ...bundle } = await bundleOf(api);
    const { signature: __, ...other } = await bundleOf(api.another());
    expect(other).toEqual(bundle);
  });

  test('a new issuing key changes nothing that anybody has to learn of', async () => {
    const api = createTestBroker();
    const before = await bundleOf(api);
    api.clock.advance(7 * DAY);
    await api.broker.rotateKeys({ requestId: 'timer' });
    api.clock.advance(3 * DAY);
    const after = await bundleOf(api);
    expect(after.ca_pins).toEqual(before.ca_pins);
    expect(after.tls).toEqual(before.tls);
    expect(after.ssh).toEqual(before.ssh);
    expect(x5cOf(after)[0]?.serialNumber).not.toBe(x5cOf(before)[0]?.serialNumber);
  });

  test('its version grows when an SSH authority comes, and when one goes', async () => {
    const api = createTestBroker();
    const seen: [number, number][] = [];
    for (let day = 0; day <= 40; day += 1) {
      const { version, ssh } = await bundleOf(api);
      seen.push([version, ssh.user_ca.length]);
      api.clock.advance(DAY);
      await api.broker.rotateKeys({ requestId: 'timer' });
    }
    const steps = seen.slice(1).map(([version, count], i) => {
      const [before, had] = seen[i] ?? [0, 0];
      expect(version).toBeGreaterThanOrEqual(before);
      if (count !== had) expect(version).toBeGreaterThan(before);
      return count - had;
    });
    expect(steps.filter((step) => step !== 0)).toEqual([1, -1]);
  });

  test('holds no private key', async () => {
    const { body } = await createTestBroker().request('GET', '/v1/trust');
    expect(JSON.stringify(body)).not.toContain('PRIVATE');
  });
});

const etagOf = async (api: TestBroker, path = '/v1/trust'): Promise<string> =>
  (await api.request('GET', path)).headers.get('etag') ?? '';

describe('the ETag of GET /v1/trust', () => {
  test('is weak: bundles that have it differ in times and signature', async () => {
    expect(await etagOf(createTestBroker())).toMatch(/^W\/"[\w-]{43}"$/);
  });

  test('is the same for every function instance, and all day', async () => {
    const api = createTestBroker();
    const etag = await etagOf(api);
    expect(await etagOf(api.another())).toBe(etag);
    for (const seconds of [301, 3600, 8 * 3600]) {
      api.clock.advance(seconds);
      expect(await etagOf(api)).toBe(etag);
    }
  });

  test('is another one each day, so that nobody keeps a bundle until it expires', async () => {
    const api = createTestBroker();
    const etag = await etagOf(api);
    const { expires } = await bundleOf(api);
    api.clock.advance(DAY);
    expect(await etagOf(api)).not.toBe(etag);
    expect(Date.parse(expires) - api.clock.now().getTime()).toBeGreaterThan(5 * DAY * 1000);
  });

  test('is another one with a new issuing key', async () => {
    const api = createTestBroker();
    await bundleOf(api);
    api.clock.advance(7 * DAY);
    await api.broker.rotateKeys({ requestId: 'timer' });
    api.clock.advance(3 * DAY - 1000);
    const etag = await etagOf(api);
    api.clock.advance(2000);
    expect(await etagOf(api)).not.toBe(etag);
  });
});

describe.each(['/v1/trust', '/v1/trust/tls.pem'])('GET %s with If-None-Match', (path) => {
  const ask = (api: TestBroker, tags: string) =>
    api.request('GET', path, { headers: { 'if-none-match': tags } });

  test.each([
    ['the ETag of now', (tag: string) => tag],
    ['the same tag as a weak one', (tag: string) => `W/${tag.replace(/^W\//, '')}`],
    ['the same tag as a strong one', (tag: string) => tag.replace(/^W\//, '')],
    ['a list of tags', (tag: string) => `"other", W/"a",${tag} , "b"`],
    ['an asterisk', () => '*'],
  ])('%s: 304 without a body', async (_, tags) => {
    const api = createTestBroker();
    const etag = await etagOf(api, path);
    const answer = await ask(api, tags(etag));
    expect(answer.status).toBe(304);
    expect(answer.body).toBe('');
    expect(answer.headers.get('etag')).toBe(etag);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
  });

  test.each(['"other"', 'W/"other"', '', 'W/', '"*"'])('%j: 200 and the bundle', async (tags) => {
    const api = createTestBroker();
    const answer = await ask(api, tags);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).toBe(await etagOf(api, path));
  });
});

test.each(['/v1/trust', '/v1/trust/tls.pem', '/v1/webapi/ping', '/healthz', '/readyz'])(
  'HEAD %s is answered as GET is, by the same function',
  async (path) => {
    const api = createTestBroker();
    const [get, head] = [await api.request('GET', path), await api.request('HEAD', path)];
    expect(head.status).toBe(get.status);
    for (const name of ['etag', 'content-type', 'cache-control'])
      expect(head.headers.get(name)).toBe(get.headers.get(name));
  },
);

test('HEAD of a resource needs the same right as GET', async () => {
  const answer = await createTestBroker().request('HEAD', '/v1/resources/token/x');
  expect(answer).toBeProblem('unauthenticated');
});

describe('the plain form', () => {
  const plain = async (api: TestBroker, form: string) => {
    const { status, headers, body } = await api.request('GET', `/v1/trust/${form}`);
    expect(status).toBe(200);
    return { type: headers.get('content-type'), text: String(body) };
  };

  test('tls.pem holds the roots', async () => {
    const api = createTestBroker();
    expect(await plain(api, 'tls.pem')).toEqual({
      type: 'application/x-pem-file',
      text: (await bundleOf(api)).tls.roots,
    });
  });

  test.each([
    ['ssh-user-ca.pub', 'user_ca'],
    ['ssh-host-ca.pub', 'host_ca'],
  ] as const)('%s holds one authority on each line', async (form, list) => {
    const api = createTestBroker();
    const { type, text } = await plain(api, form);
    expect(type).toBe('text/plain');
    expect(text.endsWith('\n')).toBe(true);
    expect(text.trimEnd().split('\n')).toEqual((await bundleOf(api)).ssh[list]);
  });
});

test.each(['ping', 'find'])('GET /v1/webapi/%s says what a tool must know', async (name) => {
  const api = createTestBroker();
  const { status, body } = await api.request('GET', `/v1/webapi/${name}`);
  expect(status).toBe(200);
  expect(body).toEqual({
    server_version: expect.any(String),
    cluster_name: 'test.example.org',
    cloud: 'Simulated',
    ca_pins: (await bundleOf(api)).ca_pins,
    audiences: ['https://management.azure.com', 'https://management.azure.com/'],
    operators: { tenant: api.tenant.id, client_id: api.tenant.operators[0]?.application.clientId },
  });
});
