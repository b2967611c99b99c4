import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { nodeFetch } from '../../../admin/node-fetch.ts';
import { signInWithEntra } from '../../../admin/sign-in/entra.ts';
import { sendByEnvironment } from '../../../agent/network-http.ts';
import { systemAuthorities } from '../../../shared/http/system-authorities.ts';
import { startProxy, startTlsServer } from './servers.ts';

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'store-'));
  onTestFinished(() => rm(made, { recursive: true }));
  return made;
}

const certificate = (name: string) =>
  `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;

async function stores(...names: readonly string[]): Promise<string[]> {
  const at = await folder();
  return Promise.all(
    names.map(async (name) => {
      await writeFile(join(at, name), certificate(name));
      return join(at, name);
    }),
  );
}

test('the first store that there is counts', async () => {
  const [first = '', second = ''] = await stores('first', 'second');
  expect(systemAuthorities({}, ['/nowhere', first, second])).toEqual([certificate('first')]);
});

test('a file without a certificate is no store', async () => {
  const [store = ''] = await stores('store');
  const empty = join(await folder(), 'empty');
  await writeFile(empty, '');
  expect(systemAuthorities({}, [empty, store])).toEqual([certificate('store')]);
});

test('without a store, the list of Node.js does', () => {
  expect(systemAuthorities({}, ['/nowhere'])).toBeUndefined();
});

test('SSL_CERT_FILE stands in for the store, NODE_EXTRA_CA_CERTS beside it', async () => {
  const [store = '', other = '', extra = ''] = await stores('store', 'other', 'extra');
  expect(systemAuthorities({ SSL_CERT_FILE: other }, [store])).toEqual([certificate('other')]);
  expect(systemAuthorities({ NODE_EXTRA_CA_CERTS: extra }, [store])).toEqual([
    certificate('store'),
    certificate('extra'),
  ]);
});

test.each(['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])('%s must name certificates', async (name) => {
  const [store = ''] = await stores('store');
  expect(() => systemAuthorities({ [name]: '/nowhere' }, [store])).toThrow(
    `${name} names a file in which no certificate can be read`,
  );
});

/** A server behind a proxy, both for this test alone; its authority is in a file that the environment names. */
async function serverOf(name: string) {
  const { port, authorities } = await startTlsServer(name);
  const { proxy, asked } = await startProxy(port);
  const store = join(await folder(), 'store.pem');
  await writeFile(store, authorities.join(''));
  const env = { HTTPS_PROXY: `http://${proxy.host}:${proxy.port}`, SSL_CERT_FILE: store };
  return { env, asked };
}

const LIMITS = { timeoutMs: 10_000, mostBytes: 1000 };
const NAME = 'broker.example.com';

test.each([
  ['believe', true],
  ["don't believe", false],
] as const)('joinctl and joinbot %s a server by the store', async (_, isKnown) => {
  const { env } = await serverOf(NAME);
  const used = isKnown ? env : { ...env, SSL_CERT_FILE: undefined };
  for (const [variable, value] of Object.entries(used)) vi.stubEnv(variable, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const url = `https://${NAME}/v1/trust`;
  const asOperator = nodeFetch(url, { method: 'GET', headers: {}, ...LIMITS });
  const asAgent = sendByEnvironment(used)({
    method: 'GET',
    url,
    stop: new AbortController().signal,
    ...LIMITS,
  });
  const statuses = await Promise.allSettled([asOperator, asAgent]);
  expect(statuses.map(({ status }) => status)).toEqual(
    isKnown ? ['fulfilled', 'fulfilled'] : ['rejected', 'rejected'],
  );
});

test('an agent holds on to the authorities that a request names', async () => {
  const { env } = await serverOf(NAME);
  const sent = sendByEnvironment(env)({
    method: 'GET',
    url: `https://${NAME}/`,
    authorities: [(await startTlsServer(NAME)).authorities.join('')],
    stop: new AbortController().signal,
    ...LIMITS,
  });
  await expect(sent).rejects.toThrow('its TLS certificate is not accepted');
});

test('signing in at Entra ID believes the store, too', async () => {
  const { env, asked } = await serverOf('login.microsoftonline.com');
  const identity = {
    AZURE_TENANT_ID: 'tenant.example',
    AZURE_CLIENT_ID: 'a',
    AZURE_CLIENT_SECRET: 'b',
  };
  for (const [variable, value] of Object.entries({ ...env, ...identity }))
    vi.stubEnv(variable, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const outcome = await signInWithEntra({
    cloud: 'AzurePublic',
    tenant: 'tenant.example',
    clientId: 'c',
    method: 'default',
    say: () => {},
  });
  // The server says nothing that a directory would say; that it was asked is what counts.
  expect(outcome.ok).toBe(false);
  expect(asked[0]).toMatch(/^CONNECT login\.microsoftonline\.com:443/);
  expect(JSON.stringify(outcome)).not.toMatch(/certificate|UNABLE_TO/i);
});
