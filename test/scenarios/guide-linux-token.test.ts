/**
 * Guide 002, deploying on Linux, to its last line: a secret for one first join, then the keys in the storage directory, then an
 * output that signs in to a host of guide 004. Its last step goes on where the others ended.
 */
import { mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { hasProgram } from '../programs.ts';
import { GREETING, joinNode, signIn } from './node-host.ts';
import { type OpenScenario, openScenario, succeeded } from './scenario.ts';

const hasSsh = ['sshd', 'ssh', 'ssh-keygen'].map(hasProgram).every(Boolean);
const LOGIN = userInfo().username;
const NODE = 'vm-user.group1.join-broker.local';

let scenario: OpenScenario;
beforeAll(async () => {
  scenario = await openScenario();
  return scenario.close;
});

/** The guide's file. Without a secret there is no such line. */
const tbotYaml = (broker: string, storage: string, secret?: string): string => `version: v2
proxy_server: ${broker}
onboarding:
  join_method: token
${secret === undefined ? '' : `  token: ${secret}\n`}storage:
  type: directory
  path: ${storage}
# outputs will be filled in during the completion of an access guide.
${OUTPUTS}`;
const OUTPUTS = 'outputs: []\n';

test('002 the secret is shown once and good for one machine; restarts renew, also when it is gone from the file', async () => {
  const { folder, joinctl, joinbot, startJoinbot, write, stack } = scenario;
  const { broker } = stack.endpoints;

  // Step 2.
  const added = succeeded(await joinctl('bots', 'add', 'example')).stdout;
  const secret = /^ {2}([0-9a-f]{32})$/m.exec(added)?.[1] ?? expect.fail(added);

  // Step 3: the storage directory is prepared, the agent runs as a service.
  const storage = join(folder, 'bot');
  await mkdir(storage, { recursive: true });
  const config = await write('tbot.yaml', tbotYaml(broker, storage, secret));
  const first = startJoinbot('no machine of a cloud', 'start', '-c', config);
  await first.says('joined as bot example');
  expect(await first.kill('SIGTERM')).toBe(0);

  const restarted = startJoinbot('no machine of a cloud', 'start', '-c', config);
  await restarted.says('renewed as bot example');
  expect(await restarted.kill('SIGTERM')).toBe(0);

  await write('tbot.yaml', tbotYaml(broker, storage));
  const without = startJoinbot('no machine of a cloud', 'start', '-c', config);
  await without.says('renewed as bot example');
  expect(await without.kill('SIGTERM')).toBe(0);

  // "It is not possible to use the same token multiple times."
  const second = await write('second.yaml', tbotYaml(broker, join(folder, 'second'), secret));
  const denied = await joinbot('no machine of a cloud', 'start', '-c', second, '--oneshot');
  expect(denied.code).toBe(1);
  expect(denied.stderr).toContain('A secret that was used, has expired or is mistyped');
  expect(scenario.log.join('\n')).toContain('"reason":"secret_used"');
  for (const said of [first.said, restarted.said, denied.stderr, ...scenario.log]) {
    expect(said).not.toContain(secret);
  }
});

test.skipIf(!hasSsh)(
  '002 step 4: its output signs in to a host with the certificate of a join, and nobody is asked',
  { timeout: 120_000 },
  async () => {
    const { folder, joinctl, startJoinbot, write, stack } = scenario;
    const host = await joinNode(scenario);
    succeeded(await joinctl('bots', 'update', 'example', '--roles=access', `--logins=${LOGIN}`));
    const yaml = tbotYaml(stack.endpoints.broker, join(folder, 'bot'));
    const identity = join(folder, 'machine-id');
    const output = `{type: identity, destination: {type: directory, path: ${identity}}}`;
    const filled = yaml.replace(OUTPUTS, `outputs: [${output}]\n`);
    const config = await write('tbot.yaml', filled);
    const agent = startJoinbot('no machine of a cloud', 'start', '-c', config);
    await agent.says(`wrote ${identity}`);
    const admitted = await signIn(scenario, host, identity, `${LOGIN}@${NODE}`);
    expect(admitted).toMatchObject({ stdout: GREETING, stderr: '', code: 0 });
    expect(await agent.kill('SIGTERM')).toBe(0);
  },
);
