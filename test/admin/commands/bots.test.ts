import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Resource } from '../../../shared/protocol/resource.ts';
import { CA_PINS } from '../fake-broker.ts';
import { terminal } from '../joinctl.ts';
import { BOT, TOKEN } from '../samples.ts';

const tokenWith = (spec: object, metadata: object = {}): Resource => ({
  ...TOKEN,
  metadata: { ...TOKEN.metadata, ...metadata },
  spec: { ...TOKEN.spec, ...spec },
});

describe('joinctl bots add', () => {
  it('creates the bot of the guide and says what to write on the machine', async () => {
    const { run, broker } = await terminal({ resources: [TOKEN] });
    const { code, stdout } = await run('bots', 'add', 'example', '--token', 'example-bot');
    expect(code).toBe(0);
    expect(broker.stored('bot', 'example')).toEqual({ ...BOT, spec: { roles: [] } });
    expect(stdout).toMatch(/^bot "example" has been created\n\nIt has no roles yet/);
    expect(stdout).toMatch(/\n {2}joinbot start -c \/etc\/joinbot\.yaml\n$/);
    const [, config = ''] = /joinbot\.yaml:\n\n([\s\S]*?)\n\n/.exec(stdout) ?? [];
    expect(config).toMatch(
      /^# yaml-language-server: \$schema=https:\/\/broker\.example\.com\/v1\/joinbot\.schema\.json\n/,
    );
    expect(parse(config)).toEqual({
      version: 'v2',
      proxy_server: 'broker.example.com:443',
      onboarding: { join_method: 'azure', token: 'example-bot', ca_pins: CA_PINS },
      storage: { type: 'directory', path: '/var/lib/joinbot' },
      outputs: [{ type: 'identity', destination: { type: 'directory', path: '/opt/machine-id' } }],
    });
  });

  it('gives it roles and logins', async () => {
    const { run, broker } = await terminal();
    await run('bots', 'add', 'robot', '--roles=access,auditor', '--logins=root, ubuntu');
    expect(broker.stored('bot', 'robot')?.spec).toEqual({
      roles: ['access', 'auditor'],
      traits: [{ name: 'logins', values: ['root', 'ubuntu'] }],
    });
  });

  it.each([
    [undefined, 'token "example-bot" does not exist: create it first, or give another --token.'],
    [
      tokenWith({}, { expires: '2026-11-20T12:00:00Z' }),
      'token "example-bot" is over since 2026-11-20T12:00:00Z: give it a later expires',
    ],
    [
      tokenWith({ roles: ['Node'] }),
      'token "example-bot" is for Node, not for bots: its roles must include Bot.',
    ],
    [
      tokenWith({ bot_name: 'other' }),
      'token "example-bot" is for bot "other": its bot_name must be example.',
    ],
    [tokenWith({ bot_name: undefined }), 'token "example-bot" is for no bot: its bot_name must be'],
  ])('creates nothing where the join token does not fit (%#)', async (token, message) => {
    const { run, broker } = await terminal({ resources: token ? [token] : [] });
    const { code, stderr } = await run('bots', 'add', 'example', '--token=example-bot');
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(broker.stored('bot', 'example')).toBeUndefined();
  });

  it('does not overwrite a bot', async () => {
    const { run } = await terminal({ resources: [BOT, TOKEN] });
    expect(await run('bots', 'add', 'example', '--token=example-bot')).toMatchObject({
      code: 1,
      stderr:
        'joinctl: bot "example" exists already: change it with joinctl bots update example.\n',
    });
  });

  it('prints the bot for scripts', async () => {
    const { run } = await terminal({ resources: [TOKEN] });
    const flags = ['--roles=access', '--token=example-bot', '--format=json'];
    expect(JSON.parse((await run('bots', 'add', 'example', ...flags)).stdout)).toEqual(BOT);
  });

  it('says for AWS nothing of identities of Azure', async () => {
    const token = tokenWith({ join_method: 'iam', azure: undefined });
    const { run } = await terminal({ resources: [token] });
    const { stdout } = await run('bots', 'add', 'example', '--token=example-bot');
    expect(stdout).toContain('  join_method: iam\n');
    expect(stdout).not.toContain('client_id');
  });

  it('does not know the secret of a join token that is there already', async () => {
    const token = tokenWith({ join_method: 'token', secret_sha256: 'ab'.repeat(32) });
    const { run } = await terminal({ resources: [token] });
    const { stdout } = await run('bots', 'add', 'example', '--token=example-bot');
    expect(stdout).toContain("    --token='<its secret>' \\\n    --join-method=token");
  });
});

describe('joinctl bots', () => {
  it('lists bots with their roles and logins', async () => {
    const traits = [
      { name: 'logins', values: ['root', 'ubuntu'] },
      { name: 'team', values: ['x'] },
    ];
    const { run } = await terminal({
      resources: [
        {
          ...BOT,
          metadata: { name: 'example', expires: '2027-01-01T00:00:00Z' },
          spec: { ...BOT.spec, traits },
        },
      ],
    });
    expect((await run('bots', 'ls')).stdout).toBe(
      `Bot     Roles  Logins      Expires
------- ------ ----------- --------------------
example access root,ubuntu 2027-01-01T00:00:00Z
`,
    );
  });

  it('removes a bot', async () => {
    const { run, broker } = await terminal({ resources: [BOT] });
    expect((await run('bots', 'rm', 'example')).stdout).toBe('bot "example" has been deleted\n');
    expect(broker.stored('bot', 'example')).toBeUndefined();
  });
});

describe('joinctl bots update', () => {
  const traits = [
    { name: 'team', values: ['x'] },
    { name: 'logins', values: ['root'] },
  ];
  const bot: Resource = { ...BOT, spec: { ...BOT.spec, traits } };

  it.each([
    ['--roles=auditor,auditor', { roles: ['auditor'], traits }],
    ['--roles=', { roles: [], traits }],
    ['--add-roles=access,auditor', { roles: ['access', 'auditor'], traits }],
    [
      '--logins=ubuntu',
      { roles: ['access'], traits: [traits[0], { name: 'logins', values: ['ubuntu'] }] },
    ],
    [
      '--add-logins=ubuntu',
      { roles: ['access'], traits: [traits[0], { name: 'logins', values: ['root', 'ubuntu'] }] },
    ],
    ['--logins=', { roles: ['access'], traits: [traits[0]] }],
  ])('%s changes just that', async (flag, spec) => {
    const { run, broker } = await terminal({ resources: [bot] });
    expect((await run('bots', 'update', 'example', flag)).stdout).toBe(
      'bot "example" has been updated\n',
    );
    expect(broker.stored('bot', 'example')).toEqual({ ...bot, spec });
  });

  it('starts again from what someone else wrote meanwhile', async () => {
    const { run, broker } = await terminal({ resources: [bot] });
    broker.intercept(() => {
      const answer = Response.json(bot, { headers: { etag: '"1"' } });
      broker.put({ ...bot, spec: { roles: ['editor'] } });
      return answer;
    }, '/bot/example');
    await run('bots', 'update', 'example', '--add-roles=auditor');
    expect(broker.stored('bot', 'example')?.spec).toEqual({ roles: ['editor', 'auditor'] });
  });

  it.each([
    [[], 'Say what to change: --roles, --add-roles, --logins or --add-logins.'],
    [['--roles=a', '--add-roles=b'], 'Give either --roles or --add-roles.'],
  ])('answers %j with a usage error', async (flags, message) => {
    const { run } = await terminal({ resources: [bot] });
    expect(await run('bots', 'update', 'example', ...flags)).toMatchObject({
      code: 2,
      stderr: `joinctl: ${message}\n`,
    });
  });
});
