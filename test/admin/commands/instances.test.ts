import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { HeartbeatRecord } from '../../../shared/protocol/heartbeat.ts';
import { terminal } from '../joinctl.ts';
import { instance, SUBSCRIPTION } from '../samples.ts';

const ID = '1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11';
const AZURE = instance({
  id: '2f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c12',
  join_method: 'azure',
  generation: 1,
  machine: { vmId: ID, subscription: SUBSCRIPTION, resourceGroup: 'group1', name: 'vm-a' },
  expires: '2026-11-20T11:50:00Z',
});
const AWS = instance({
  id: '3f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c13',
  join_method: 'iam',
  machine: { account: '111111111111', arn: 'arn:aws:sts::111111111111:assumed-role/r/i-1' },
});

const SAID: HeartbeatRecord = {
  received: '2026-11-20T11:40:01Z',
  generation: 1,
  version: '1.2.3',
  host: 'vm-a\u001b[31m',
  os: 'Linux 6.8.0 x64',
  uptime_seconds: 61,
  outputs: [
    { directory: '/opt/machine-id', state: 'written', expires: '2026-11-20T11:50:00Z' },
    { directory: '/opt/other', state: 'failed', expires: '2026-11-20T11:50:00Z' },
  ],
};

describe('joinctl bots instances ls', () => {
  it('shows what joined as the bot, page by page', async () => {
    const { run, broker } = await terminal({
      instances: [instance(), { ...AZURE, heartbeat: SAID }, AWS, instance({ owner: 'bot:other' })],
      pageSize: 2,
    });
    expect((await run('bots', 'instances', 'ls', 'robot')).stdout).toBe(
      `Instance                             Machine                                      Generation Seen                 Agent                Expires
------------------------------------ -------------------------------------------- ---------- -------------------- -------------------- ---------------------------
${ID} (by join method token)                       3          2026-11-20T11:40:00Z                      2026-11-20T12:40:00Z
${AZURE.id} group1/vm-a                                  1          2026-11-20T11:40:00Z 1.2.3, 1 not written 2026-11-20T11:50:00Z (over)
${AWS.id} arn:aws:sts::111111111111:assumed-role/r/i-1 3          2026-11-20T11:40:00Z                      2026-11-20T12:40:00Z
`,
    );
    expect(broker.requests).toHaveLength(2);
  });

  it('prints them for scripts', async () => {
    const { run } = await terminal({ instances: [instance()] });
    const ls = ['bots', 'instances', 'ls', 'robot'];
    expect(JSON.parse((await run(...ls, '--format=json')).stdout)).toEqual([instance()]);
    expect(parse((await run(...ls, '--format=yaml')).stdout)).toEqual(instance());
  });
});

describe('joinctl bots instances show', () => {
  it('shows one, with what was proved of its machine, but no hash of a secret', async () => {
    const machine = { secret: `sha256:${'ab'.repeat(32)}` };
    const { run } = await terminal({ instances: [instance({ machine }), AZURE] });
    const { stdout } = await run('bots', 'instances', 'show', 'robot', ID.toUpperCase());
    expect(stdout).toContain('owner        bot:robot\n');
    expect(stdout).toContain('serials      0123456789abcdef0123456789abcdef\n');
    expect(stdout).not.toContain('abab');
    const azure = (await run('bots', 'instances', 'show', 'robot', AZURE.id)).stdout;
    expect(azure).toContain('resourceGroup  group1\n');
  });

  it('shows what its agent says of itself as what it claims', async () => {
    const { run } = await terminal({ instances: [{ ...AZURE, heartbeat: SAID }] });
    const { stdout } = await run('bots', 'instances', 'show', 'robot', AZURE.id);
    expect(stdout).toContain(`claimed at        2026-11-20T11:40:01Z
claimed host      vm-a\ufffd[31m
claimed system    Linux 6.8.0 x64
claimed agent     joinbot 1.2.3, up 61 s
claimed output 1  /opt/machine-id: written, until 2026-11-20T11:50:00Z
claimed output 2  /opt/other: failed, until 2026-11-20T11:50:00Z
`);
  });

  it.each(['show', 'rm', 'lock'])('%s says where there is none', async (verb) => {
    const { run } = await terminal();
    expect(await run('bots', 'instances', verb, 'robot', ID)).toMatchObject({
      code: 1,
      stderr: `joinctl: bot:robot has no instance "${ID}".\n`,
    });
    expect(await run('bots', 'instances', verb, 'robot', 'vm-a')).toMatchObject({
      code: 2,
      stderr: 'joinctl: "vm-a" is no instance: joinctl bots instances ls shows their ids.\n',
    });
  });
});

describe('joinctl bots instances rm', () => {
  it('removes one, and says what that does not do', async () => {
    const { run } = await terminal({ instances: [instance(), AZURE] });
    const { stdout } = await run('bots', 'instances', 'rm', 'robot', ID);
    expect(stdout).toContain(`instance "${ID}" has been removed\n`);
    expect(stdout).toContain('are on the revocation lists');
    const rest = await run('bots', 'instances', 'ls', 'robot', '--format=json');
    expect(JSON.parse(rest.stdout)).toEqual([AZURE]);
    expect(await run('bots', 'instances', 'show', 'robot', ID)).toMatchObject({
      code: 1,
      stderr: `joinctl: instance "${ID}" was removed.\n`,
    });
    expect((await run('bots', 'instances', 'rm', 'robot', ID)).stderr).toContain('has no instance');
  });
});

describe('joinctl bots instances lock, unlock', () => {
  const words = ['bots', 'instances'] as const;

  it('locks one, which show then says, and unlocks it', async () => {
    const { run, broker } = await terminal({ instances: [instance()] });
    const before = (await run(...words, 'show', 'robot', ID)).stdout;
    expect(before).toContain(`  joinctl bots instances lock robot ${ID}\n`);
    const { code, stdout } = await run(
      ...words,
      'lock',
      'robot',
      ID,
      '--message=stolen',
      '--ttl=1h',
    );
    expect(code).toBe(0);
    const [, name = ''] = /lock "([^"]+)" has been created/.exec(stdout) ?? [];
    expect(broker.stored('lock', name)?.spec).toEqual({
      target: { instance: ID },
      message: 'stolen',
      expires: '2026-11-20T13:00:00Z',
    });
    const shown = (await run(...words, 'show', 'robot', ID)).stdout;
    expect(shown).toContain(`It is locked by ${name}.`);
    expect(shown).toContain(`  joinctl bots instances unlock robot ${ID}\n`);
    expect((await run(...words, 'unlock', 'robot', ID)).code).toBe(0);
    expect(broker.stored('lock', name)).toBeUndefined();
    expect(await run(...words, 'unlock', 'robot', ID)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is no lock on it'),
    });
  });

  it('prints the lock for scripts', async () => {
    const { run } = await terminal({ instances: [instance()] });
    const { stdout } = await run(...words, 'lock', 'robot', ID, '--format=json');
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'lock', spec: { target: { instance: ID } } });
  });

  it('show says nothing of locks to scripts', async () => {
    const { run } = await terminal({ instances: [instance()] });
    const { stdout } = await run(...words, 'show', 'robot', ID, '--format=json');
    expect(JSON.parse(stdout)).toEqual(instance());
  });
});
