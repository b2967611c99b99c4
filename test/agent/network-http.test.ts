/** Whether the environment has a say in how a request travels, and whose certificate is believed. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sendByEnvironment, sendDirectly } from '../../agent/network-http.ts';
import { startProxy, startTlsServer } from '../shared/http/servers.ts';
import { temporaryFolder } from './folder.ts';

const NAME = 'broker.example.com';
const LIMITS = { timeoutMs: 10_000, mostBytes: 1000, stop: new AbortController().signal };
const get = (url: string, authorities?: readonly string[]) =>
  ({ method: 'GET', url, ...(authorities && { authorities }), ...LIMITS }) as const;

/** An environment that names a proxy for everything to this port, and a store of certificates. */
async function environment(port: number, certificates: readonly string[]) {
  const { proxy, asked } = await startProxy(port);
  const store = join(await temporaryFolder(), 'store.pem');
  await writeFile(store, certificates.join(''));
  const at = `http://${proxy.host}:${proxy.port}`;
  return { env: { HTTPS_PROXY: at, HTTP_PROXY: at, http_proxy: at, SSL_CERT_FILE: store }, asked };
}

describe('by the environment', () => {
  test('a request goes through its proxy, and its store says whom to believe', async () => {
    const { port, authorities } = await startTlsServer(NAME);
    const { env, asked } = await environment(port, authorities);
    const { status, body } = await sendByEnvironment(env)(get(`https://${NAME}/v1/trust`));
    expect([status, Buffer.from(body).toString()]).toEqual([200, `GET ${NAME} /v1/trust`]);
    expect(asked).toEqual([`CONNECT ${NAME}:443 `]);
  });

  test('authorities that the request names are believed instead, and alone', async () => {
    const { port, authorities } = await startTlsServer(NAME);
    const stranger = await startTlsServer(NAME);
    const knowing = await environment(port, authorities);
    await expect(
      sendByEnvironment(knowing.env)(get(`https://${NAME}/`, stranger.authorities)),
    ).rejects.toThrow('its TLS certificate is not accepted');
    const ignorant = await environment(port, stranger.authorities);
    const answer = await sendByEnvironment(ignorant.env)(get(`https://${NAME}/`, authorities));
    expect(answer.status).toBe(200);
  });

  test('what is not https is believed without a look at the store', async () => {
    const { env } = await environment(0, []);
    const broken = { ...env, SSL_CERT_FILE: '/nowhere' };
    const { body } = await sendByEnvironment(broken)(get(`http://${NAME}/`));
    expect(Buffer.from(body).toString()).toBe('from the proxy');
    await expect(sendByEnvironment(broken)(get(`https://${NAME}/`))).rejects.toThrow(
      'SSL_CERT_FILE names a file in which no certificate can be read',
    );
  });
});

test('a request that goes directly knows no proxy and no store', async () => {
  const { port } = await startTlsServer(NAME);
  const url = `https://127.0.0.1:${port}/`;
  await expect(sendDirectly(get(url))).rejects.toMatchObject({ untrusted: true });
});
