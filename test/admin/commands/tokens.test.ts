import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { InstanceRecord } from '../../../shared/protocol/instance.ts';
import { instanceIdOfSecret } from '../../../shared/protocol/join-secret.ts';
import type { Resource } from '../../../shared/protocol/resource.ts';
import { CA_PINS, secretOf } from '../fake-broker.ts';
import { terminal } from '../joinctl.ts';
import { BOT, instance, SUBSCRIPTION, TOKEN } from '../samples.ts';

const ROBOT: Resource = { ...BOT, metadata: { name: 'robot' } };

const SUBSCRIPTION_FLAG = `--subscription=${SUBSCRIPTION}`;

describe('joinctl tokens add', () => {
  it('creates the token of the guide', async () => {
    const { run, broker } = await terminal({ resources: [BOT] });
    const { stdout } = await run(
      ...['tokens', 'add', 'example-bot', '--bot=example', SUBSCRIPTION_FLAG],
      '--resource-group=group1',
    );
    expect(stdout).toBe('token "example-bot" has been created\n');
    expect(broker.stored('token', 'example-bot')).toEqual(TOKEN);
  });

  it('says how to create its bot where there is none', async () => {
    const { run } = await terminal();
    const { stdout } = await run('tokens', 'add', 't', '--bot=example', SUBSCRIPTION_FLAG);
    expect(stdout).toContain(
      'does not exist yet. Create it with:\n  joinctl bots add example --token=t',
    );
  });

  it('takes services, tenants, several groups and an end', async () => {
    const { run, broker } = await terminal();
    await run(
      ...['tokens', 'add', 't', '--type=node', `--tenant=${SUBSCRIPTION}`, SUBSCRIPTION_FLAG],
      ...['--resource-group=a', '--resource-group', 'b', '--ttl=1h30m'],
    );
    expect(broker.stored('token', 't')).toEqual({
      kind: 'token',
      version: 'v2',
      metadata: { name: 't', expires: '2026-11-20T13:30:00Z' },
      spec: {
        roles: ['Node'],
        join_method: 'azure',
        azure: {
          allow: [
            { tenant: SUBSCRIPTION, subscription: SUBSCRIPTION, resource_groups: ['a', 'b'] },
          ],
        },
      },
    });
  });

  it('takes groups with commas, too, as kubectl takes lists', async () => {
    const { run, broker } = await terminal();
    const groups = ['--resource-group=a,b', '--resource-group=c'];
    await run('tokens', 'add', 't', '--type=node', SUBSCRIPTION_FLAG, ...groups);
    expect(broker.stored('token', 't')?.spec).toMatchObject({
      azure: { allow: [{ resource_groups: ['a', 'b', 'c'] }] },
    });
  });

  it.each([
    [[SUBSCRIPTION_FLAG], 'Say as which bot: --bot=<name>.'],
    [['--type=node', '--bot=b', SUBSCRIPTION_FLAG], '--bot does not go with --type=node.'],
    [['--type=nod', SUBSCRIPTION_FLAG], '"nod" is no system role (did you mean node?)'],
    [['--bot=b'], 'Say which machines: --subscription=<id> or --tenant=<id>'],
    [['--bot=b', '--tenant=t', '--resource-group=g'], '--resource-group goes with --subscription'],
    [['--bot=b', '--subscription=vm1'], '--subscription is a GUID, not "vm1".'],
    [['--bot=b', SUBSCRIPTION_FLAG, '--ttl=soon'], '--ttl is a duration such as 30m or 10h'],
    [['--bot=b', SUBSCRIPTION_FLAG, '--ttl=1h', '--expires=x'], 'Give either --ttl or --expires.'],
    [['--bot=b', SUBSCRIPTION_FLAG, '--expires=tomorrow'], '--expires is a time in UTC such as'],
    [['--bot=b', SUBSCRIPTION_FLAG, '--expires=2026-11-20T12:00:00Z'], 'is over already'],
  ])('answers %j with a usage error', async (flags, message) => {
    const { run, broker } = await terminal();
    const { code, stderr } = await run('tokens', 'add', 't', ...flags);
    expect({ code, requests: broker.requests.length }).toEqual({ code: 2, requests: 0 });
    expect(stderr).toContain(message);
  });

  it('creates the token of the guide for AWS', async () => {
    const { run, broker } = await terminal({ resources: [ROBOT] });
    const arn = 'arn:aws:sts::111111111111:assumed-role/teleport-bot-role/i-*';
    const { stdout } = await run(
      ...['tokens', 'add', 'iam-token', '--bot=robot', '--method=iam'],
      ...['--aws-account=111111111111', `--aws-arn=${arn}`, '--expires=3000-01-01T00:00:00Z'],
    );
    expect(stdout).toBe('token "iam-token" has been created\n');
    expect(broker.stored('token', 'iam-token')).toEqual({
      kind: 'token',
      version: 'v2',
      metadata: { name: 'iam-token', expires: '3000-01-01T00:00:00Z' },
      spec: {
        roles: ['Bot'],
        bot_name: 'robot',
        join_method: 'iam',
        allow: [{ aws_account: '111111111111', aws_arn: arn }],
      },
    });
    expect((await run('tokens', 'ls')).stdout).toContain(
      `aws_account=111111111111 aws_arn=${arn}\n`,
    );
  });

  it('makes a secret for a bot, named after it, and shows it once', async () => {
    const { run, broker } = await terminal({ resources: [ROBOT] });
    const { stdout } = await run('tokens', 'add', '--bot=robot', '--method=token');
    const secret = secretOf('robot-aaaaab');
    expect(stdout).toContain(`token "robot-aaaaab" has been created\n\nIts secret`);
    expect(stdout).toContain(`\n  ${secret}\n`);
    expect(stdout).toContain(`    --token=${secret} \\\n`);
    expect(broker.stored('token', 'robot-aaaaab')?.metadata.expires).toBe('2026-11-20T13:00:00Z');
    for (const argv of [
      ['tokens', 'ls'],
      ['get', 'tokens'],
      ['get', 'all'],
    ]) {
      expect((await run(...argv)).stdout).not.toContain(secret);
    }
  });

  it('makes a secret for a node where nothing says otherwise', async () => {
    const { run, broker } = await terminal();
    const names = ['--host-name=web-1.example.com', '--host-name=web.example.com'];
    const { stdout } = await run('tokens', 'add', '--type=node', '--ttl=15m', ...names);
    expect(broker.stored('token', 'node-aaaaab')).toMatchObject({
      metadata: { expires: '2026-11-20T12:15:00Z' },
      spec: {
        roles: ['Node'],
        join_method: 'token',
        host_names: ['web-1.example.com', 'web.example.com'],
      },
    });
    const [, config = ''] = /teleport\.yaml so.*:\n\n([\s\S]*?)\n\n/.exec(stdout) ?? [];
    expect(parse(config)).toEqual({
      version: 'v3',
      teleport: {
        join_params: { token_name: secretOf('node-aaaaab'), method: 'token' },
        proxy_server: 'broker.example.com:443',
        ca_pin: CA_PINS,
      },
      ssh_service: { enabled: true },
      auth_service: { enabled: false },
      proxy_service: { enabled: false },
    });
    expect(stdout).toMatch(/\n {2}joinbot start -c \/etc\/teleport\.yaml\n$/);
  });

  it('tells a host of another system role which service to enable', async () => {
    const { run } = await terminal();
    const { stdout } = await run('tokens', 'add', 'db-1', '--type=Db', '--method=token');
    expect(stdout).toMatch(/db_service:\n {2}enabled: true\nssh_service:\n {2}enabled: false\n/);
  });

  it('prints what was made for scripts, the secret once', async () => {
    const { run, broker } = await terminal();
    const { stdout } = await run('tokens', 'add', '--type=node', '--format=json');
    expect(JSON.parse(stdout)).toEqual({
      token: broker.stored('token', 'node-aaaaab'),
      secret: secretOf('node-aaaaab'),
      ca_pins: CA_PINS,
      proxy_server: 'broker.example.com:443',
    });
    expect(stdout.split(secretOf('node-aaaaab'))).toHaveLength(2);
  });

  it('calls a host after its join token, in the cluster, where no name is given', async () => {
    const { run, broker } = await terminal();
    const { stdout } = await run('tokens', 'add', '--type=node');
    expect(broker.stored('token', 'node-aaaaab')?.spec).toMatchObject({
      host_names: ['node-aaaaab.{{cluster}}'],
    });
    expect(stdout).toContain('\nThe host is called node-aaaaab.broker.example.com.\n');
    await run('tokens', 'add', 'azure', '--type=node', SUBSCRIPTION_FLAG);
    expect(broker.stored('token', 'azure')?.spec).not.toHaveProperty('host_names');
  });

  it('does not make a second secret under one name', async () => {
    const { run } = await terminal();
    await run('tokens', 'add', 'n', '--type=node');
    expect(await run('tokens', 'add', 'n', '--type=node')).toMatchObject({
      code: 1,
      stderr:
        'joinctl: token "n" exists already, and its secret can\'t be shown again: give another name, or none.\n',
    });
  });

  it.each([
    [['--bot=b', SUBSCRIPTION_FLAG], 'Give the join token a name: machines name it in their'],
    [['t', '--bot=b', '--method=tokens'], '"tokens" (did you mean token?)'],
    [
      ['t', '--bot=b', '--method=token', SUBSCRIPTION_FLAG],
      '--subscription goes with --method=azure, not token.',
    ],
    [
      ['t', '--bot=b', '--method=azure', '--aws-account=1'],
      '--aws-account goes with --method=iam, not azure.',
    ],
    [
      ['t', '--bot=b', SUBSCRIPTION_FLAG, '--aws-arn=x'],
      '--aws-arn goes with --method=iam, not azure.',
    ],
    [['t', '--bot=b', '--method=iam'], 'Say which machines: --aws-account=<12 digits>'],
    [['t', '--bot=b', '--aws-account=1'], '--aws-account has 12 digits, not "1".'],
    [['t', '--bot=b', '--aws-arn=role/x'], '--aws-arn is what "aws sts get-caller-identity" shows'],
    [['My_Host', '--type=node'], 'Say what the host is called: --host-name=<name>'],
    [['t', '--type=node', '--aws-account=111111111111'], 'Say what the host is called'],
    [['--bot=b', '--method=token', '--host-name=x'], '--host-name goes with --type=node'],
  ])('answers %j with a usage error, and asks nobody', async (flags, message) => {
    const { run, broker } = await terminal();
    const { code, stderr } = await run('tokens', 'add', ...flags);
    expect({ code, requests: broker.requests.length }).toEqual({ code: 2, requests: 0 });
    expect(stderr).toContain(message);
  });

  it('does not overwrite a token', async () => {
    const { run } = await terminal({ resources: [TOKEN] });
    expect(
      await run('tokens', 'add', 'example-bot', '--bot=example', SUBSCRIPTION_FLAG),
    ).toMatchObject({
      code: 1,
      stderr: 'joinctl: token "example-bot" exists already: change it with joinctl edit.\n',
    });
  });
});

describe('joinctl tokens ls', () => {
  const token = (name: string, spec: object, expires = '2026-11-20T13:00:00Z'): Resource => ({
    kind: 'token',
    version: 'v2',
    metadata: { name, expires },
    spec: { join_method: 'token', secret_sha256: hashOf(name), ...spec },
  });
  const hashOf = (name: string): string => createHash('sha256').update(name).digest('hex');
  const used = (name: string, owner: string): InstanceRecord =>
    instance({ owner, id: instanceIdOfSecret(`sha256:${hashOf(name)}`) });

  it('says which secrets are unused, used and expired', async () => {
    const bot = { roles: ['Bot'], bot_name: 'robot' };
    const over = '2026-11-20T12:00:00Z';
    const { run } = await terminal({
      resources: [
        TOKEN,
        token('fresh', bot),
        token('spent', bot),
        token('late', bot, over),
        token('spent-and-over', bot, over),
        token('host', { roles: ['Node', 'Db'] }),
      ],
      instances: [
        used('spent', 'bot:robot'),
        used('spent-and-over', 'bot:robot'),
        used('fresh', 'bot:other'),
        used('host', 'host:Db'),
      ],
    });
    const { stdout } = await run('tokens', 'ls');
    expect(stdout).toBe(
      `Token          Type    Join method Bot     Expires                     Secret  Allow rules
-------------- ------- ----------- ------- --------------------------- ------- ------------------------------------------------------------------------
example-bot    Bot     azure       example never                               subscription=${SUBSCRIPTION} resource_groups=group1
fresh          Bot     token       robot   2026-11-20T13:00:00Z        unused
spent          Bot     token       robot   2026-11-20T13:00:00Z        used
late           Bot     token       robot   2026-11-20T12:00:00Z (over) expired
spent-and-over Bot     token       robot   2026-11-20T12:00:00Z (over) used
host           Node,Db token               2026-11-20T13:00:00Z        used
`,
    );
    expect(stdout).not.toContain(hashOf('fresh'));
  });
});

describe('joinctl tokens', () => {
  it('lists and removes them', async () => {
    const { run } = await terminal({ resources: [TOKEN] });
    expect((await run('tokens', 'ls')).stdout).toContain(
      'example-bot Bot  azure       example never',
    );
    expect((await run('tokens', 'rm', 'example-bot')).stdout).toBe(
      'token "example-bot" has been deleted\n',
    );
    expect((await run('tokens', 'ls', '--format=yaml')).stdout).toBe('');
  });
});
