/** The guides for our users: every file that they show is written, and every command that they show is run, in their order. */
import { mkdir, readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { hasProgram } from '../programs.ts';
import { createSshHost, GREETING, joinNode, type SshHost } from '../scenarios/node-host.ts';
import { type OpenScenario, openScenario, ROOT, succeeded } from '../scenarios/scenario.ts';
import { type GuideStep, guideSteps } from './guide-steps.ts';
import { type Said, walkGuide } from './guide-walk.ts';

const NODE = 'vm-user.group1.join-broker.local';

/** What other guides did to the machine before. */
const INSTALL: GuideStep = {
  kind: 'commands',
  where: 'machine',
  outcome: 'succeeds',
  commands: ['curl -fsS https://broker.example.org/scripts/install.sh | sudo bash'],
};

const programs = ['bash', 'curl', 'sshd', 'ssh', 'ssh-keygen'].map(hasProgram).every(Boolean);
describe.skipIf(!programs)('docs/guides', () => {
  let scenario: OpenScenario;
  let node: SshHost;
  let pin: string;
  beforeAll(async () => {
    scenario = await openScenario();
    node = await joinNode(scenario);
    const status = succeeded(await scenario.joinctl('status')).stdout;
    pin = /sha256:[0-9a-f]{64}/.exec(status)?.[0] ?? expect.fail(status);
    return scenario.close;
  });

  interface Walk {
    /** The name in the simulated clouds of the machine that the guide is about. */
    readonly machine: string;
    readonly before?: readonly GuideStep[];
    readonly destination?: string;
  }

  async function walk(
    guide: string,
    { machine, before = [], destination = '/opt/machine-id' }: Walk,
  ): Promise<Said> {
    const root = join(scenario.folder, guide);
    await mkdir(join(root, 'etc/systemd/system'), { recursive: true });
    const own = await createSshHost(scenario, join(root, 'etc/ssh'));
    const { broker } = scenario.stack.endpoints;
    const steps = guideSteps(await readFile(join(ROOT, `docs/guides/${guide}.md`), 'utf8'));
    return walkGuide(scenario, [...before, ...steps], {
      root,
      name: machine,
      destination,
      placeholders: {
        'https://broker.example.org': broker,
        'broker.example.org:443': broker,
        'broker.example.org': broker,
        'web-1.group1.example.org': NODE,
        'sha256:abdc1245ef905678abdc1245ef905678abdc1245ef905678abdc1245ef905678': pin,
        deploy: userInfo().username,
      },
      added: {
        ssh: `-T -o BatchMode=yes -o 'ProxyCommand=${node.connect}'`,
        [`joinbot start -c ${root}/etc/teleport.yaml`]: `--ssh-host-key=${own.hostKey}.pub`,
        'joinbot install sshd': `--sshd-config=${own.sshdConfig}`,
      },
    });
  }

  const lastOf = (said: Said): string | undefined => said.at(-1)?.text;

  test('azure.md', async () => {
    expect(lastOf(await walk('azure', { machine: 'vm-user' }))).toBe(GREETING);
  });

  test('linux-token.md', async () => {
    const said = await walk('linux-token', { machine: 'no machine of a cloud' });
    expect(said.find(({ command }) => command === 'joinctl tokens ls')?.text).toContain('used');
    expect(lastOf(said)).toBe(GREETING);
  });

  test('getting-started.md', async () => {
    const said = await walk('getting-started', {
      machine: 'no machine of a cloud',
      before: [INSTALL],
    });
    const [denied, admitted] = said.filter(({ command }) => command.includes(' ssh -F '));
    expect(denied?.text).toContain('Permission denied (publickey)');
    expect(admitted?.text).toBe(GREETING);
  });

  test('aws.md', async () => {
    expect(lastOf(await walk('aws', { machine: 'ec2-bot' }))).toBe(GREETING);
  });

  test('nodes.md', async () => {
    const said = await walk('nodes', { machine: 'vm-user', destination: '/var/lib/joinbot-node' });
    expect(said.find(({ command }) => command === 'joinctl ls')?.text).toContain(`${NODE}:22`);
  });
});
