import { describe, expect, it } from 'vitest';
import type { Resource } from '../../../shared/protocol/resource.ts';
import { terminal } from '../joinctl.ts';
import { BOT, ROLES, TOKEN } from '../samples.ts';
import { writes } from './resource-folder.ts';

describe('joinctl apply of a backup', () => {
  const lock = (message: string): Resource => ({
    kind: 'lock',
    version: 'v2',
    metadata: { name: 'stolen' },
    spec: { target: { bot: 'example' }, message },
  });
  const secret: Resource = {
    kind: 'token',
    version: 'v2',
    metadata: { name: 'secret', expires: '2026-11-21T00:00:00Z' },
    spec: {
      roles: ['Bot'],
      bot_name: 'example',
      join_method: 'token',
      secret_sha256: 'ab'.repeat(32),
    },
  };
  const backedUp = [...ROLES, BOT, TOKEN, secret, lock('key leaked')];
  const backup = async (): Promise<string> => {
    const { run } = await terminal({ resources: backedUp, revisions: true });
    return (await run('get', 'all')).stdout;
  };

  it('changes nothing where all is as it was, whatever versions there were since', async () => {
    const stdin = await backup();
    expect(stdin).toContain('revision: r');
    const shell = await terminal({ resources: backedUp.toReversed(), revisions: true, stdin });
    expect((await shell.run('apply', '-')).stdout).toMatch(/\n7 unchanged\n$/);
    expect(writes(shell)).toEqual([]);
  });

  it('brings back what is gone, locks too, but no secret', async () => {
    const shell = await terminal({ stdin: await backup(), revisions: true });
    const { code, stdout } = await shell.run('apply', '-');
    expect(code).toBe(0);
    expect(stdout).toContain(
      'token "secret" is left out: its secret can not be made again, so make another one with joinctl tokens add\n',
    );
    expect(stdout).toMatch(/\n6 created, 1 left out\n$/);
    expect(shell.broker.stored('lock', 'stolen')).toEqual(lock('key leaked'));
    expect(shell.broker.stored('token', 'secret')).toBeUndefined();
  });

  it('leaves a lock as it is now', async () => {
    const shell = await terminal({ resources: [lock('changed since')], stdin: await backup() });
    await shell.run('apply', '-');
    expect(shell.broker.stored('lock', 'stolen')).toEqual(lock('changed since'));
  });
});
