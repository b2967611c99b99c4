/** Guide 004, to its end: a VM joins as Node, and the bot of the other guides signs in to its real `sshd` by name. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasProgram } from '../programs.ts';
import { AZURE_TOKEN, createSshHost, type SshHost, signIn, teleportYaml } from './node-host.ts';
import { joinExample, type Scenario, startScenario, succeeded } from './scenario.ts';

const hasSsh = ['sshd', 'ssh', 'ssh-keygen'].map(hasProgram).every(Boolean);
const LOGIN = userInfo().username;
const NAME = 'vm-user.group1.join-broker.local';

test.skipIf(!hasSsh)(
  '004 a host joins, sshd shows its certificate, and a bot signs in without a question',
  { timeout: 120_000 },
  async () => {
    const node = await createNode();
    const { folder, joinbot, run } = node.scenario;
    const early = await joinbot('vm-user', ...node.install);
    expect(early.code).toBe(1);
    expect(early.stderr).toContain('join first, with joinbot start -c <file> --oneshot');

    const flags = ['--oneshot', `--ssh-host-key=${node.host.hostKey}.pub`];
    const joined = succeeded(await joinbot('vm-user', 'start', '-c', node.config, ...flags));
    expect(joined.stderr).toContain(`joined as Node ${NAME} (`);
    const certificate = join(folder, 'node/ssh_host_key-cert.pub');
    const listed = succeeded(await run('ssh-keygen', ['-L', '-f', certificate])).stdout;
    expect(listed).toMatch(/Type: ssh-ed25519-cert-v01@openssh.com host certificate\n/);
    expect(listed).toContain(`Principals: \n                ${NAME}\n`);

    const printed = succeeded(await joinbot('vm-user', ...node.install)).stdout;
    expect(await readdir(`${node.host.sshdConfig}.d`)).toEqual([]);
    succeeded(await joinbot('vm-user', ...node.install, '--write'));
    expect(await readFile(`${node.host.sshdConfig}.d/20-joinbot.conf`, 'utf8')).toBe(printed);
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
    const key = await readFile(`${node.host.hostKey}.pub`, 'utf8');
    const known = await node.scenario.write('known', `${NAME} ${key}`);
    succeeded(await ssh(NAME, '-o', `UserKnownHostsFile=${known}`));

    const renewed = succeeded(await joinbot('vm-user', 'start', '-c', node.config, ...flags));
    expect(renewed.stderr).toContain(`renewed as Node ${NAME} (`);
    expect(renewed.stderr).toContain('sshd does not run: nothing to reload');
    expect(succeeded(await ssh(NAME)).stdout).toBe('hello from the server\n');

    // Without the file sshd refuses everybody, and the agent puts it back.
    await rm(join(folder, 'node/revoked.krl'));
    expect((await ssh(NAME)).code).toBe(255);
    succeeded(await joinbot('vm-user', 'start', '-c', node.config, ...flags));
    succeeded(await ssh(NAME));
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
    const snippet = await readFile(`${node.host.sshdConfig}.d/20-joinbot.conf`, 'utf8');
    const own = join(folder, 'node/ssh_host_key');
    expect(snippet).toContain(`HostKey "${node.host.hostKey}"\nHostKey "${own}"\n`);

    const ssh = await signingIn(node);
    expect(succeeded(await ssh(NAME)).stdout).toBe('hello from the server\n');
    const before = await readFile(`${own}.pub`, 'utf8');
    succeeded(await joinbot('vm-user', ...start));
    expect(await readFile(`${own}.pub`, 'utf8')).not.toBe(before);
    expect(succeeded(await ssh(NAME)).stdout).toBe('hello from the server\n');
  },
);

interface NodeMachine {
  readonly scenario: Scenario;
  /** The `teleport.yaml`. */
  readonly config: string;
  readonly host: SshHost;
  /** The arguments that install the snippet. */
  readonly install: readonly string[];
}

/** A stack with the guide's join token, and an `sshd` with a host key that has nothing to do with us. */
async function createNode(): Promise<NodeMachine> {
  const scenario = await startScenario();
  const { folder, joinctl, write, stack } = scenario;
  succeeded(await joinctl('create', '-f', await write('token.yaml', AZURE_TOKEN)));
  const yaml = teleportYaml(stack.endpoints.broker, join(folder, 'node'));
  const config = await write('teleport.yaml', yaml);
  const host = await createSshHost(scenario, join(folder, 'ssh'));
  const install = ['install', 'sshd', '-c', config, '--sshd-config', host.sshdConfig];
  return { scenario, config, host, install };
}

/** The bot of the guides, which signs in to the node's `sshd` under some name. */
async function signingIn({ scenario, host }: NodeMachine) {
  const identity = await joinExample(scenario, LOGIN);
  return (name: string, ...options: readonly string[]) =>
    signIn(scenario, host, identity, `${LOGIN}@${name}`, ...options);
}
