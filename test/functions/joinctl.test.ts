/** What `joinctl` prints for a machine works at the broker itself: the line of `bots add` joins, once. */
import { expect, test } from 'vitest';
import '../broker/matchers.ts';
import { parseCommandLine } from '../../agent/command-line.ts';
import type { Terminal } from '../admin/joinctl.ts';
import { createScene } from '../broker/fixtures.ts';
import { joined } from '../broker/joiner.ts';
import type { TestBroker } from '../broker/test-broker.ts';
import { joinWith, renew } from '../broker/token-joiner.ts';
import { operatorShell } from './operator-shell.ts';

async function operatorScene(stdin = ''): Promise<{ api: TestBroker; shell: Terminal }> {
  const { api } = await createScene();
  return { api, shell: await operatorShell(api, ['JoinBroker.Admin'], { stdin }) };
}

/** The words of the `joinbot` command that was printed, without its name. */
function printedCommand(stdout: string): readonly string[] {
  const [, words = ''] = /^ {2}joinbot ((?:.*\\\n)*.*)$/m.exec(stdout) ?? [];
  return words.split(/(?:\\\n|\s)+/);
}

test('the line that `joinctl bots add` prints joins as the bot, under the pinned root', async () => {
  const { api, shell } = await operatorScene();
  const { code, stdout, stderr } = await shell.run('bots', 'add', 'robot', '--roles=access');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const command = parseCommandLine(printedCommand(stdout));
  if (command.name !== 'start') throw new Error(`joinbot ${command.name}`);
  const trust = (await api.request('GET', '/v1/trust')).body as { ca_pins: string[] };
  expect(command.flags).toMatchObject({
    joinMethod: 'token',
    proxyServer: 'broker.example.com:443',
    caPins: trust.ca_pins,
    dataDir: '/var/lib/joinbot',
    destinationDir: '/opt/machine-id',
  });
  const secret = command.flags.token ?? '';
  const attempt = await joinWith(api, secret);
  expect(joined(attempt)).toMatchObject({ bot: 'robot', role: 'Bot' });
  expect(await renew(api, { secret, attempt })).toBeAdmitted();
  expect(await joinWith(api, secret)).toBeDenied(api, 'secret_used');
});

test('`joinctl tokens ls` knows that a secret is used, and the bot’s instances are shown', async () => {
  const { api, shell } = await operatorScene();
  const made = await shell.run('tokens', 'add', '--bot=example', '--method=token', '--format=json');
  const { secret } = JSON.parse(made.stdout);
  expect((await shell.run('tokens', 'ls')).stdout).toMatch(/^example-\w{6} .* unused$/m);
  const { instance_id: id } = joined(await joinWith(api, secret));
  expect((await shell.run('tokens', 'ls')).stdout).toMatch(/^example-\w{6} .* used$/m);
  expect((await shell.run('bots', 'instances', 'ls', 'example')).stdout).toContain(id);
  expect((await shell.run('bots', 'instances', 'rm', 'example', id)).code).toBe(0);
  expect((await shell.run('bots', 'instances', 'ls', 'example')).stdout).not.toContain(id);
  expect((await shell.run('tokens', 'ls')).stdout).toMatch(/^example-\w{6} .* used$/m);
});

test('a join token from a file shows its secret when it is created, and never again', async () => {
  const file = `kind: token
version: v2
metadata:
  name: robot
  expires: "2026-11-20T13:00:00Z"
spec:
  roles: [Bot]
  bot_name: example
  join_method: token
`;
  const { api, shell } = await operatorScene(file);
  const first = await shell.run('create', '-f', '-');
  const [, secret = ''] = /shown this once:\n\n {2}([0-9a-f]{32})\n/.exec(first.stdout) ?? [];
  expect(await joinWith(api, secret)).toBeAdmitted();
  const again = await shell.run('create', '-f', '-');
  expect(again.stdout).toBe('token "robot" has been updated\n');
  expect((await shell.run('get', 'tokens')).stdout).not.toContain(secret);
});

test('the secret of `joinctl nodes add` makes a node, which `joinctl ls` shows and `nodes rm` takes away', async () => {
  const { api, shell } = await operatorScene();
  const added = await shell.run('nodes', 'add', '--format=json');
  expect(added.stderr).toBe('');
  const { secret, token } = JSON.parse(added.stdout);
  const host = { request: { role: 'Node' }, wish: { type: 'host' } };
  const attempt = await joinWith(api, secret, host);
  expect(attempt).toBeAdmitted();
  const name = `${token.metadata.name}.test.example.org`;
  expect((await shell.run('ls')).stdout).toContain(`\n${name} ${name}:22\n`);
  expect(await shell.run('nodes', 'rm', name)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^name "\S+" has been freed\ninstance "\S+" has been removed\n/),
  });
  expect((await shell.run('ls')).stdout).not.toContain(name);
  expect(await renew(api, { secret, attempt }, host)).toBeProblem('instance_unknown');
});
