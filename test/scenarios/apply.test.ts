/** Tokens, bots and roles from the files of a repository, as `deploy.yml` applies them. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BOT_TOKEN, startScenario, succeeded, tbotYaml } from './scenario.ts';

const ROLE = `kind: role
version: v7
metadata:
  name: deploy
spec:
  allow:
    logins: [deploy]
---
kind: role
version: v7
metadata:
  name: nothing
spec: {}
`;
const BOT = 'kind: bot\nversion: v1\nmetadata:\n  name: example\nspec:\n  roles: [deploy]\n';
const OTHER_TOKEN = BOT_TOKEN.replace('name: example-bot', 'name: other-bot').replace(
  '11111111-1111-1111-1111-111111111111',
  'AAAAAAAA-1111-1111-1111-111111111111',
);

test('a machine joins with what the files say; applying them again changes nothing', async () => {
  const { folder, joinctl, joinbot, write, stack } = await startScenario();
  await mkdir(join(folder, 'resources/tokens'), { recursive: true });
  await write('resources/roles.yaml', ROLE);
  await write('resources/bots.yaml', BOT);
  await write('resources/tokens/azure.yaml', `${BOT_TOKEN}---\n${OTHER_TOKEN}`);

  const announced = await joinctl('apply', '-f', 'resources', '--prune', '--diff');
  expect(announced.code).toBe(3);
  expect(announced.stdout).toContain('+++ token/example-bot\tresources/tokens/azure.yaml:1:1\n');
  expect(succeeded(await joinctl('apply', '-f', 'resources', '--prune')).stdout).toMatch(
    /\n5 created\n$/,
  );

  const config = await write('tbot.yaml', tbotYaml(stack.endpoints.broker, 'oneshot: true\n'));
  succeeded(await joinbot('vm-user', 'start', '-c', config));

  const again = succeeded(await joinctl('apply', '-f', 'resources', '--prune'));
  expect(again.stdout).toMatch(/\n5 unchanged\n$/);
  const compared = succeeded(await joinctl('apply', '-f', 'resources', '--prune', '--diff'));
  expect(compared.stdout).toBe('Nothing would change.\n');

  // A join token that goes from the files goes from the broker, and nothing else does.
  await rm(join(folder, 'resources/tokens'), { recursive: true });
  succeeded(await joinctl('lock', '--bot=other', '--ttl=1h', '--force'));
  expect(succeeded(await joinctl('apply', 'resources', '--prune')).stdout).toMatch(
    /\n2 deleted, 3 unchanged\n$/,
  );
  expect((await joinbot('vm-user', 'start', '-c', config)).code).toBe(1);
  expect(succeeded(await joinctl('get', 'roles,locks', '--format=json')).stdout).toMatch(
    /"access"[\s\S]*"auditor"[\s\S]*"deploy"[\s\S]*"editor"[\s\S]*"kind": "lock"/,
  );
});

test('a change of who owns what has joined is refused, with its place in the file', async () => {
  const { joinctl, write } = await startScenario();
  const file = await write('token.yaml', BOT_TOKEN);
  succeeded(await joinctl('apply', '-f', file));
  await write('token.yaml', BOT_TOKEN.replace('bot_name: example', 'bot_name: other'));
  expect(await joinctl('apply', '-f', 'token.yaml')).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^joinctl: token\.yaml:9:3: spec\.bot_name: can not be changed, because it decides who owns/,
    ),
  });
});
