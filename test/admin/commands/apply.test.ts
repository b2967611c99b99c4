import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { problem } from '../fake-broker.ts';
import { terminal } from '../joinctl.ts';
import { BOT, BOT_YAML, TOKEN, TOKEN_YAML } from '../samples.ts';
import { OLD_BOT, OLD_TOKEN, ROLE_YAML, repository, writes } from './resource-folder.ts';

describe('joinctl apply', () => {
  it('creates what is missing, roles before bots before join tokens, and changes nothing the second time', async () => {
    const shell = await repository({
      'a-token.yaml': TOKEN_YAML,
      'nested/b.yml': `${BOT_YAML}---\n${ROLE_YAML}`,
      'README.md': 'not a resource',
      '.hidden/c.yaml': 'not: looked at',
    });
    expect(await shell.run('apply', '-f', 'resources')).toEqual({
      code: 0,
      stdout:
        'role "deploy" has been created\nbot "example" has been created\n' +
        'token "example-bot" has been created\n3 created\n',
      stderr: '',
    });
    expect(shell.broker.stored('token', 'example-bot')).toEqual(TOKEN);
    const before = writes(shell);
    expect(before).toEqual(['PUT role/deploy *', 'PUT bot/example *', 'PUT token/example-bot *']);
    expect(await shell.run('apply', 'resources/')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/\n3 unchanged\n$/),
    });
    expect(writes(shell)).toEqual(before);
  });

  it('replaces what differs, and only the version that it read', async () => {
    const shell = await repository({ 'bot.yaml': BOT_YAML }, { resources: [BOT] });
    expect((await shell.run('apply', 'resources/bot.yaml')).stdout).toBe(
      'bot "example" has been updated\n1 updated\n',
    );
    expect(writes(shell)).toEqual(['PUT bot/example "1"']);
    expect(shell.broker.stored('bot', 'example')?.spec).toEqual({ roles: [] });
  });

  it('reads standard input too', async () => {
    const shell = await terminal({ stdin: BOT_YAML });
    expect(await shell.run('apply', '-f', '-')).toMatchObject({ code: 0 });
    expect(shell.broker.stored('bot', 'example')).toBeDefined();
  });

  it('leaves what is not in the files alone', async () => {
    const shell = await repository({ 'bot.yaml': BOT_YAML }, { resources: [OLD_TOKEN, OLD_BOT] });
    await shell.run('apply', 'resources');
    expect(writes(shell)).toEqual(['PUT bot/example *']);
  });
});

describe('joinctl apply, where someone else is faster', () => {
  it('says so and tries once more with what is there now', async () => {
    const shell = await repository({ 'bot.yaml': BOT_YAML }, { resources: [BOT] });
    shell.broker.intercept(({ method }) => {
      expect(method).toBe('GET');
      return Response.json({ items: [BOT] });
    }, '/resources/bot');
    shell.broker.intercept(() => {
      shell.broker.put({ ...BOT, spec: { roles: ['editor'] } });
      return Response.json(BOT, { headers: { etag: '"1"' } });
    }, '/bot/example');
    expect(await shell.run('apply', 'resources')).toEqual({
      code: 0,
      stdout: 'bot "example" has been updated\n1 updated\n',
      stderr: 'joinctl: bot "example" was changed by someone else meanwhile: trying once more\n',
    });
    expect(writes(shell)).toEqual(['PUT bot/example "1"', 'PUT bot/example "2"']);
    expect(shell.broker.stored('bot', 'example')?.spec).toEqual({ roles: [] });
  });

  it('gives up after the second time', async () => {
    const shell = await repository({ 'bot.yaml': BOT_YAML });
    for (let time = 0; time < 2; time += 1) {
      shell.broker.intercept(() => problem('not_found', 'none'), '/bot/example');
      shell.broker.intercept(() => problem('already_exists', 'it is there'), '/bot/example');
    }
    expect(await shell.run('apply', 'resources')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('was changed by someone else again: run the same command'),
    });
  });

  it('takes a deletion for done that someone else did', async () => {
    const shell = await repository({ 'bot.yaml': BOT_YAML }, { resources: [OLD_TOKEN] });
    shell.broker.intercept(() => Response.json({ items: [OLD_TOKEN] }), '/resources/token');
    shell.broker.intercept(
      () => Response.json(OLD_TOKEN, { headers: { etag: '"1"' } }),
      '/old-token',
    );
    shell.broker.intercept(() => problem('not_found', 'none'), '/old-token');
    shell.broker.intercept(() => problem('not_found', 'none'), '/old-token');
    expect(await shell.run('apply', 'resources', '--prune')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('token "old-token" has been deleted\n'),
    });
  });
});

describe('joinctl apply refuses', () => {
  it.each<readonly [string, Record<string, string>, string]>([
    [
      'a resource that stands in two files',
      { 'a.yaml': BOT_YAML, 'b/c.yaml': BOT_YAML },
      'joinctl: resources/b/c.yaml:1:1: bot "example" stands at resources/a.yaml:1:1 already.\n',
    ],
    [
      'a file without a resource, which may be one that was emptied by mistake',
      { 'a.yaml': '# nothing\n' },
      'joinctl: resources/a.yaml: there is no resource in it.\n',
    ],
  ])('%s', async (_, files, stderr) => {
    const shell = await repository(files);
    expect(await shell.run('apply', 'resources', '--prune')).toEqual({
      code: 1,
      stdout: '',
      stderr,
    });
    expect(shell.broker.requests).toEqual([]);
  });

  it('a folder without YAML, a missing one, and a link to a folder', async () => {
    const shell = await repository({ 'README.md': 'nothing' });
    expect((await shell.run('apply', 'resources')).stderr).toContain(
      'resources holds no .yaml or .yml file.',
    );
    expect((await shell.run('apply', 'missing')).stderr).toContain("Can't read ");
    await symlink(join(shell.folder, 'home'), join(shell.folder, 'resources/link'));
    expect((await shell.run('apply', 'resources', '--prune')).stderr).toContain(
      'resources/link is a link to a folder, which is not followed.',
    );
    expect(shell.broker.requests).toEqual([]);
  });
});
