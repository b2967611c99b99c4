import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLIENT_ID, TENANT } from './fake-broker.ts';
import { NOW, operatorToken, type Terminal, terminal } from './joinctl.ts';

const PROFILE = {
  broker: 'https://saved.example.com',
  cluster: 'saved',
  cloud: 'AzurePublic',
  tenant: TENANT,
  client_id: CLIENT_ID,
  auth: 'azure-cli',
};

async function saveProfile({ folder }: Terminal, changes: object = {}): Promise<void> {
  await mkdir(join(folder, 'home', '.joinctl'), { recursive: true });
  const text = JSON.stringify({ ...PROFILE, ...changes });
  await writeFile(join(folder, 'home', '.joinctl', 'profile.json'), text);
}

const ENDPOINTS = { broker: 'http://127.0.0.1:7071', directory: 'http://127.0.0.1:7072' };

async function saveLocalStack({ folder }: Terminal, changes: object = {}): Promise<void> {
  await mkdir(join(folder, '.local'));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'join-broker' }));
  await writeFile(
    join(folder, '.local', 'endpoints.json'),
    JSON.stringify({ tables: 'http://127.0.0.1:7073', ...ENDPOINTS, ...changes }),
  );
}

const origins = ({ broker }: Terminal): string[] =>
  broker.requests.map(({ url }) => new URL(url).origin);

describe('the broker that is talked to', () => {
  it('is that of the flag before that of the environment', async () => {
    const shell = await terminal();
    await shell.run('get', 'bots', '--proxy=other.example.com:3080');
    expect(new Set(origins(shell))).toEqual(new Set(['https://other.example.com:3080']));
  });

  it('is that of the profile before the local stack', async () => {
    const shell = await terminal({ env: {} });
    await saveProfile(shell);
    await saveLocalStack(shell);
    const { stderr } = await shell.run('get', 'bots', '--verbose');
    expect(origins(shell)).toEqual(['https://saved.example.com']);
    expect(stderr).toBe('joinctl: the broker is https://saved.example.com (from the profile)\n');
  });

  it('must be named where there is neither', async () => {
    const { run } = await terminal({ env: {} });
    expect(await run('get', 'bots')).toMatchObject({
      code: 1,
      stderr: 'joinctl: No broker is named yet: run joinctl login --proxy=<host[:port]> first.\n',
    });
  });

  it('must be https, unless it is on this machine', async () => {
    const { run, broker } = await terminal();
    const { code, stderr } = await run('get', 'bots', '--proxy=http://broker.example.com');
    expect({ code, requests: broker.requests }).toEqual({ code: 1, requests: [] });
    expect(stderr).toContain('must be https');
  });
});

describe('the local stack', () => {
  const directoryToken = operatorToken({ idtyp: 'app', azp: 'op' }).text;

  it('is used with no flag at all, from a folder of the checkout', async () => {
    const shell = await terminal({ env: {}, cwd: 'examples/deep', directoryToken });
    await saveLocalStack(shell);
    const { code, stdout, stderr } = await shell.run('get', 'bots', '--format=json', '--verbose');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '[]\n' });
    expect(stderr).toMatch(
      /^joinctl: the broker is http:\/\/127\.0\.0\.1:7071 \(from the .*endpoints/,
    );
    const asked = shell.broker.requests.find(({ url }) => url.startsWith(ENDPOINTS.directory));
    expect(asked?.url).toBe(`${ENDPOINTS.directory}/${TENANT}/oauth2/v2.0/token`);
    expect(Object.fromEntries(new URLSearchParams(asked?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa',
      scope: `${CLIENT_ID}/.default`,
    });
    expect(shell.signIns).toEqual([]);
  });

  it('keeps no token on disk, since each start of the stack has keys of its own', async () => {
    const shell = await terminal({ env: {}, directoryToken });
    await saveLocalStack(shell);
    await shell.run('get', 'bots');
    expect(await readdir(join(shell.folder, 'home'))).toEqual([]);
  });

  it.each([
    [
      { broker: 'http://broker.example.com' },
      'broker: "http://broker.example.com" is not an address',
    ],
    [
      { directory: 'https://127.0.0.1.example.com' },
      'directory: "https://127.0.0.1.example.com" is',
    ],
    [{ directory: 'file:///etc' }, 'directory: "file:///etc" is not an address of this machine'],
    [{ broker: 7071 }, 'endpoints.json: broker: expected text'],
  ])('is refused beyond this machine: %j', async (changes, message) => {
    const shell = await terminal({ env: {} });
    await saveLocalStack(shell, changes);
    const { code, stderr } = await shell.run('get', 'bots');
    expect({ code, requests: shell.broker.requests }).toEqual({ code: 1, requests: [] });
    expect(stderr).toContain(message);
  });

  it('is not looked for in the folder of another project', async () => {
    const shell = await terminal({ env: {} });
    await saveLocalStack(shell);
    await writeFile(join(shell.folder, 'package.json'), JSON.stringify({ name: 'other' }));
    expect((await shell.run('get', 'bots')).stderr).toContain('No broker is named yet');
  });

  it('says what to do where its directory gives no token', async () => {
    const shell = await terminal({ env: {} });
    await saveLocalStack(shell);
    expect((await shell.run('get', 'bots')).stderr).toContain(
      'aaaa no token (HTTP 401): restart it with npm start.',
    );
  });

  it('is known by its address too', async () => {
    const shell = await terminal({ env: {} });
    await saveLocalStack(shell);
    const { stdout } = await shell.run('login', '--proxy=http://127.0.0.1:7071');
    expect(stdout).toContain('needs no sign-in');
  });
});

describe('the operator’s token', () => {
  it.each([
    ['the environment', { JOINCTL_PROXY: 'evil.example.com' }, []],
    ['a flag', {}, ['--proxy=evil.example.com']],
  ])('is not asked for a broker that just stands in %s', async (_, env, flags) => {
    // It may name the application of the broker that one is signed in to.
    const shell = await terminal({ env, signedIn: true });
    const { code, stderr } = await shell.run('get', 'bots', ...flags);
    expect({ code, signIns: shell.signIns }).toEqual({ code: 1, signIns: [] });
    expect(stderr).toBe(
      'joinctl: You are not signed in to https://evil.example.com: run joinctl login --proxy=https://evil.example.com first.\n',
    );
    expect(shell.broker.requests.some(({ headers }) => headers.has('authorization'))).toBe(false);
  });

  it('is kept in a private file until shortly before it expires', async () => {
    const shell = await terminal();
    await shell.run('get', 'bots');
    await shell.run('get', 'bots');
    expect(shell.signIns).toHaveLength(1);
    const folder = join(shell.folder, 'home', '.joinctl', 'tokens');
    const [file = ''] = await readdir(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(folder, file), 'utf8')).toContain(operatorToken().text);
  });

  it('is asked for anew when its end is near', async () => {
    const expires = new Date(NOW.getTime() + 119_000);
    const shell = await terminal({
      signIn: async () => ({ ok: true, token: { ...operatorToken(), expires } }),
    });
    await shell.run('get', 'bots');
    await shell.run('get', 'bots');
    expect(shell.signIns).toHaveLength(2);
  });

  it('makes its folder private where it was not', async () => {
    const shell = await terminal();
    const tokens = join(shell.folder, 'home', '.joinctl', 'tokens');
    await mkdir(tokens, { recursive: true });
    await chmod(tokens, 0o755);
    await shell.run('get', 'bots');
    expect((await stat(tokens)).mode & 0o777).toBe(0o700);
  });

  it('is forgotten when the broker refuses it', async () => {
    const shell = await terminal({ token: 'another' });
    expect(await shell.run('get', 'bots')).toMatchObject({
      code: 1,
      stderr:
        'joinctl: The broker wants a sign-in (the access token is not valid): run joinctl login.\n',
    });
    expect(await readdir(join(shell.folder, 'home', '.joinctl', 'tokens'))).toEqual([]);
  });

  it.each([
    [{ aud: 'https://graph.microsoft.com' }, "is not for the operators' application"],
    [{ roles: [] }, 'ada@example.com has neither of the app roles JoinBroker.Admin and'],
    [{ roles: ['Files.ReadWrite.All'] }, 'ada@example.com has neither of the app roles'],
  ])('is never sent where it is not one for this broker: %j', async (claims, message) => {
    const shell = await terminal({
      signIn: async () => ({ ok: true, token: operatorToken(claims) }),
    });
    const { code, stderr } = await shell.run('get', 'bots');
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(shell.broker.requests.filter(({ headers }) => headers.has('authorization'))).toEqual([]);
  });

  it('is asked for the application that was fixed at login, whatever the broker says later', async () => {
    const client_id = '7e000000-0000-4000-8000-0000000000ff';
    const shell = await terminal({
      env: {},
      signIn: async () => ({ ok: true, token: operatorToken({ aud: client_id }) }),
    });
    await saveProfile(shell, { client_id });
    await shell.run('get', 'bots');
    expect(shell.signIns).toMatchObject([{ clientId: client_id, method: 'azure-cli' }]);
    expect(shell.broker.requests.map(({ url }) => new URL(url).pathname)).toEqual([
      '/v1/resources/bot',
    ]);
  });

  it('is not asked for silently where signing in takes a browser', async () => {
    const shell = await terminal({ env: {} });
    await saveProfile(shell, { auth: 'browser' });
    expect(await shell.run('get', 'bots')).toMatchObject({
      code: 1,
      stderr: 'joinctl: Your sign-in at https://saved.example.com has ended: run joinctl login.\n',
    });
    expect(shell.signIns).toEqual([]);
  });
});
