/** The guides, step by step, as far as this version goes: `joinbot` for `tbot`, `joinctl` for `tctl`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BOT_TOKEN, startScenario, succeeded } from './scenario.ts';

test('003 getting started: roles, a bot with logins, certificates in a folder', async () => {
  const { folder, joinctl, joinbot, write, run, stack } = await startScenario();
  const roles = succeeded(await joinctl('get', 'roles', '--format=text')).stdout;
  expect(roles).toMatch(/^Role\s+Allowed to login as\s+Node Labels\s+Access to resources\n/);
  expect(roles).toMatch(
    /^access\s+\{\{internal\.logins\}\}\s+<all nodes>\s+event:list,read,session:read,list$/m,
  );

  succeeded(await joinctl('create', '-f', await write('bot-token.yaml', BOT_TOKEN)));
  succeeded(await joinctl('bots', 'add', 'example', '--token=example-bot', '--roles=access'));

  // Export the role, edit the logins field, update the role.
  const exported = succeeded(await joinctl('get', 'roles/access')).stdout;
  const edited = exported
    .replace("'{{internal.logins}}'", 'deploy')
    .replace('"{{internal.logins}}"', 'deploy');
  expect(edited).not.toBe(exported);
  succeeded(await joinctl('create', '-f', await write('access.yaml', edited)));

  const identity = join(folder, 'machine-id');
  const pin = /sha256:[0-9a-f]{64}/.exec(succeeded(await joinctl('status')).stdout)?.[0] ?? '';
  succeeded(
    await joinbot(
      'vm-system',
      ...[
        'start',
        `--data-dir=${join(folder, 'bot')}`,
        `--destination-dir=${identity}`,
        '--token=example-bot',
      ],
      ...[
        '--join-method=azure',
        `--ca-pin=${pin}`,
        `--auth-server=${stack.endpoints.broker}`,
        '--oneshot',
      ],
    ),
  );
  for (const name of [
    'key',
    'key.pub',
    'known_hosts',
    'ssh_config',
    'sshcacerts',
    'sshcert',
    'tlscacerts',
    'tlscert',
  ]) {
    expect((await readFile(join(identity, name), 'utf8')).length).toBeGreaterThan(0);
  }
  const listed = succeeded(await run('ssh-keygen', ['-L', '-f', join(identity, 'sshcert')])).stdout;
  expect(listed).toMatch(/Principals:\s+deploy\n/);
});

test('004 joining services: the join token is stored as the guide writes it', async () => {
  const { joinctl, write } = await startScenario();
  const token = `# token.yaml
kind: token
version: v2
metadata:
  # the token name is not a secret because instances must prove that they are
  # running in your Azure subscription to use this token
  name: azure-token
spec:
  # use the minimal set of roles required
  roles: [Node]
  join_method: azure
  azure:
    allow:
      # specify the Azure subscription which Teleport processes may join from
      - subscription: 11111111-1111-1111-1111-111111111111
      # multiple allow rules are supported
      - subscription: 22222222-2222-2222-2222-222222222222
      # resource_groups is optional and allows you to restrict the resource group of
      # joining Teleport processes
      - subscription: 33333333-3333-3333-3333-333333333333
        resource_groups: ["group1", "group2"]
`;
  succeeded(await joinctl('create', '-f', await write('token.yaml', token)));
  expect(succeeded(await joinctl('get', 'token/azure-token')).stdout).toContain('- Node');
});
