/** A host of guide 004, with a real `sshd` that shows the host certificate of the guide's join. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { programPath } from '../programs.ts';
import { type Scenario, succeeded } from './scenario.ts';

/** What `sshd` answers to whoever signed in. */
export const GREETING = 'hello from the server\n';

/** The guide's join token. */
export const AZURE_TOKEN = `# token.yaml
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

/** The guide's file. Hosts of one test machine need a `data_dir` each; the guide leaves it out. */
export const teleportYaml = (broker: string, dataDir: string): string => `# /etc/teleport.yaml
version: v3
teleport:
  data_dir: ${dataDir}
  join_params:
    token_name: azure-token
    method: azure
    azure:
      # client_id is the client ID of a user-assigned managed identity.
      # Omit this value when using a system-assigned managed identity.
      client_id: 22222222-2222-2222-2222-222222222222
  proxy_server: ${broker}
ssh_service:
  enabled: true
auth_service:
  enabled: false
proxy_service:
  enabled: false
`;

export interface SshHost {
  readonly hostKey: string;
  readonly sshdConfig: string;
  /** The command that runs `sshd` for one connection, as inetd would: it needs no port. */
  readonly connect: string;
}

/** An `sshd` in a folder as it is before any of this: with a host key of its own, and nobody's authority. */
export async function createSshHost({ run }: Scenario, folder: string): Promise<SshHost> {
  await mkdir(join(folder, 'sshd_config.d'), { recursive: true });
  // Debian's sshd wants this folder when root starts it.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const hostKey = join(folder, 'ssh_host_ed25519_key');
  succeeded(await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey]));
  const lines = [
    `Include ${folder}/sshd_config.d/*.conf`,
    `HostKey ${hostKey}`,
    `PidFile ${folder}/sshd.pid`,
    'AuthorizedKeysFile none',
    'AuthenticationMethods publickey',
    'PermitRootLogin yes',
    'UsePAM no',
    'StrictModes no',
    `ForceCommand echo '${GREETING.trim()}'`,
  ];
  const sshdConfig = join(folder, 'sshd_config');
  await writeFile(sshdConfig, `${lines.join('\n')}\n`);
  const connect = `${programPath('sshd')} -i -E ${folder}/log -f ${sshdConfig}`;
  return { hostKey, sshdConfig, connect };
}

/** Guide 004 on `vm-user`: the join token, the file, the join, and `sshd` shown its certificate. */
export async function joinNode(scenario: Scenario): Promise<SshHost> {
  const { folder, joinctl, joinbot, write, stack } = scenario;
  const host = await createSshHost(scenario, join(folder, 'ssh'));
  succeeded(await joinctl('create', '-f', await write('token.yaml', AZURE_TOKEN)));
  const yaml = teleportYaml(stack.endpoints.broker, join(folder, 'node'));
  const config = await write('teleport.yaml', yaml);
  succeeded(await startNode(scenario, host));
  const flags = ['--sshd-config', host.sshdConfig, '--write'];
  succeeded(await joinbot('vm-user', 'install', 'sshd', '-c', config, ...flags));
  return host;
}

/** It joins with the guide's file, or renews. */
export const startNode = ({ folder, joinbot }: Scenario, { hostKey }: SshHost) =>
  joinbot(
    ...(['vm-user', 'start', '-c', join(folder, 'teleport.yaml')] as const),
    ...[`--ssh-host-key=${hostKey}.pub`, '--oneshot'],
  );

/** `ssh -F <identity>/ssh_config <login>@<name>`, where no question can be answered. */
export const signIn = (
  { run }: Scenario,
  { connect }: SshHost,
  identity: string,
  destination: string,
  ...options: readonly string[]
) =>
  run('ssh', [
    ...['-T', '-o', `ProxyCommand=${connect}`, '-o', 'BatchMode=yes', ...options],
    ...['-F', join(identity, 'ssh_config'), destination],
  ]);
