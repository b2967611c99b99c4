/** Guide 004, services joining by a managed identity: the file, the daemon, and its three messages of trouble in our words. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { listening } from './listening.ts';
import { AZURE_TOKEN, teleportYaml } from './node-host.ts';
import { machineEnv, type OpenScenario, openScenario, ROOT, succeeded } from './scenario.ts';

const GUIDE = readFileSync(join(ROOT, 'docs/guides/nodes.md'), 'utf8');
const NODE = 'vm-user.group1.join-broker.local';

let scenario: OpenScenario;
beforeAll(async () => {
  scenario = await openScenario();
  const { joinctl, write } = scenario;
  succeeded(await joinctl('create', '-f', await write('token.yaml', AZURE_TOKEN)));
  return scenario.close;
});

/** The guide's file for a machine that keeps its files in this folder of the test's. */
const fileOf = (machine: string): Promise<string> => {
  const { folder, stack, write } = scenario;
  return write(`${machine}.yaml`, teleportYaml(stack.endpoints.broker, join(folder, machine)));
};
/** The same for a system-assigned identity: without `azure`, as the guide's comment says. */
const fileWithoutIdentity = async (machine: string): Promise<string> => {
  const { folder, stack, write } = scenario;
  const yaml = teleportYaml(stack.endpoints.broker, join(folder, machine));
  return write(`${machine}.yaml`, yaml.replace(/ +azure:\n(?: +#.*\n)* +client_id: .*\n/, ''));
};

test('004 the machine joins as Node, renews when it is told to, and stops when it is told to', async () => {
  const { joinctl, startJoinbot } = scenario;
  const file = await fileOf('node');
  const daemon = startJoinbot('vm-user', 'start', '-c', file, '--ssh-host-key=none');
  await daemon.says(`joined as Node ${NODE} (`);
  await daemon.says('wrote ');
  daemon.signal('SIGHUP');
  await daemon.says(`renewed as Node ${NODE} (`);
  expect(await daemon.kill('SIGTERM')).toBe(0);
  expect(succeeded(await joinctl('ls')).stdout).toContain(`${NODE}:22`);
  expect(succeeded(await joinctl('get', `node/${NODE}`, '--format=text')).stdout).toContain(NODE);
});

test('004 "fetching intermediate certificate": the agent names the address that the network must allow', async () => {
  const { run, stack } = scenario;
  // A network that lets nothing through.
  const blocked = createServer((_, response) => void response.destroy());
  const env = {
    ...machineEnv(stack, 'vm-user'),
    JOINBOT_PKI_URL: await listening(blocked),
  };
  const args = ['start', '-c', await fileOf('blocked'), '--ssh-host-key=none', '--oneshot'];
  const failed = await run(process.execPath, [join(ROOT, 'dist/joinbot.cjs'), ...args], env);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain(told('fetching the intermediate certificate failed'));
  expect(failed.stderr).toContain(
    'The network must allow this machine to reach http://www.microsoft.com/pkiops/certs/',
  );
});

test('004 "checking Azure challenge solution": the operator reads which check of document or token failed', async () => {
  const { joinctl, run, stack } = scenario;
  const [document, token] = ['vm-system', 'vm-user'].map((name) => machineEnv(stack, name));
  // A machine that shows its own document and the token of another one.
  const mixed = createServer((request, response) => {
    const isToken = request.url?.startsWith('/metadata/identity');
    const imds = (isToken ? token : document)?.['JOINBOT_IMDS_URL'];
    fetch(`${imds}${request.url}`, { headers: { metadata: 'true' } })
      .then(async (answer) => {
        response.writeHead(answer.status, { 'content-type': 'application/json' });
        response.end(await answer.text());
      })
      .catch(() => void response.destroy());
  });
  const env = { ...machineEnv(stack, 'vm-user'), JOINBOT_IMDS_URL: await listening(mixed) };
  const args = ['start', '-c', await fileOf('mixed'), '--ssh-host-key=none', '--oneshot'];
  const denied = await run(process.execPath, [join(ROOT, 'dist/joinbot.cjs'), ...args], env);
  expect(denied.code).toBe(1);
  const shown = await shownJoin(denied.stderr);
  expect(reasonIn(shown)).toBe(told('machine_mismatch'));
  expect(shown).toContain('the token names another machine than the resource id that it sent');
  expect(succeeded(await joinctl('ls')).stdout).not.toContain('vm-system');
});

test('004 a machine that no allow rule fits: the operator reads which field of which rule did not match', async () => {
  const { joinbot } = scenario;
  const file = await fileWithoutIdentity('other');
  const args = ['start', '-c', file, '--ssh-host-key=none', '--oneshot'];
  const denied = await joinbot('vm-other-subscription', ...args);
  expect(denied.code).toBe(1);
  const shown = await shownJoin(denied.stderr);
  expect(reasonIn(shown)).toBe(told('rule_mismatch'));
  expect(shown).toContain(
    'no rule of join token azure-token admits this machine: rule 1: subscription `',
  );
  expect(shown).toContain('No rule of the join token admits the machine');
});

const reasonIn = (shown: string): string | undefined => /^Reason +(\w+)$/m.exec(shown)?.[1];

/** What our guide's table of troubles tells of. */
function told(words: string): string {
  expect(GUIDE).toMatch(new RegExp(`^\\| [^|]*\`${words}\`[^|]* \\| .+ \\|$`, 'm'));
  return words;
}

/** What `joinctl joins show` says of the join that the agent was refused: the join log is written in batches. */
async function shownJoin(said: string): Promise<string> {
  const id = /joinctl joins show ([0-9a-f-]{36})/.exec(said)?.[1] ?? expect.fail(said);
  let shown = '';
  await expect
    .poll(
      async () => {
        shown = (await scenario.joinctl('joins', 'show', id ?? '')).stdout;
        return shown;
      },
      { timeout: 10_000 },
    )
    .toContain('Reason');
  return shown;
}
