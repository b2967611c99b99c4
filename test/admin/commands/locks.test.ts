import { describe, expect, it } from 'vitest';
import { terminal } from '../joinctl.ts';

const VM = '1F0F2A6E-6C1B-4B7E-9F57-0C8A1F6F3C11';
const ARN = 'arn:aws:sts::111111111111:assumed-role/robot/i-1';
const FIRST = '10c00000-0000-4000-8000-000000000001';

describe('joinctl lock', () => {
  it.each([
    [['--bot=example'], { target: { bot: 'example' } }],
    [['--join-token=example-bot'], { target: { join_token: 'example-bot' } }],
    [[`--machine=${VM}`], { target: { machine: VM.toLowerCase() } }],
    [[`--aws-arn=${ARN}`], { target: { aws_arn: ARN } }],
    [[`--instance=${VM}`], { target: { instance: VM.toLowerCase() } }],
    [
      ['--bot=example', '--ttl=10h', '--message=key leaked'],
      { target: { bot: 'example' }, message: 'key leaked', expires: '2026-11-20T22:00:00Z' },
    ],
  ])('with %j creates a lock', async (flags, spec) => {
    const { run, broker } = await terminal();
    const { code, stdout } = await run('lock', ...flags);
    expect({ code, lock: broker.stored('lock', FIRST) }).toEqual({
      code: 0,
      lock: { kind: 'lock', version: 'v2', metadata: { name: FIRST }, spec },
    });
    expect(stdout).toContain(`lock "${FIRST}" has been created\n`);
    expect(stdout).toContain(`\n  joinctl unlock ${FIRST}\n`);
  });

  it('locks what does not exist by force only', async () => {
    const message = 'there is no bot exampel (did you mean example?): the lock is on nothing now';
    const warn = () => [{ field: 'spec.target.bot', message }];
    const { run, broker } = await terminal({ warn });
    expect(await run('lock', '--bot=exampel')).toEqual({
      code: 1,
      stdout: '',
      stderr: `joinctl: Nothing was locked: ${message}. To lock it for what is to come, give --force.\n`,
    });
    expect(broker.stored('lock', FIRST)).toBeUndefined();
    const forced = await run('lock', '--bot=exampel', '--force');
    expect(forced.code).toBe(0);
    expect(forced.stderr).toContain(message);
  });

  it.each([
    [[], 'Say what to lock: --bot, --instance, --join-token, --machine, --identity, --aws-arn.'],
    [
      ['--bot=a', '--join-token=b'],
      'Give only one of --bot, --instance, --join-token, --machine, --identity, --aws-arn.',
    ],
    [['--machine=vm1'], '--machine is a GUID, not "vm1".'],
    [['--bot=a b'], '"a b" is no resource name'],
  ])('answers %j with a usage error', async (flags, message) => {
    const { run } = await terminal();
    const { code, stderr } = await run('lock', ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe('joinctl unlock', () => {
  it('deletes the lock of a name', async () => {
    const { run } = await terminal();
    await run('lock', '--bot=example');
    expect((await run('unlock', FIRST)).stdout).toBe(`lock "${FIRST}" has been deleted\n`);
    expect((await run('unlock', FIRST)).code).toBe(1);
  });

  it('deletes every lock on a target, and no other', async () => {
    const { run } = await terminal();
    await run('lock', `--machine=${VM}`);
    await run('lock', '--bot=example');
    await run('lock', `--machine=${VM}`, '--ttl=1h');
    expect((await run('unlock', `--machine=${VM.toLowerCase()}`)).stdout.split('\n')).toHaveLength(
      3,
    );
    expect(JSON.parse((await run('get', 'locks', '--format=json')).stdout)).toMatchObject([
      { spec: { target: { bot: 'example' } } },
    ]);
  });

  it('says so where nothing is locked', async () => {
    const { run } = await terminal();
    expect(await run('unlock', '--bot=example')).toMatchObject({
      code: 1,
      stderr: 'joinctl: There is no lock on it: joinctl get locks shows all.\n',
    });
  });

  it.each([[[]], [['name', '--bot=example']]])(
    'answers %j with a usage error',
    async (operands) => {
      const { run } = await terminal();
      const { code, stderr } = await run('unlock', ...operands);
      expect(code).toBe(2);
      expect(stderr).toContain('Say what to unlock: the name of a lock, or one of --bot,');
    },
  );
});
