/** Guide 004, to its end: a VM joins as Node, and the bot of the other guides signs in to its real `sshd` by name. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasProgram, programPath } from '../programs.ts';
import { joinExample, type Scenario, startScenario, succeeded } from './scenario.ts';

const hasSsh = ['sshd', 'ssh', 'ssh-keygen'].map(hasProgram).every(Boolean);
const LOGIN = userInfo().username;
const NAME = 'vm-user.group1.join-broker.local';

/** The guide's join token. */
const AZURE_TOKEN = `# token.yaml
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
`;

/** The guide's file; a test's host keeps its files in the test's folder. */
const teleportYaml = ({ stack, folder }: Scenario): string => `# /etc/teleport.yaml
version: v3
teleport:
  data_dir: ${join(folder, 'node')}
  join_params:
    token_name: azure-token
    method: azure
    azure:
      # client_id is the client ID of a user-assigned managed identity.
      # Omit this value when using a system-assigned managed identity.
      client_id: 22222222-2222-2222-2222-222222222222
  proxy_server: ${stack.endpoints.broker}
ssh_service:
  enabled: true
auth_service:
  enabled: false
proxy_service:
  enabled: false
`;

test.skipIf(!hasSsh)(
  '004 a host joins, sshd shows its certificate, and a bot signs in without a question',
  async () => {
    const node = await createNode();
    const { folder, joinbot, run } = node.scenario;
    const early = await joinbot('vm-user', ...node.install);
    expect(early.code).toBe(1);
    expect(early.stderr).toContain('join first, with joinbot start -c <file> --oneshot');

    const flags = ['--oneshot', `--ssh-host-key=${node.hostKey}.pub`];
    const joined = succeeded(await joinbot('vm-user', 'start', '-c', node.config, ...flags));
    expect(joined.stderr).toContain(`joined as Node ${NAME} (`);
    const certificate = join(folder, 'node/ssh_host_key-cert.pub');
    const listed = succeeded(await run('ssh-keygen', ['-L', '-f', certificate])).stdout;
    expect(listed).toMatch(/Type: ssh-ed25519-cert-v01@openssh.com host certificate\n/);
    expect(listed).toContain(`Principals: \n                ${NAME}\n`);

    const printed = succeeded(await joinbot('vm-user', ...node.install)).stdout;
    expect(await readdir(`${node.sshdConfig}.d`)).toEqual([]);
    succeeded(await joinbot('vm-user', ...node.install, '--write'));
    expect(await readFile(`${node.sshdConfig}.d/20-joinbot.conf`, 'utf8')).toBe(printed);
    expect(printed).not.toContain('HostKey ');
    const again = succeeded(await joinbot('vm-user', ...node.install, '--write'));
    expect(again.stdout).toMatch(/^\S+20-joinbot\.conf is as it should be\n$/);

    const ssh = await signingIn(node);
    const admitted = await ssh(NAME);
    expect(admitted.stderr).toBe('');
    expect(succeeded(admitted).stdout).toBe('hello from the server\n');

    const refused = await ssh('vm-other.group1.join-broker.local');
    expect(refused.code).toBe(255);
    expect(refused.stderr).toContain('Certificate invalid: name is not a listed principal');

    // Who knows the host by its key, and nothing of our authority, notices nothing.
    const key = await readFile(`${node.hostKey}.pub`, 'utf8');
    const known = await node.scenario.write('known', `${NAME} ${key}`);
    succeeded(await ssh(NAME, '-o', `UserKnownHostsFile=${known}`));

    const renewed = succeeded(await joinbot('vm-user', 'start', '-c', node.config, ...flags));
    expect(renewed.stderr).toContain(`renewed as Node ${NAME} (`);
    expect(renewed.stderr).toContain('sshd does not run: nothing to reload');
    expect(succeeded(await ssh(NAME)).stdout).toBe('hello from the server\n');
  },
);

test.skipIf(!hasSsh)(
  '004 a host with an SSH key of its own: sshd loads it, and shows it beside the keys that it had',
  async () => {
    const node = await createNode();
    const { folder, joinbot } = node.scenario;
    const start = ['start', '-c', node.config, '--oneshot', '--ssh-host-key=none'];
    succeeded(await joinbot('vm-user', ...start));
    succeeded(await joinbot('vm-user', ...node.install, '--write'));
    const snippet = await readFile(`${node.sshdConfig}.d/20-joinbot.conf`, 'utf8');
    const own = join(folder, 'node/ssh_host_key');
    expect(snippet).toContain(`HostKey "${node.hostKey}"\nHostKey "${own}"\n`);

    const ssh = await signingIn(node);
    expect(succeeded(await ssh(NAME)).stdout).toBe('hello from the server\n');
    const before = await readFile(`${own}.pub`, 'utf8');
    succeeded(await joinbot('vm-user', ...start));
    expect(await readFile(`${own}.pub`, 'utf8')).not.toBe(before);
    expect(succeeded(await ssh(NAME)).stdout).toBe('hello from the server\n');
  },
);

test('004 troubleshooting: a denied host is told where the reason is, and the operator sees it', async () => {
  const scenario = await startScenario();
  const { joinctl, joinbot, write } = scenario;
  succeeded(await joinctl('create', '-f', await write('token.yaml', AZURE_TOKEN)));
  // That machine has a system-assigned identity.
  const yaml = teleportYaml(scenario).replace(/ +azure:\n(?: +#.*\n)* +client_id: .*\n/, '');
  const config = await write('teleport.yaml', yaml);
  const denied = await joinbot('vm-other-subscription', 'start', '-c', config, '--oneshot');
  expect(denied.code).toBe(1);
  const id = /joinctl joins show ([0-9a-f-]{36})/.exec(denied.stderr)?.[1] ?? '';
  await expect
    .poll(async () => (await joinctl('joins', 'show', id)).stdout, { timeout: 10_000 })
    .toContain('azure-token');
});

interface NodeMachine {
  readonly scenario: Scenario;
  /** The `teleport.yaml`. */
  readonly config: string;
  readonly sshdConfig: string;
  readonly hostKey: string;
  /** The arguments that install the snippet. */
  readonly install: readonly string[];
}

/** A stack with the guide's join token, and an `sshd` with a host key that has nothing to do with us. */
async function createNode(): Promise<NodeMachine> {
  const scenario = await startScenario();
  const { folder, joinctl, run, write } = scenario;
  succeeded(await joinctl('create', '-f', await write('token.yaml', AZURE_TOKEN)));
  const config = await write('teleport.yaml', teleportYaml(scenario));

  const directory = join(folder, 'ssh');
  await mkdir(join(directory, 'sshd_config.d'), { recursive: true });
  // Debian's sshd wants this folder when root starts it.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const hostKey = join(directory, 'ssh_host_ed25519_key');
  succeeded(await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey]));
  const sshdConfig = join(directory, 'sshd_config');
  const lines = [
    `Include ${sshdConfig}.d/*.conf`,
    `HostKey ${hostKey}`,
    `PidFile ${join(directory, 'sshd.pid')}`,
    'AuthorizedKeysFile none',
    'AuthenticationMethods publickey',
    'PermitRootLogin yes',
    'UsePAM no',
    'StrictModes no',
    "ForceCommand echo 'hello from the server'",
  ];
  await writeFile(sshdConfig, `${lines.join('\n')}\n`);
  const install = ['install', 'sshd', '-c', config, '--sshd-config', sshdConfig];
  return { scenario, config, sshdConfig, hostKey, install };
}

/** The bot of the guides, which signs in to the node's `sshd` under some name through a pipe: it needs no port. */
async function signingIn({ scenario, sshdConfig }: NodeMachine) {
  const identity = await joinExample(scenario, LOGIN);
  const server = `${programPath('sshd')} -i -E ${sshdConfig}.log -f ${sshdConfig}`;
  return (host: string, ...options: readonly string[]) =>
    scenario.run('ssh', [
      ...['-T', '-F', join(identity, 'ssh_config'), '-o', `ProxyCommand=${server}`],
      ...['-o', 'BatchMode=yes', ...options, `${LOGIN}@${host}`],
    ]);
}
