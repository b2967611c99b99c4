import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { asStored, PRESET_ROLES } from '../../../admin/commands/apply-plan.ts';
import type { Resource } from '../../../shared/protocol/resource.ts';
import { parseResource } from '../../../shared/resources/resource.ts';
import * as role from '../../../shared/resources/role.ts';
import { problem } from '../fake-broker.ts';
import { type Terminal, type TerminalOptions, terminal } from '../joinctl.ts';
import { BOT, BOT_YAML, ROLES, SUBSCRIPTION, TOKEN, TOKEN_YAML } from '../samples.ts';

const ROLE_YAML = `kind: role
version: v7
metadata:
  name: deploy
spec:
  allow:
    logins: [deploy]
`;
const OLD_TOKEN: Resource = { ...TOKEN, metadata: { name: 'old-token' } };
const OLD_BOT: Resource = { ...BOT, metadata: { name: 'old-bot' } };
const OLD_ROLE: Resource = {
  kind: 'role',
  version: 'v7',
  metadata: { name: 'old-role' },
  spec: { allow: {} },
};

/** A terminal with these files below `resources/`. */
async function repository(
  files: Readonly<Record<string, string>>,
  options: TerminalOptions = {},
): Promise<Terminal> {
  const shell = await terminal(options);
  for (const [name, text] of Object.entries(files)) {
    const file = join(shell.folder, 'resources', name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return shell;
}

const writes = ({ broker }: Terminal): string[] =>
  broker.requests
    .filter(({ method }) => method !== 'GET')
    .map(({ method, url, headers }) => {
      const condition = headers.get('if-match') ?? headers.get('if-none-match') ?? 'always';
      return `${method} ${new URL(url).pathname.replace('/v1/resources/', '')} ${condition}`;
    });

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

describe('joinctl apply --strict', () => {
  const warn = ({ kind }: Resource) =>
    kind === 'bot'
      ? [
          {
            field: 'spec.roles[0]',
            message: 'there is no role deploy',
            missing: { kind: 'role', name: 'deploy' } as const,
          },
        ]
      : [];
  const bot = BOT_YAML.replace('[]', '[deploy]');

  it('changes nothing where a file names what does not exist', async () => {
    const shell = await repository({ 'bot.yaml': bot, 'token.yaml': TOKEN_YAML }, { warn });
    expect(await shell.run('apply', '--strict', 'resources')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'joinctl: resources/bot.yaml:6:11: spec.roles[0]: there is no role deploy.\n',
    });
    expect(shell.broker.stored('token', 'example-bot')).toBeUndefined();
  });

  it('is content where another file has it', async () => {
    const shell = await repository({ 'bot.yaml': bot, 'role.yaml': ROLE_YAML }, { warn });
    expect((await shell.run('apply', '--strict', 'resources')).code).toBe(0);
    expect(shell.broker.stored('bot', 'example')).toBeDefined();
  });

  it('is a warning without it', async () => {
    const shell = await repository({ 'bot.yaml': bot }, { warn });
    expect(await shell.run('apply', 'resources')).toMatchObject({
      code: 0,
      stderr: 'joinctl: warning: bot "example": spec.roles[0]: there is no role deploy.\n',
    });
  });
});

describe('joinctl apply --prune', () => {
  const lock: Resource = {
    kind: 'lock',
    version: 'v2',
    metadata: { name: 'stolen' },
    spec: { target: { bot: 'example' } },
  };
  const resources = [...ROLES, OLD_ROLE, OLD_BOT, OLD_TOKEN, lock];

  it('lists what is not in the files and deletes it last, join tokens before bots before roles', async () => {
    const shell = await repository({ 'bot.yaml': BOT_YAML }, { resources });
    expect((await shell.run('apply', 'resources', '--prune')).stdout).toBe(
      [
        'Not in the files, so about to be deleted:',
        ...['  token "old-token"', '  bot "old-bot"', '  role "old-role"'],
        'bot "example" has been created',
        'token "old-token" has been deleted',
        'bot "old-bot" has been deleted',
        'role "old-role" has been deleted',
        '1 created, 3 deleted',
        '',
      ].join('\n'),
    );
    expect(writes(shell)).toEqual([
      'PUT bot/example *',
      'DELETE token/old-token "6"',
      'DELETE bot/old-bot "5"',
      'DELETE role/old-role "4"',
    ]);
  });

  it('never deletes preset roles and locks', async () => {
    const shell = await repository({ 'bot.yaml': BOT_YAML }, { resources });
    await shell.run('apply', 'resources', '--prune');
    for (const { metadata } of ROLES) {
      expect(shell.broker.stored('role', metadata.name)).toBeDefined();
    }
    expect(shell.broker.stored('lock', 'stolen')).toBeDefined();
  });

  it('knows the preset roles of the broker', () => {
    expect(PRESET_ROLES).toEqual(role.PRESET_ROLES.map(({ metadata }) => metadata.name));
  });

  it('deletes nothing after the broker refused something', async () => {
    const shell = await repository(
      { 'all.yaml': `${BOT_YAML}---\n${TOKEN_YAML}` },
      {
        resources: [{ ...TOKEN, spec: { ...TOKEN.spec, bot_name: 'other' } }, OLD_ROLE],
        refuse: ({ kind }) =>
          kind === 'token' ? { field: 'spec.bot_name', detail: 'can not be changed' } : undefined,
      },
    );
    expect(await shell.run('apply', 'resources', '--prune')).toEqual({
      code: 1,
      stdout:
        'Not in the files, so about to be deleted:\n  role "old-role"\nbot "example" has been created\n',
      stderr:
        'joinctl: resources/all.yaml:16:3: spec.bot_name: can not be changed.\n' +
        'joinctl: So nothing was deleted.\n',
    });
    expect(shell.broker.stored('role', 'old-role')).toBeDefined();
  });
});

describe('joinctl apply --diff', () => {
  it('shows what would change, changes nothing, and ends with 3', async () => {
    const shell = await repository(
      { 'a.yaml': BOT_YAML, 'b.yaml': ROLE_YAML },
      { resources: [BOT, OLD_TOKEN] },
    );
    const { code, stdout, stderr } = await shell.run('apply', 'resources', '--diff', '--prune');
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: 'joinctl: 1 to create, 1 to update, 1 to delete.\n',
    });
    expect(stdout).toContain('--- /dev/null\n+++ role/deploy\tresources/b.yaml:1:1\n@@ -0,0 +1,');
    expect(stdout).toContain(
      [
        '--- bot/example',
        '+++ bot/example\tresources/a.yaml:1:1',
        '@@ -3,5 +3,4 @@',
        ' metadata:',
        '   name: example',
        ' spec:',
        '-  roles:',
        '-    - access',
        '+  roles: []',
        '',
      ].join('\n'),
    );
    expect(stdout).toContain('--- token/old-token\n+++ /dev/null\n');
    expect(stdout).not.toContain('\u{1b}');
    expect(writes(shell)).toEqual([]);
  });

  it('ends with 0 where nothing would change', async () => {
    const shell = await repository(
      { 'bot.yaml': BOT_YAML },
      { resources: [{ ...BOT, spec: { roles: [] } }] },
    );
    expect(await shell.run('apply', 'resources', '--diff')).toEqual({
      code: 0,
      stdout: 'Nothing would change.\n',
      stderr: '',
    });
  });

  it.each([
    [{}, true],
    [{ NO_COLOR: '1' }, false],
  ])('is coloured on a terminal (%j: %j)', async (env, isColoured) => {
    const shell = await repository(
      { 'bot.yaml': BOT_YAML },
      { resources: [BOT], columns: 80, env: { JOINCTL_PROXY: 'broker.example.com', ...env } },
    );
    const { stdout } = await shell.run('apply', 'resources', '--diff');
    expect(stdout.includes('\u{1b}[31m-    - access\u{1b}[0m\n')).toBe(isColoured);
  });

  it('shows no control character of a resource or of a file name', async () => {
    const shell = await repository(
      { 'b\u{1b}[2J.yaml': ROLE_YAML.replace('v7', '"v\\e[2J"') },
      { resources: [{ ...OLD_ROLE, metadata: { name: 'deploy' }, version: 'v\u{1b}[3J' }] },
    );
    const { stdout } = await shell.run('apply', 'resources', '--diff');
    expect(stdout).toContain('+version: "v\\');
    expect(stdout).not.toContain('\u{1b}');
  });

  it('takes no order of members and no case of GUIDs for a difference', async () => {
    const upper = SUBSCRIPTION.replaceAll('1', 'A');
    const shell = await repository(
      {
        'token.yaml': `${TOKEN_YAML.replace(SUBSCRIPTION, upper).replace('bot_name: example', 'bot_name: other')}`,
      },
      {
        resources: [
          {
            kind: 'token',
            version: 'v2',
            metadata: { name: 'example-bot' },
            spec: {
              azure: {
                allow: [{ resource_groups: ['group1'], subscription: upper.toLowerCase() }],
              },
              join_method: 'azure',
              bot_name: 'example',
              roles: ['Bot'],
            },
          },
        ],
      },
    );
    const { stdout } = await shell.run('apply', 'resources', '--diff');
    expect(stdout.split('\n').filter((line) => /^[-+] /.test(line))).toEqual([
      '-  bot_name: example',
      '+  bot_name: other',
    ]);
  });

  it.each<Resource>([
    { ...OLD_ROLE, spec: {} },
    {
      ...TOKEN,
      spec: {
        ...TOKEN.spec,
        azure: {
          allow: [
            {
              tenant: SUBSCRIPTION.replaceAll('1', 'B'),
              subscription: SUBSCRIPTION,
              managed_identities: [SUBSCRIPTION.replaceAll('1', 'C')],
              tags: { env: SUBSCRIPTION.replaceAll('1', 'D') },
            },
          ],
        },
      },
    },
    { ...BOT, spec: { roles: [], traits: [{ name: 'logins', values: ['A'] }] } },
  ])('expects the broker to store $kind as it does', (wanted) => {
    expect(parseResource(wanted)).toEqual({ ok: true, value: asStored(wanted) });
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
