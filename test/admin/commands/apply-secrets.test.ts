import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { problem } from '../fake-broker.ts';
import { BOT_YAML } from '../samples.ts';
import { repository, writes } from './resource-folder.ts';

describe('joinctl apply and join tokens with a secret', () => {
  const yaml = `kind: token
version: v2
metadata:
  name: robot-aaaaab
  expires: "2026-11-20T13:00:00Z"
spec:
  roles: [Bot]
  bot_name: example
  join_method: token
`;

  it('makes none, because its output is often kept in a log, and does nothing else either', async () => {
    const shell = await repository({ 'a.yaml': `${BOT_YAML}---\n${yaml}` });
    expect(await shell.run('apply', 'resources/')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'joinctl: resources/a.yaml:16:3: a join token with a secret is not made by apply, whose output is often kept in a log: use joinctl tokens add, or joinctl create.\n',
    });
    expect(writes(shell)).toEqual([]);
  });

  it('makes none where it was deleted meanwhile', async () => {
    const changed = yaml.replace('  join_method', '  max_ttl: 30m\n  join_method');
    const shell = await repository({ 'a.yaml': changed });
    await shell.run('tokens', 'add', 'robot-aaaaab', '--bot=example', '--method=token');
    const before = writes(shell).length;
    shell.broker.intercept(async () => {
      await shell.run('tokens', 'rm', 'robot-aaaaab');
      return problem('precondition_failed', 'it was changed');
    }, 'PUT');
    const { stderr } = await shell.run('apply', 'resources/');
    expect(stderr).toContain('a join token with a secret is not made by apply');
    expect(writes(shell).slice(before)).not.toContain('PUT token/robot-aaaaab *');
    expect(shell.broker.stored('token', 'robot-aaaaab')).toBeUndefined();
  });

  it('takes one that is there as it is, with or without its hash, and leaves the others', async () => {
    const shell = await repository({ 'a.yaml': BOT_YAML });
    await shell.run('create', '-f', 'resources/a.yaml');
    await shell.run('tokens', 'add', '--bot=example', '--method=token');
    const { stdout: text } = await shell.run('get', 'bots,tokens');
    expect(text).toContain('secret_sha256:');
    for (const backup of [text, text.replace(/ +secret_sha256: .*\n/, ''), BOT_YAML]) {
      await writeFile(join(shell.folder, 'resources', 'a.yaml'), backup);
      expect(await shell.run('apply', 'resources/', '--prune', '--diff')).toEqual({
        code: 0,
        stdout: 'Nothing would change.\n',
        stderr: '',
      });
    }
  });

  it('changes one, and keeps its secret', async () => {
    const shell = await repository({ 'a.yaml': '' });
    await shell.run('tokens', 'add', 'robot-aaaaab', '--bot=example', '--method=token');
    const before = shell.broker.stored('token', 'robot-aaaaab');
    const changed = yaml.replace('  join_method', '  max_ttl: 30m\n  join_method');
    await writeFile(join(shell.folder, 'resources', 'a.yaml'), changed);
    const { stdout } = await shell.run('apply', 'resources/', '--diff');
    expect(stdout).toContain('+  max_ttl: 30m\n');
    expect(stdout).not.toMatch(/^[-+] +secret_sha256/m);
    expect((await shell.run('apply', 'resources/')).code).toBe(0);
    expect(shell.broker.stored('token', 'robot-aaaaab')?.spec).toEqual({
      ...before?.spec,
      max_ttl: '30m',
    });
  });
});
