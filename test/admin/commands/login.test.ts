import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CA_PINS, CLIENT_ID, TENANT } from '../fake-broker.ts';
import { operatorToken, terminal } from '../joinctl.ts';

describe('joinctl login', () => {
  it('signs in and remembers the broker', async () => {
    const shell = await terminal({ env: {} });
    expect(
      await shell.run('login', '--proxy=broker.example.com', '--user=ada@example.com'),
    ).toEqual({
      code: 0,
      stdout:
        'Signed in to broker.example.com at https://broker.example.com as ada@example.com (JoinBroker.Admin).\n',
      stderr: '',
    });
    const home = join(shell.folder, 'home', '.joinctl');
    expect(JSON.parse(await readFile(join(home, 'profile.json'), 'utf8'))).toEqual({
      broker: 'https://broker.example.com',
      cluster: 'broker.example.com',
      cloud: 'AzurePublic',
      tenant: TENANT,
      client_id: CLIENT_ID,
      auth: 'default',
      user: 'ada@example.com',
    });
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    expect((await shell.run('get', 'bots')).code).toBe(0);
    expect(shell.signIns).toHaveLength(1);
  });

  it('shows what to do for a sign-in elsewhere, and signs in the same way again', async () => {
    const shell = await terminal({
      env: {},
      signIn: async ({ say }) => {
        say('Open https://example.com and enter AB\u001bCD');
        return { ok: true, token: operatorToken() };
      },
    });
    const { stderr } = await shell.run('login', '--proxy=broker.example.com', '--auth=device-code');
    expect(stderr).toBe('Open https://example.com and enter AB\u{fffd}CD\n');
    await shell.run('login');
    expect(shell.signIns.map(({ method }) => method)).toEqual(['device-code', 'device-code']);
  });

  it('keeps nothing where the operator has no role', async () => {
    const shell = await terminal({
      signedIn: false,
      signIn: async () => ({ ok: true, token: operatorToken({ roles: [] }) }),
    });
    expect((await shell.run('login', '--proxy=broker.example.com')).code).toBe(1);
    expect(await readdir(join(shell.folder, 'home'))).toEqual([]);
  });

  it('says of every way that was tried why it did not work', async () => {
    const { run } = await terminal({
      signIn: async () => ({ ok: false, reasons: ['az: not\u001b[1m found', 'azd: not found'] }),
    });
    expect(await run('login')).toMatchObject({
      code: 1,
      stderr: `joinctl: The sign-in did not work:
  az: not\u{fffd}[1m found
  azd: not found
Sign in with az login, or run joinctl login with --auth=browser or --auth=device-code.
`,
    });
  });

  it.each([
    ['cloud', { cloud: 'AzureChina' }],
    ['tenant', { tenant: CLIENT_ID }],
    ['application', { client_id: TENANT }],
  ])('asks for no token where the broker names another %s than before', async (_, profile) => {
    const shell = await terminal({ env: {}, signedIn: true, profile });
    expect(await shell.run('login')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^joinctl: https:\/\/broker\.example\.com names another application to sign in to than/,
      ),
    });
    expect(shell.signIns).toEqual([]);
    // The profile is as it was.
    expect((await shell.run('login', '--proxy=broker.example.com')).code).toBe(1);
    await shell.run('logout');
    expect((await shell.run('login', '--proxy=broker.example.com')).code).toBe(0);
  });

  it('knows its ways', async () => {
    const { run } = await terminal();
    expect(await run('login', '--auth=browsr')).toMatchObject({
      code: 2,
      stderr:
        'joinctl: --auth is one of default, azure-cli, browser, device-code, not "browsr" (did you mean browser?).\n',
    });
  });

  it('works in $JOINCTL_HOME', async () => {
    const base = await terminal();
    const env = {
      JOINCTL_HOME: join(base.folder, 'elsewhere'),
      JOINCTL_PROXY: 'broker.example.com',
    };
    const shell = await terminal({ env });
    await shell.run('login');
    expect(await readdir(join(base.folder, 'elsewhere'))).toEqual(['profile.json', 'tokens']);
  });
});

describe('joinctl logout', () => {
  it('forgets the sign-in and the broker', async () => {
    const shell = await terminal({ env: {} });
    await shell.run('login', '--proxy=broker.example.com');
    expect((await shell.run('logout')).stdout).toBe('Signed out of https://broker.example.com.\n');
    expect(await readdir(join(shell.folder, 'home', '.joinctl'))).toEqual([]);
    expect((await shell.run('logout')).stdout).toBe('Nobody was signed in.\n');
  });

  it('says what is wrong with a profile that can not be read', async () => {
    const shell = await terminal({ env: {} });
    await shell.run('login', '--proxy=broker.example.com');
    await writeFile(join(shell.folder, 'home', '.joinctl', 'profile.json'), '{}');
    const { code, stderr } = await shell.run('get', 'bots');
    expect(code).toBe(1);
    expect(stderr).toContain("profile.json can't be read any more: run joinctl login again.");
  });
});

describe('joinctl status', () => {
  it('prints cluster, version and each CA pin on a line of its own, as the guides do', async () => {
    const { run } = await terminal();
    expect((await run('status')).stdout).toBe(
      `Cluster broker.example.com
Version 0.1.0
CA pin ${CA_PINS[0]}
CA pin ${CA_PINS[1]}
Signed in as ada@example.com (JoinBroker.Admin)
`,
    );
  });

  it('fails where the broker does not take the sign-in', async () => {
    const { run } = await terminal({ token: 'another' });
    const { code, stdout, stderr } = await run('status');
    expect(code).toBe(1);
    expect(stdout).toContain('CA pin');
    expect(stderr).toContain('run joinctl login');
  });

  it('prints the same for scripts', async () => {
    const { run } = await terminal();
    expect(JSON.parse((await run('status', '--format=json')).stdout)).toEqual({
      cluster: 'broker.example.com',
      version: '0.1.0',
      ca_pins: CA_PINS,
      broker: 'https://broker.example.com',
      operator: {
        account: 'ada@example.com',
        roles: ['JoinBroker.Admin'],
        until: '2026-11-20T13:00:00Z',
      },
    });
  });
});

describe('joinctl login to a local stack', () => {
  it('from another folder says where to go', async () => {
    const { run, signIns } = await terminal({ env: {}, cloud: 'Simulated' });
    const { code, stderr } = await run('login', '--proxy=http://127.0.0.1:7071');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^joinctl: http:\/\/127\.0\.0\.1:7071 is a local stack .* run joinctl in the folder of the project/,
    );
    expect(signIns).toEqual([]);
  });
});

describe('joinctl version', () => {
  it('needs no broker', async () => {
    const { run, broker } = await terminal({ env: {} });
    const { stdout } = await run('version');
    expect(stdout).toMatch(/^joinctl \d+\.\d+\.\d+(?:-source)?\n$/);
    expect(broker.requests).toEqual([]);
  });
});
