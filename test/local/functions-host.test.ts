import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createFunctionsHost, type FunctionsHostOptions } from '../../local/functions-host.ts';
import { builtApp } from './built-app.ts';

async function start(name = 'echo', options: FunctionsHostOptions = {}, routePrefix = '') {
  const lines: string[] = [];
  const folder = await builtApp(name, routePrefix);
  const host = await createFunctionsHost(folder, { log: (line) => lines.push(line), ...options });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= host.close();
    return closed;
  };
  onTestFinished(close);
  return { host, folder, lines, close, url: await host.listen() };
}

describe('what the app is', () => {
  test('lists its functions with routes, methods, schedules and access', async () => {
    const { host } = await start('echo', {}, 'base');
    expect(host.functions).toContainEqual({
      name: 'item',
      trigger: 'http',
      route: 'base/v1/items/{kind}/{name}',
      methods: ['GET', 'PUT'],
      authLevel: 'anonymous',
    });
    expect(host.functions).toContainEqual({
      name: 'tick',
      trigger: 'timer',
      schedule: '0 0 3 * * *',
      runOnStartup: false,
    });
    expect(host.functions).toHaveLength(13);
  });

  test('is refused with its own reason when it throws while it loads', async () => {
    const folder = await builtApp('throws-while-loading');
    await expect(createFunctionsHost(folder)).rejects.toThrow(
      /can't be loaded: JOIN_BROKER_CLUSTER_NAME is missing$/,
    );
  });

  test('is refused when it registers nothing', async () => {
    const folder = await builtApp('registers-nothing');
    await expect(createFunctionsHost(folder)).rejects.toThrow('main.cjs registers no function.');
  });

  test('is refused when it ends itself while it loads', async () => {
    const folder = await builtApp('exits-while-loading');
    await expect(createFunctionsHost(folder)).rejects.toThrow('it ended itself, with exit code 3');
  });

  test('is refused when it was not built', async () => {
    const folder = await builtApp('echo');
    await rm(join(folder, 'dist'), { recursive: true });
    await expect(createFunctionsHost(folder)).rejects.toThrow(
      'main.cjs is missing: build it first',
    );
  });

  test('has the environment that it was given and no other, and modules of its own', async () => {
    const first = await start('echo', { env: { SETTING: 'one' } });
    const second = await start('echo', { env: { SETTING: 'two' } });
    await first.host.runTimer('tick');
    const states = [first, second].map(async ({ url }) => (await fetch(`${url}/state`)).json());
    expect(await Promise.all(states)).toEqual([
      { ticks: 1, env: { SETTING: 'one' } },
      { ticks: 0, env: { SETTING: 'two' } },
    ]);
  });

  test('reads a part that it imports dynamically on first use only', async () => {
    const { url, folder } = await start();
    expect(await (await fetch(`${url}/part`)).text()).toBe('the part answers');

    const without = await start();
    await rm(join(without.folder, 'dist/echo-part.cjs'));
    expect((await fetch(`${without.url}/state`)).status).toBe(200);
    expect((await fetch(`${without.url}/part`)).status).toBe(500);
    expect(folder).not.toBe(without.folder);
  });
});

describe('a request', () => {
  test('reaches its function with method, parameters, query and lower-case headers', async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/v1/items/bot/a%20b%2Fc?page=2&tag=x&tag=y`, {
      method: 'PUT',
      body: Buffer.from([0, 1, 255]),
      headers: { 'X-Custom': 'Value' },
    });
    expect(await answer.json()).toMatchObject({
      method: 'PUT',
      url: `${url}/v1/items/bot/a%20b%2Fc?page=2&tag=x&tag=y`,
      params: { kind: 'bot', name: 'a b%2Fc' },
      query: { page: '2', tag: 'x,y' },
      headers: { 'x-custom': 'Value', 'content-length': '3' },
      body: '0001ff',
    });
  });

  test('goes to the most specific route that has its method', async () => {
    const { url } = await start();
    const get = await fetch(`${url}/v1/items/bot/latest`);
    expect(await get.text()).toBe('latest');
    const put = await fetch(`${url}/v1/items/bot/latest`, { method: 'PUT' });
    expect(await put.json()).toMatchObject({ params: { name: 'latest' } });
    const post = await fetch(`${url}/v1/items/bot/latest`, { method: 'POST' });
    expect(await post.json()).toMatchObject({ params: { path: 'v1/items/bot/latest' } });
  });

  test('gets an empty 404 where no route has its method', async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/bytes`, { method: 'PATCH' });
    expect([answer.status, await answer.text()]).toEqual([404, '']);
  });

  test('gets 401 from a function that wants a key', async () => {
    const { url } = await start();
    expect((await fetch(`${url}/locked`)).status).toBe(401);
  });

  test('arrives without its body when it is sent in chunks', async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/anything`, {
      method: 'POST',
      body: Readable.toWeb(Readable.from([Buffer.from('chunk')])) as ReadableStream,
      duplex: 'half',
    });
    expect(await answer.json()).toMatchObject({
      body: '',
      headers: { 'transfer-encoding': 'chunked' },
    });
  });

  test('gets 413 when its body is larger than the setting allows', async () => {
    const { url } = await start('echo', { env: { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '4' } });
    expect((await fetch(`${url}/x`, { method: 'POST', body: '1234' })).status).toBe(200);
    expect((await fetch(`${url}/x`, { method: 'POST', body: '12345' })).status).toBe(413);
  });

  test('carries its client as the last hop of X-Forwarded-For', async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/x`, { headers: { 'x-forwarded-for': '203.0.113.9' } });
    const { headers } = (await answer.json()) as { headers: Record<string, string> };
    expect(headers['x-forwarded-for']).toMatch(/^203\.0\.113\.9, 127\.0\.0\.1:\d+$/);
  });

  test('gets 400 when its Host is no host', async () => {
    const { url } = await start();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.end('GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n');
    expect(await Readable.from(socket).toArray().then(String)).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('is served while another one waits', async () => {
    const { url } = await start();
    const both = await Promise.all([fetch(`${url}/rendezvous`), fetch(`${url}/rendezvous`)]);
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe('an answer', () => {
  test('has the status, headers, cookies and bytes of the function', async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/bytes`);
    expect(answer.status).toBe(201);
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(answer.headers.get('x-made-by')).toBe('echo');
    expect(answer.headers.get('set-cookie')).toBe('crumb=1; Path=/');
    expect(await answer.bytes()).toEqual(new Uint8Array([0, 255, 128]));
  });

  test('without content has no body', async () => {
    const { url } = await start();
    const answer = await fetch(`${url}/v1/items/bot/a`, { method: 'DELETE' });
    expect([answer.status, answer.headers.get('content-length')]).toEqual([204, null]);
  });

  test('of a function that throws is an empty 500, and the log says why', async () => {
    const { url, lines, close } = await start();
    const answer = await fetch(`${url}/throws`);
    expect([answer.status, await answer.text()]).toEqual([500, '']);
    await close();
    expect(lines.join('\n')).toContain('GET /throws: Error: the handler failed');
  });
});

describe('timers, log and end', () => {
  test('a timer runs when it is told to, with its schedule', async () => {
    const { host, lines, close } = await start();
    await host.runTimer('tick');
    await close();
    expect(lines).toContain('tick, not past due: true, {"adjustForDST":true}');
  });

  test('a timer that fails, or is none, says why', async () => {
    const { host } = await start();
    await expect(host.runTimer('fails')).rejects.toThrow('ENOENT');
    await expect(host.runTimer('bytes')).rejects.toThrow('There is no timer function "bytes".');
  });

  test('with timers on, one that is to run at the start runs', async () => {
    const ran = Promise.withResolvers<string>();
    await start('on-start', { timers: true, log: ran.resolve });
    expect(await ran.promise).toBe('ran at once');
  });

  test('the start, what functions log and the end reach the log', async () => {
    const { url, lines, close } = await start();
    await fetch(`${url}/state`);
    await close();
    expect(lines).toEqual(['the app starts', 'asked for the state', 'the app ends']);
    await expect(fetch(url)).rejects.toThrow();
  });

  test('after a crash every call says what of, the log too, and the host still closes', async () => {
    const { url, host, lines, close } = await start();
    await expect(fetch(`${url}/crash`)).rejects.toThrow();
    await expect(host.runTimer('tick')).rejects.toThrow('crashed on purpose');
    await close();
    expect(lines.join('\n')).toContain('The function app crashed: Error: crashed on purpose');
  });

  test('a port that is taken is an error', async () => {
    const { url, host } = await start();
    const port = Number(new URL(url).port);
    const second = await start();
    await second.close();
    await expect(host.listen(port)).rejects.toThrow();
  });
});
