/** Guide 003, getting started, to its last line: with a secret, and on AWS; `ssh` into a host of guide 004. */
import { chmod, readdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { hasProgram } from '../programs.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { GREETING, joinNode, type SshHost, signIn } from './node-host.ts';
import { machineEnv, type OpenScenario, openScenario, ROOT, succeeded } from './scenario.ts';

const LOGIN = userInfo().username;
const OTHER = LOGIN === 'root' ? 'daemon' : 'root';
const NODE = 'vm-user.group1.join-broker.local';

/** The guide's eight names, and the one that OpenSSH looks for beside the key. */
const TREE = [
  ...['key', 'key-cert.pub', 'key.pub', 'known_hosts', 'ssh_config'],
  ...['sshcacerts', 'sshcert', 'tlscacerts', 'tlscert'],
];

const IAM_TOKEN = `kind: token
version: v2
metadata:
  # The token name is not a secret because instances must prove that they are
  # running in your AWS account to use this token.
  name: iam-token
  # Set a long expiry time for how long you want to support IAM method for
  # joining. It is safe to set this value to a very long time.
  expires: "3000-01-01T00:00:00Z"
spec:
  # Only allow bots to join using this token.
  roles: [Bot]

  # Set the join method to be IAM.
  join_method: iam

  # Define the name of the bot that will be allowed to use this token.
  bot_name: robot

  # Restrict the AWS account and (optionally) ARN that can use this token.
  # This information can be obtained from running the
  # "aws sts get-caller-identity" command from the CLI.
  allow:
  - aws_account: "111111111111"
    aws_arn: "arn:aws:sts::111111111111:assumed-role/teleport-bot-role/i-*"
`;

/** What `tree` shows: hidden names, with which the files change together, are left out. */
const tree = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder)).filter((name) => !name.startsWith('.')).toSorted();

describe.skipIf(!['sshd', 'ssh', 'ssh-keygen'].map(hasProgram).every(Boolean))('003', () => {
  let scenario: OpenScenario;
  let host: SshHost;
  beforeAll(async () => {
    scenario = await openScenario();
    host = await joinNode(scenario);
    return scenario.close;
  });
  const inside = (path: string): string => join(scenario.folder, path);

  test('003 with a secret: the printed line as it is printed, denied for want of a login, repaired, admitted', async () => {
    const { joinctl } = scenario;
    const roles = succeeded(await joinctl('get', 'roles', '--format=text')).stdout;
    expect(roles).toMatch(/^Role\s+Allowed to login as\s+Node Labels\s+Access to resources\n/);
    expect(roles).toMatch(
      /^access\s+\{\{internal\.logins\}\}\s+<all nodes>\s+event:list,read,session:read,list$/m,
    );

    const added = succeeded(await joinctl('bots', 'add', 'robot', '--roles=access')).stdout;
    const daemon = await runPrinted(added);
    await daemon.says('joined as bot robot');
    await daemon.says(`there is no SSH certificate in ${inside('machine-id')}`);
    // The role's only login stands for the bot's own, and it has none: so there is no SSH certificate yet, and it says so.
    const withoutLogins = TREE.filter((name) => !['key-cert.pub', 'sshcert'].includes(name));
    expect(await tree(inside('machine-id'))).toEqual(withoutLogins);
    expect(daemon.said).toContain('no login comes from role access: add logins to a role');

    const listed = succeeded(await joinctl('ls')).stdout;
    expect(listed).toMatch(/^Node Name\s+Address\s+Labels\n/);
    expect(listed).toMatch(new RegExp(`^${NODE}\\s+${NODE}:22\\s+\\S*resource_group=group1`, 'm'));

    const denied = await signIn(scenario, host, inside('machine-id'), `${LOGIN}@${NODE}`);
    expect(denied.code).toBe(255);
    expect(denied.stderr).toContain('Permission denied (publickey).');

    await repairAccess();
    daemon.signal('SIGHUP');
    await daemon.says('renewed as bot robot');
    await daemon.says(`wrote ${inside('machine-id')}`);
    expect(await tree(inside('machine-id'))).toEqual(TREE);

    const admitted = await signIn(scenario, host, inside('machine-id'), `${LOGIN}@${NODE}`);
    expect(admitted).toMatchObject({ stdout: GREETING, stderr: '', code: 0 });
    const other = await signIn(scenario, host, inside('machine-id'), `${OTHER}@${NODE}`);
    expect(other.stderr).toContain('Permission denied (publickey).');
    expect(await daemon.kill('SIGTERM')).toBe(0);
  });

  test('003 on AWS: the join token as it is written, an EC2 machine joins and signs in', async () => {
    const { joinctl, startJoinbot, write, stack } = scenario;
    await repairAccess();
    await joinctl('bots', 'rm', 'robot');
    succeeded(await joinctl('create', '-f', await write('iam-token.yaml', IAM_TOKEN)));
    succeeded(await joinctl('bots', 'add', 'robot', '--token=iam-token', '--roles=access'));

    const pin = /sha256:[0-9a-f]{64}/.exec(succeeded(await joinctl('status')).stdout)?.[0] ?? '';
    const daemon = startJoinbot(
      ...(['ec2-bot', 'start', `--data-dir=${inside('ec2-data')}`] as const),
      ...[`--destination-dir=${inside('ec2-machine-id')}`, '--token=iam-token'],
      ...['--join-method=iam', `--ca-pin=${pin}`, `--auth-server=${stack.endpoints.broker}`],
    );
    await daemon.says('joined as bot robot');
    await daemon.says(`wrote ${inside('ec2-machine-id')}`);
    expect(await tree(inside('ec2-machine-id'))).toEqual(TREE);
    const admitted = await signIn(scenario, host, inside('ec2-machine-id'), `${LOGIN}@${NODE}`);
    expect(admitted).toMatchObject({ stdout: GREETING, stderr: '', code: 0 });
    expect(await daemon.kill('SIGTERM')).toBe(0);
  });

  test('003 on AWS: machines of another role, another account, or none are not admitted', async () => {
    const { joinbot, stack, log } = scenario;
    const flags = ['--token=iam-token', '--join-method=iam', '--oneshot'];
    const start = ['start', ...flags, `--auth-server=${stack.endpoints.broker}`];
    for (const machine of ['ec2-other-role', 'ec2-other-account']) {
      expect((await joinbot(machine, ...start)).stderr).toContain('joinctl joins show');
    }
    expect(log.filter((line) => line.includes('"reason":"rule_mismatch"'))).toHaveLength(2);
    expect((await joinbot('ec2-without-role', ...start)).code).toBe(1);
  });

  /** The guide's repair: export the role, edit its logins, replace it. */
  async function repairAccess(): Promise<void> {
    const { joinctl, run } = scenario;
    const access = inside('access.yaml');
    await writeFile(access, succeeded(await joinctl('get', 'roles/access')).stdout);
    succeeded(await run('sed', ['-i', `s/['"]{{internal.logins}}['"]/${LOGIN}/`, access]));
    succeeded(await joinctl('create', '-f', access));
  }

  /** Runs the command that `joinctl` printed in a shell, with the folders of the machine below the test's own. */
  async function runPrinted(text: string): Promise<Daemon> {
    const { folder, stack, write } = scenario;
    const [, printed] =
      /^On the machine, run:\n\n((?: .*\n)+)/m.exec(text) ?? expect.fail(`no command in ${text}`);
    const command = (printed ?? '').replaceAll(/=(\/(?:var|opt)\/)/g, `=${folder}$1`);
    const line = command
      .replace('/var/lib/joinbot', '/bot')
      .replace('/opt/machine-id', '/machine-id');
    const program = await write(
      'joinbot',
      `#!/bin/sh\nexec '${process.execPath}' '${ROOT}dist/joinbot.cjs' "$@"\n`,
    );
    await chmod(program, 0o755);
    const env = {
      ...process.env,
      ...machineEnv(stack, 'no machine of a cloud'),
      PATH: `${folder}:${process.env['PATH']}`,
    };
    return startDaemon('sh', ['-c', line.replace(/^ +joinbot/, 'exec joinbot')], {
      cwd: folder,
      env,
    });
  }
});
