/** The whole stack in a folder of its own, with the built tools beside it, as somebody at a terminal has it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type Outcome, runProgram } from '../../local/programs.ts';
import { type Stack, startStack } from '../../local/stack.ts';
import { type Daemon, startDaemon } from './daemon.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Scenario {
  readonly folder: string;
  readonly stack: Stack;
  /** The broker's log, line by line. */
  readonly log: readonly string[];
  /** Writes a file into the folder, and gives its path. */
  write(name: string, text: string): Promise<string>;
  joinctl(...args: readonly string[]): Promise<Outcome>;
  /** Runs `joinbot` on a machine of the simulated Azure or AWS, or on one that is of neither. */
  joinbot(machine: string, ...args: readonly string[]): Promise<Outcome>;
  /** Starts it there, to go on until it is stopped. */
  startJoinbot(machine: string, ...args: readonly string[]): Daemon;
  run(
    program: string,
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<Outcome>;
}

/** For the tests of a file together: `close` ends it. */
export interface OpenScenario extends Scenario {
  close(): Promise<void>;
}

/** For one test. */
export async function startScenario(): Promise<Scenario> {
  const scenario = await openScenario();
  onTestFinished(scenario.close);
  return scenario;
}

export async function openScenario(): Promise<OpenScenario> {
  const folder = await mkdtemp(join(tmpdir(), 'scenario-'));
  // joinctl looks for the local stack in a checkout of this project.
  await writeFile(join(folder, 'package.json'), '{"name":"join-broker"}');
  const log: string[] = [];
  const stack = await startStack({
    directory: folder,
    description: join(ROOT, 'examples/local-azure.yaml'),
    awsDescription: join(ROOT, 'examples/local-aws.yaml'),
    log: (line) => log.push(line),
  });
  const daemons: Daemon[] = [];

  const home = { HOME: folder, JOINCTL_HOME: join(folder, 'joinctl') };
  async function run(
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Outcome> {
    const outcome = await runProgram(program, args, {
      cwd: folder,
      env: { ...process.env, ...home, ...env },
    });
    if (!outcome) throw new Error(`there is no program ${program}`);
    return outcome;
  }

  return {
    folder,
    stack,
    log,
    run,
    async write(name, text) {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    },
    joinctl: (...args) => run(process.execPath, [join(ROOT, 'dist/joinctl.cjs'), ...args]),
    joinbot: (machine, ...args) =>
      run(process.execPath, [JOINBOT, ...args], machineEnv(stack, machine)),
    startJoinbot(machine, ...args) {
      const env = { ...process.env, ...home, ...machineEnv(stack, machine) };
      const daemon = startDaemon(process.execPath, [JOINBOT, ...args], { cwd: folder, env });
      daemons.push(daemon);
      return daemon;
    },
    async close() {
      await Promise.all(daemons.map((daemon) => daemon.kill('SIGKILL')));
      await stack.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const JOINBOT = join(ROOT, 'dist/joinbot.cjs');

/** What makes a process one of a machine: its metadata service, of Azure or AWS. Without a machine there is none. */
export function machineEnv(
  { endpoints }: Stack,
  machine: string,
): Readonly<Record<string, string>> {
  const imds = endpoints.machines[machine]?.imds ?? '';
  return { JOINBOT_IMDS_URL: imds, JOINBOT_AWS_IMDS_URL: imds, JOINBOT_PKI_URL: endpoints.pki };
}

/** Fails with what the program said unless it succeeded. */
export function succeeded(outcome: Outcome): Outcome {
  if (outcome.code === 0) return outcome;
  throw new Error(
    `${outcome.command} ended with ${outcome.code}: ${outcome.stdout}${outcome.stderr}`,
  );
}

/** The guides' join token, for machines of group1. */
export const BOT_TOKEN = `kind: token
version: v2
metadata:
  # name will be specified in the \`tbot\` to use this token
  name: example-bot
spec:
  roles: [Bot]
  # bot_name will match the name of the bot created later in this guide.
  bot_name: example
  join_method: azure
  azure:
    allow:
      # subscription should be the UID of an Azure subscription. Only VMs within
      # this subscription will be able to join.
    - subscription: 11111111-1111-1111-1111-111111111111
      # resource_groups allows joining to be restricted to VMs in a specific
      # resource group. It can be omitted to allow joining from any VM within
      # a subscription.
      resource_groups: ["group1"]
`;

/** The guides' agent config; the local stack speaks plain http. */
export const tbotYaml = (broker: string, more = ''): string => `version: v2
${more}proxy_server: ${broker}
onboarding:
  join_method: azure
  token: example-bot
  azure :
    client_id: 22222222-2222-2222-2222-222222222222
storage:
  type: memory
# outputs will be filled in during the completion of an access guide.
outputs: []
`;

/** The guides' bot and token, and vm-user joined with its certificates in `identity/`. */
export async function joinExample(scenario: Scenario, logins: string): Promise<string> {
  succeeded(
    await scenario.joinctl('create', '-f', await scenario.write('bot-token.yaml', BOT_TOKEN)),
  );
  succeeded(
    await scenario.joinctl(
      'bots',
      'add',
      'example',
      '--roles=access',
      `--logins=${logins}`,
      '--token',
      'example-bot',
    ),
  );
  const config = await scenario.write('tbot.yaml', tbotYaml(scenario.stack.endpoints.broker));
  const identity = join(scenario.folder, 'identity');
  succeeded(
    await scenario.joinbot(
      'vm-user',
      'start',
      '-c',
      config,
      '--oneshot',
      '--destination-dir',
      identity,
    ),
  );
  return identity;
}
