import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { botExample, joinToken } from '../broker/fixtures.ts';
import * as joiner from '../broker/joiner.ts';
import { createClock, createTestBroker, type TestBrokerOptions } from '../broker/test-broker.ts';
import { hasProgram, programPath } from '../programs.ts';
import { joinExample, type Scenario, startScenario, succeeded } from './scenario.ts';

const hasSsh = ['sshd', 'ssh', 'ssh-keygen'].map(hasProgram).every(Boolean);
const LOGIN = userInfo().username;
const OTHER = LOGIN === 'root' ? 'daemon' : 'root';

test.skipIf(!hasSsh)(
  "C1 C5 a real sshd admits the joined bot as its role's login, and as nobody else",
  async () => {
    const scenario = await startScenario();
    const identity = await joinExample(scenario, LOGIN);
    const authority = await fetch(`${scenario.stack.endpoints.broker}/v1/trust/ssh-user-ca.pub`);
    const server = await sshServer(scenario, await authority.text());

    const admitted = await ssh(scenario, server, join(identity, 'ssh_config'), LOGIN);
    expect(admitted.stderr).toBe('');
    expect(succeeded(admitted).stdout).toBe('hello from the server\n');

    const refused = await ssh(scenario, server, join(identity, 'ssh_config'), OTHER);
    expect(refused.code).toBe(255);
    expect(refused.stderr).toContain('Permission denied (publickey)');
  },
);

test.skipIf(!hasSsh)('C5 a real sshd refuses a certificate after its expiry', async () => {
  const scenario = await startScenario();
  // Two hours ago, for an hour: the server's clock is the real one.
  const clock = createClock(new Date(Date.now() - 2 * 3600 * 1000));
  const { config, authorities } = await joinAt(scenario, { clock });

  const server = await sshServer(scenario, authorities);
  const refused = await ssh(scenario, server, config, LOGIN);
  expect(refused.code).toBe(255);
  expect(refused.stderr).toContain('Permission denied (publickey)');
  const log = await readFile(join(scenario.folder, 'sshd/log'), 'utf8');
  expect(log).toContain('Certificate invalid: expired');
});

/** As hosts in FIPS mode have it: nothing of Ed25519. */
const FIPS = [
  'CASignatureAlgorithms ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,rsa-sha2-256,rsa-sha2-512',
  'PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp256',
];

test.skipIf(!hasSsh)(
  'a real sshd whose CASignatureAlgorithms leaves Ed25519 out admits a bot of an authority of P-256',
  async () => {
    const scenario = await startScenario();
    const { config, authorities } = await joinAt(scenario, {
      clock: createClock(new Date()),
      settings: { JOIN_BROKER_SSH_KEY_TYPE: 'ecdsa-p256' },
    });
    expect(authorities).toMatch(/^ecdsa-sha2-nistp256 /);
    const server = await sshServer(scenario, authorities, FIPS);
    const admitted = await ssh(scenario, server, config, LOGIN);
    expect(succeeded(admitted).stdout).toBe('hello from the server\n');
  },
);

test.skipIf(!hasSsh)('and refuses one of an authority of Ed25519, the default', async () => {
  const scenario = await startScenario();
  const { config, authorities } = await joinAt(scenario, { clock: createClock(new Date()) });
  expect(authorities).toMatch(/^ssh-ed25519 /);
  const server = await sshServer(scenario, authorities, FIPS);
  const refused = await ssh(scenario, server, config, LOGIN);
  expect(refused.code).toBe(255);
  const log = await readFile(join(scenario.folder, 'sshd/log'), 'utf8');
  expect(log).toContain(
    'certificate signature algorithm ssh-ed25519: signature algorithm not supported',
  );
});

/** A bot that joins a broker of this kind: its `ssh_config`, and the authorities that a server is to trust. */
async function joinAt(
  scenario: Scenario,
  options: TestBrokerOptions,
): Promise<{ readonly config: string; readonly authorities: string }> {
  const api = createTestBroker(options);
  const subscription = api.tenant.subscription();
  const vm = subscription.virtualMachine('vm', { resourceGroup: 'group1', systemAssigned: true });
  await api.put(botExample({ traits: [{ name: 'logins', values: [LOGIN] }] }));
  await api.put(joinToken({ allow: [{ subscription: subscription.id }] }));
  const attempt = await joiner.join(api, vm);
  const { certificates, trust } = joiner.joined(attempt);
  const key = await scenario.write(
    'key',
    attempt.key.export({ format: 'pem', type: 'sec1' }) as string,
  );
  await scenario.run('chmod', ['600', key]);
  await scenario.write('key-cert.pub', `${certificates[0]?.ssh}\n`);
  const config = await scenario.write(
    'ssh_config',
    `Host *\n  IdentityFile ${key}\n  IdentitiesOnly yes\n  CertificateFile ${key}-cert.pub\n`,
  );
  return { config, authorities: trust.ssh.user_ca.join('\n') };
}

/** Configures `sshd` with nothing but our user authority to trust. Gives the command that runs it for one connection. */
async function sshServer(
  { folder, run }: Scenario,
  userAuthorities: string,
  more: readonly string[] = [],
): Promise<string> {
  const server = join(folder, 'sshd');
  await mkdir(server);
  // Debian's sshd wants this folder when root starts it.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  succeeded(await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(server, 'host')]));
  await writeFile(join(server, 'user-ca.pub'), `${userAuthorities}\n`);
  const config = [
    `HostKey ${join(server, 'host')}`,
    `TrustedUserCAKeys ${join(server, 'user-ca.pub')}`,
    'AuthorizedKeysFile none',
    'AuthenticationMethods publickey',
    'PermitRootLogin yes',
    'UsePAM no',
    'StrictModes no',
    'PidFile none',
    "ForceCommand echo 'hello from the server'",
    ...more,
  ];
  await writeFile(join(server, 'config'), `${config.join('\n')}\n`);
  return `${programPath('sshd')} -i -E ${join(server, 'log')} -f ${join(server, 'config')}`;
}

/** Signs in to a server that `ssh` starts itself, as inetd would, and speaks with through a pipe: it needs no port. */
const ssh = ({ run }: Scenario, server: string, config: string, login: string) =>
  run('ssh', [
    ...['-F', config, '-o', `ProxyCommand=${server}`, '-o', 'BatchMode=yes'],
    // This server has a plain host key, so there is nothing to check it against.
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
    ...[
      '-o',
      'LogLevel=ERROR', // One of the cluster's: ssh_config is for these alone.
      `${login}@server.join-broker.local`,
    ],
  ]);
