import { describe, expect, it } from 'vitest';
import { asStored } from '../../../admin/commands/apply-plan.ts';
import type { Resource } from '../../../shared/protocol/resource.ts';
import { parseResource } from '../../../shared/resources/resource.ts';
import { BOT, BOT_YAML, SUBSCRIPTION, TOKEN, TOKEN_YAML } from '../samples.ts';
import { OLD_ROLE, OLD_TOKEN, ROLE_YAML, repository, writes } from './resource-folder.ts';

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
