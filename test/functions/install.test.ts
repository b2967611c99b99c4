/** The install script and the tools, as the handlers answer them from what the build made. */
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpRequest, type InvocationContext } from '@azure/functions';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Endpoint, handlerOf } from '../../functions/endpoint.ts';
import { installScript } from '../../functions/install-script.ts';
import { type Installation, openInstallation } from '../../functions/installation.ts';
import { tool } from '../../functions/tools.ts';
import { createTestBroker } from '../broker/test-broker.ts';
import { ROOT } from '../scenarios/scenario.ts';

const BUILT = join(ROOT, 'dist/functions/install');
const built = (name: string): Promise<string> => readFile(join(BUILT, name), 'utf8');

interface Ask {
  readonly folder?: string;
  readonly headers?: Record<string, string>;
  readonly publicUrl?: string;
  /** In the place of one that is opened for this request. */
  readonly installation?: Installation;
}

async function ask(path: string, options: Ask = {}) {
  const { folder = BUILT, headers = {}, publicUrl } = options;
  const { installation = openInstallation(() => folder) } = options;
  const name = path.replace('/scripts/', '');
  const endpoint: Endpoint =
    name === 'install.sh' ? installScript(installation) : tool(installation);
  const { broker } = createTestBroker({
    settings: publicUrl === undefined ? {} : { JOIN_BROKER_PUBLIC_URL: publicUrl },
  });
  const request = new HttpRequest({
    method: 'GET',
    url: `https://broker.example.org${path}`,
    params: { tool: name },
    headers: { host: 'join.example.org', ...headers },
  });
  const log: string[] = [];
  const say = (line: string): void => void log.push(line);
  const context = { log: say, warn: say, error: say } as unknown as InvocationContext;
  const response = await handlerOf(endpoint, () => Promise.resolve(broker))(request, context);
  return {
    status: response.status,
    headers: new Headers(response.headers as Record<string, string>),
    text: String(response.body ?? ''),
    log: log.join('\n'),
  };
}

/** A copy of what was built, to be damaged. */
async function copied(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'installation-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(BUILT, folder, { recursive: true });
  return folder;
}

const brokerIn = (script: string) => /^broker='(.*)'$/m.exec(script)?.[1];

describe('GET /scripts/install.sh', () => {
  test('has every placeholder filled in, and is kept by no cache', async () => {
    const { status, headers, text } = await ask('/scripts/install.sh');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/x-shellscript; charset=utf-8');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(text).not.toMatch(/@[A-Z0-9_]+@/);
    const { version, sha256 } = JSON.parse(await built('tools.json'));
    expect(text).toContain(`\nversion='${version}'\n`);
    expect(text).toContain(`\njoinbot_sha256='${sha256['joinbot.cjs']}'\n`);
    expect(text).toContain(`\njoinctl_sha256='${sha256['joinctl.cjs']}'\n`);
  });

  test.each([
    ['join.example.org', 'https://join.example.org'],
    ['join.example.org:443', 'https://join.example.org'],
    ['JOIN.example.org:8443', 'https://join.example.org:8443'],
    ['join-1.azurewebsites.net', 'https://join-1.azurewebsites.net'],
    ['192.0.2.7', 'https://192.0.2.7'],
    ['127.0.0.1:7071', 'http://127.0.0.1:7071'],
    ['127.0.0.1:443', 'http://127.0.0.1:443'],
    ['localhost:7071', 'http://localhost:7071'],
    ['[::1]:7071', 'http://[::1]:7071'],
    ['localhost.example.org', 'https://localhost.example.org'],
  ])('asked for at %s, it is for %s', async (host, broker) => {
    const { status, text } = await ask('/scripts/install.sh', { headers: { host } });
    expect(status).toBe(200);
    expect(brokerIn(text)).toBe(broker);
  });

  test.each([
    '',
    "join.example.org'; touch /tmp/x; '",
    'join.example.org$(id)',
    'join.example.org`id`',
    'join.example.org\\',
    'join.example.org/path',
    'user@join.example.org',
    'join.example.org:',
    'join.example.org:0',
    'join.example.org:65536',
    'join.example.org:8 443',
    'join..example.org',
    '-join.example.org',
    'join_1.example.org',
    'join.example.org.',
    'join.example.org#',
    'jöin.example.org',
    '@VERSION@',
    '[::2]',
    '[fe80::1%25eth0]',
    '999.1.1.1',
    `${'a'.repeat(64)}.example.org`,
    `${'a.'.repeat(200)}org`,
  ])('asked for with the Host %j: 400, and no script', async (host) => {
    const { status, text } = await ask('/scripts/install.sh', { headers: { host } });
    expect(status).toBe(400);
    expect(text).not.toContain('#!');
  });

  test('is for the address of the settings, whatever the Host header says', async () => {
    const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example' };
    const publicUrl = 'https://join.example.org:8443';
    const { text } = await ask('/scripts/install.sh', { headers, publicUrl });
    expect(brokerIn(text)).toBe(publicUrl);
  });

  test.each(["https://a'b.example.org", 'https://a$b.example.org', 'https://a;b.example.org'])(
    'is for no address of the settings that could be more than an address: %s',
    async (publicUrl) => {
      const { status, text } = await ask('/scripts/install.sh', { publicUrl });
      expect(status).toBe(503);
      expect(text).toContain('JOIN_BROKER_PUBLIC_URL');
      expect(text).not.toContain('#!');
    },
  );
});

describe.each(['joinbot.cjs', 'joinctl.cjs'] as const)('GET /scripts/%s', (name) => {
  const path = `/scripts/${name}`;

  test('answers the very file that was built', async () => {
    const { status, headers, text } = await ask(path);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(headers.get('cache-control')).toBe('public, max-age=300');
    expect(text === (await built(name))).toBe(true);
    const sha256 = createHash('sha256').update(text).digest('hex');
    expect(headers.get('etag')).toBe(`"${sha256}"`);
  });

  test('is not sent again to whoever has it', async () => {
    const etag = (await ask(path)).headers.get('etag') ?? '';
    const again = await ask(path, { headers: { 'if-none-match': `"other", ${etag}` } });
    expect({ status: again.status, text: again.text }).toEqual({ status: 304, text: '' });
    expect(again.headers.get('etag')).toBe(etag);
    expect((await ask(path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });
});

test.each(['install.sh~', 'tools.json', '..', '../main.cjs', 'entra.cjs', 'joinbot', '__proto__'])(
  'GET /scripts/%s: 404, and the answer says what there is',
  async (name) => {
    const { status, text } = await ask(`/scripts/${name}`);
    expect(status).toBe(404);
    expect(text).toContain('expected one of install.sh, joinbot.cjs, joinctl.cjs');
  },
);

describe('a tool', () => {
  /** Counts what is read of it. */
  async function watched() {
    const folder = await copied();
    let reads = 0;
    let fails = false;
    const installation = openInstallation(() => folder, {
      stat,
      readFile(path) {
        if (path.endsWith('joinbot.cjs')) reads += 1;
        return fails ? Promise.reject(new Error('too many open files')) : readFile(path);
      },
    });
    const get = async (headers = {}) =>
      (await ask('/scripts/joinbot.cjs', { installation, headers })).status;
    const fail = (on: boolean): void => {
      fails = on;
    };
    return { folder, get, reads: () => reads, fail };
  }
  const tag = async () => `"${JSON.parse(await built('tools.json')).sha256['joinbot.cjs']}"`;

  test('is read once, also for twenty at once', async () => {
    const { get, reads } = await watched();
    const known = { 'if-none-match': await tag() };
    const all = await Promise.all([known, {}].flatMap((one) => Array(10).fill(one)).map(get));
    expect(all).toEqual([...Array(10).fill(304), ...Array(10).fill(200)]);
    expect(await get()).toBe(200);
    expect(reads()).toBe(1);
  });

  test.each(['joinbot.cjs', 'tools.json'])('is looked at again when %s changes', async (name) => {
    const { folder, get } = await watched();
    expect(await get()).toBe(200);
    const was = await readFile(join(folder, name));
    await writeFile(join(folder, name), 'another');
    expect(await get({ 'if-none-match': await tag() })).toBe(503);
    await writeFile(join(folder, name), was);
    expect(await get()).toBe(200);
  });

  test('that can not be read for a moment is read again', async () => {
    const { get, fail } = await watched();
    fail(true);
    expect(await get()).toBe(503);
    fail(false);
    expect(await get()).toBe(200);
  });

  test('that is damaged is not read again and again', async () => {
    const { folder, get, reads } = await watched();
    await writeFile(join(folder, 'joinbot.cjs'), 'another');
    for (let i = 0; i < 5; i += 1) expect(await get()).toBe(503);
    expect(reads()).toBe(1);
  });
});

describe('what was deployed incompletely is 503, and the answer says what is wrong:', () => {
  test.each([
    ['joinbot.cjs', '/scripts/joinbot.cjs'],
    ['tools.json', '/scripts/joinbot.cjs'],
    ['tools.json', '/scripts/install.sh'],
    ['install.sh', '/scripts/install.sh'],
  ])('without %s, %s', async (name, path) => {
    const folder = await copied();
    await rm(join(folder, name));
    const { status, headers, text, log } = await ask(path, { folder });
    expect(status).toBe(503);
    expect(headers.get('retry-after')).toBe('300');
    expect(text).toContain(`${name} is missing in what was deployed`);
    expect(text).not.toContain(folder);
    expect(log).toContain('ENOENT');
  });

  test.each([
    ['joinbot.cjs', '/scripts/joinbot.cjs'],
    ['tools.json', '/scripts/joinctl.cjs'],
    ['tools.json', '/scripts/install.sh'],
  ])('with another %s, %s', async (name, path) => {
    const folder = await copied();
    await writeFile(join(folder, name), '{"version": "1; id"}');
    const { status, text } = await ask(path, { folder });
    expect(status).toBe(503);
    expect(text).toContain(`${name} is damaged`);
  });

  test('a script with a placeholder that nobody fills in is not sent', async () => {
    const folder = await copied();
    await writeFile(join(folder, 'install.sh'), '@NOBODY@');
    expect((await ask('/scripts/install.sh', { folder })).status).toBe(500);
  });
});
