import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { problem, secretOf } from '../fake-broker.ts';
import { terminal } from '../joinctl.ts';
import { BOT, BOT_YAML, TOKEN, TOKEN_YAML } from '../samples.ts';

describe('joinctl create', () => {
  it('creates the resource of a file, as the guide does', async () => {
    const shell = await terminal();
    await writeFile(join(shell.folder, 'bot.yaml'), BOT_YAML);
    expect(await shell.run('create', 'bot.yaml')).toEqual({
      code: 0,
      stdout: 'bot "example" has been created\n',
      stderr: '',
    });
    expect(shell.broker.stored('bot', 'example')).toEqual({ ...BOT, spec: { roles: [] } });
  });

  it.each([
    [['create', '-f', 'x.yaml']],
    [['create', 'x.yaml', '-f']],
    [['create', '--force', 'x.yaml']],
  ])('overwrites with %j', async (argv) => {
    const shell = await terminal({ resources: [{ ...TOKEN, spec: {} }] });
    await writeFile(join(shell.folder, 'x.yaml'), `${TOKEN_YAML}---\n${BOT_YAML}`);
    expect(await shell.run(...argv)).toEqual({
      code: 0,
      stdout: 'token "example-bot" has been updated\nbot "example" has been created\n',
      stderr: '',
    });
    expect(shell.broker.stored('token', 'example-bot')).toEqual(TOKEN);
  });

  it('shows the secret of a join token that it creates, and goes on', async () => {
    const secretYaml = TOKEN_YAML.replace(
      /join_method: azure[\s\S]*/,
      'join_method: token\n',
    ).replace('spec:', '  expires: "2026-11-20T13:00:00Z"\nspec:');
    const shell = await terminal({ stdin: `${secretYaml}---\n${BOT_YAML}` });
    const { stdout } = await shell.run('create', '-');
    const secret = secretOf('example-bot');
    expect(stdout).toMatch(
      /^token "example-bot" has been created\n\nIts secret, which is shown this once:\n/,
    );
    expect(stdout).toContain(`\n  ${secret}\n`);
    expect(stdout).toMatch(/\n\nbot "example" has been created\n$/);
    expect((await shell.run('create', '-f', '-')).stdout).toBe(
      'token "example-bot" has been updated\nbot "example" has been updated\n',
    );
  });

  it('does not overwrite without -f, and says so', async () => {
    const shell = await terminal({ resources: [{ ...TOKEN, spec: {} }], stdin: TOKEN_YAML });
    expect(await shell.run('create', '-')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'joinctl: token "example-bot" exists already: give -f to overwrite it.\n',
    });
    expect(shell.broker.stored('token', 'example-bot')?.spec).toEqual({});
  });

  it('checks every document before it creates the first one', async () => {
    const shell = await terminal({ stdin: `${BOT_YAML}---\n${TOKEN_YAML.replace('v2', '2')}` });
    expect(await shell.run('create', '-')).toMatchObject({
      code: 1,
      stderr: 'joinctl: stdin:9:1: version: expected text, got a number (put it in quotes).\n',
    });
    expect(shell.broker.requests).toEqual([]);
  });

  it('reads what is piped into it', async () => {
    const shell = await terminal({ stdin: BOT_YAML });
    expect((await shell.run('create')).stdout).toBe('bot "example" has been created\n');
    expect((await shell.run('create', '-f')).stdout).toBe('bot "example" has been updated\n');
  });

  it('shows with --dry-run what would change, and changes nothing', async () => {
    const shell = await terminal({ resources: [BOT], stdin: `${BOT_YAML}---\n${TOKEN_YAML}` });
    const { code, stdout } = await shell.run('create', '-f', '--dry-run', '-');
    expect(code).toBe(0);
    expect(stdout).toContain('--- bot/example\n+++ bot/example\tstdin:1:1\n');
    expect(stdout).toContain('-  roles:\n-    - access\n+  roles: []\n');
    expect(stdout).toContain('--- /dev/null\n+++ token/example-bot\tstdin:8:1\n');
    expect(stdout).toMatch(/\nNothing was changed\.\n$/);
    expect(shell.broker.stored('bot', 'example')).toEqual(BOT);
    expect(shell.broker.stored('token', 'example-bot')).toBeUndefined();
  });

  it('does not overwrite what was changed since the file was made', async () => {
    const first = await terminal({ resources: [BOT], revisions: true });
    const stdin = (await first.run('get', 'bot/example')).stdout.replace('access', 'editor');
    expect(stdin).toContain('  revision: r1\n');
    const shell = await terminal({ resources: [BOT, BOT], revisions: true, stdin });
    expect(await shell.run('create', '-f', '-')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'joinctl: stdin:5:3: metadata.revision: it was changed.\n',
    });
    expect(shell.broker.stored('bot', 'example')).toEqual(BOT);
    const fresh = await terminal({ resources: [BOT], revisions: true, stdin });
    expect((await fresh.run('create', '-f', '-')).code).toBe(0);
    expect(fresh.broker.stored('bot', 'example')?.spec).toEqual({ roles: ['editor'] });
  });

  it('stores nothing where the broker would refuse the third document, and says all that is wrong', async () => {
    const role = 'kind: role\nversion: v7\nmetadata: {name: r}\nspec: {allow: {}}\n';
    const shell = await terminal({
      stdin: [role, BOT_YAML, TOKEN_YAML].join('---\n'),
      refuse: ({ kind }) => (kind === 'role' ? undefined : { field: 'spec', detail: 'not so' }),
    });
    const { code, stdout, stderr } = await shell.run('create', '-');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /^joinctl: stdin:10:1: spec: not so\.\njoinctl: stdin:\d+:1: spec: not so\.\n$/,
    );
    expect(shell.broker.stored('role', 'r')).toBeUndefined();
  });

  describe('where a document names what does not exist', () => {
    const warn = ({ kind }: { kind: string }) =>
      kind === 'token'
        ? [
            {
              field: 'spec.bot_name',
              message: 'there is no bot example',
              missing: { kind: 'bot', name: 'example' } as const,
            },
          ]
        : [];

    it('warns', async () => {
      const shell = await terminal({ stdin: TOKEN_YAML, warn });
      expect(await shell.run('create', '-')).toEqual({
        code: 0,
        stdout: 'token "example-bot" has been created\n',
        stderr: 'joinctl: warning: token "example-bot": spec.bot_name: there is no bot example.\n',
      });
    });

    it('creates nothing with --strict', async () => {
      const shell = await terminal({ stdin: TOKEN_YAML, warn });
      expect(await shell.run('create', '--strict', '-')).toEqual({
        code: 1,
        stdout: '',
        stderr: 'joinctl: stdin:9:3: spec.bot_name: there is no bot example.\n',
      });
      expect(shell.broker.stored('token', 'example-bot')).toBeUndefined();
    });

    it.each([[[]], [['--strict']]])('is content where the same file has it (%j)', async (flags) => {
      const shell = await terminal({ stdin: `${TOKEN_YAML}---\n${BOT_YAML}`, warn });
      expect(await shell.run('create', ...flags, '-')).toMatchObject({ code: 0, stderr: '' });
    });
  });

  it('shows where in the file a field stands that the broker refuses', async () => {
    const shell = await terminal({
      refuse: ({ kind }) =>
        kind === 'token'
          ? { field: 'spec.azure.allow[0].subscription', detail: 'expected a GUID' }
          : undefined,
    });
    await writeFile(join(shell.folder, 'all.yaml'), `${BOT_YAML}---\n${TOKEN_YAML}`);
    expect(await shell.run('create', '-f', 'all.yaml')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'joinctl: all.yaml:21:7: spec.azure.allow[0].subscription: expected a GUID.\n',
    });
  });

  it('says so where the resource is deleted while it is overwritten', async () => {
    const shell = await terminal({ stdin: BOT_YAML });
    shell.broker.intercept(() => problem('already_exists', 'it is there'), 'bot/example?dry_run');
    shell.broker.intercept(() => problem('already_exists', 'it is there'), 'PUT ');
    expect(await shell.run('create', '-f', '-')).toMatchObject({
      code: 1,
      stderr: 'joinctl: bot "example" was deleted at this very moment: try again.\n',
    });
  });

  it.each([
    [
      'a letter of Latin-1',
      Buffer.from('kind: bot # caf\xe9\n', 'latin1'),
      'expected UTF-8, and line 1 is not',
    ],
    ['UTF-16', Buffer.from('\ufeffkind: bot\n', 'utf16le'), 'expected UTF-8, and this is UTF-16'],
  ])('refuses a file with %s, and says why', async (_, bytes, message) => {
    const { run, folder, broker } = await terminal();
    await writeFile(join(folder, 'bot.yaml'), bytes);
    const { code, stderr } = await run('create', 'bot.yaml');
    expect({ code, requests: broker.requests.length }).toEqual({ code: 1, requests: 0 });
    expect(stderr).toContain(message);
  });

  it.each([
    ['missing.yaml', "joinctl: Can't read "],
    ['.', 'it is a folder.'],
  ])('says why it can not read %s', async (file, message) => {
    const { run } = await terminal();
    const { code, stderr } = await run('create', file);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});
