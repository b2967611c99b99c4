/** Exchanges through a proxy, with a real one and a real TLS server behind it. */
import { describe, expect, test } from 'vitest';
import { type Exchange, ExchangeEnded, exchange } from '../../../shared/http/exchange.ts';
import { startProxy, startTlsServer } from './servers.ts';

const NAME = 'broker.example.com';

const get = (more: Partial<Exchange>): Exchange => ({
  method: 'GET',
  url: `https://${NAME}/v1/trust`,
  timeoutMs: 60_000,
  mostBytes: 1000,
  ...more,
});

const text = async (wanted: Exchange) => Buffer.from((await exchange(wanted)).body).toString();

describe('through a proxy', () => {
  test('TLS is from end to end, and only the proxy gets the password for it', async () => {
    const { port, authorities } = await startTlsServer(NAME);
    const { proxy, asked } = await startProxy(port);
    expect(await text(get({ proxy, authorities, method: 'POST', body: 'x' }))).toBe(
      `POST ${NAME} /v1/trust`,
    );
    expect(asked).toEqual([`CONNECT ${NAME}:443 Basic x`]);
  });

  test('a server of another name or authority is refused', async () => {
    const { port, authorities } = await startTlsServer(NAME);
    const { proxy } = await startProxy(port);
    const other = get({ proxy, authorities, url: 'https://other.example.com/' });
    await expect(exchange(other)).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    await expect(exchange(get({ proxy }))).rejects.toMatchObject({
      code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO/),
    });
  });

  test('http is asked for as a whole', async () => {
    const { proxy, asked } = await startProxy(1);
    expect(await text(get({ proxy, url: 'http://www.example.com/a.crt' }))).toBe('from the proxy');
    expect(asked).toEqual(['GET http://www.example.com/a.crt Basic x']);
  });

  test.each([407, 403, 502])('an answer of %i is told as the proxy’s', async (status) => {
    const { proxy } = await startProxy(1, status);
    await expect(exchange(get({ proxy }))).rejects.toThrow(
      `the proxy 127.0.0.1:${proxy.port} refused the connection (status ${status})`,
    );
  });

  test('one that is not there is told as the proxy', async () => {
    const proxy = { host: '127.0.0.1', port: 1 };
    await expect(exchange(get({ proxy }))).rejects.toThrow(
      "the proxy 127.0.0.1:1 can't be reached (ECONNREFUSED)",
    );
  });

  test('one that is silent is given up in time, and at once on demand', async () => {
    const { proxy } = await startProxy(1, 0);
    await expect(exchange(get({ proxy, timeoutMs: 50 }))).rejects.toThrow(
      new ExchangeEnded('time'),
    );
    const stop = AbortSignal.timeout(50);
    await expect(exchange(get({ proxy, stop }))).rejects.toThrow(new ExchangeEnded('stop'));
  });
});

test('an authority of its own is accepted without a proxy, too', async () => {
  const { port, authorities } = await startTlsServer(NAME);
  const url = `https://127.0.0.1:${port}/`;
  await expect(exchange(get({ url, authorities }))).rejects.toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
});
