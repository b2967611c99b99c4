/**
 * Walks a guide: writes its files and runs its commands, in its order, on a machine of the local stack. The machine's root
 * is a folder; what needs root or systemd there has a stand-in that does the same to that folder.
 */
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runProgram } from '../../local/programs.ts';
import { type Daemon, startDaemon } from '../scenarios/daemon.ts';
import { machineEnv, ROOT, type Scenario } from '../scenarios/scenario.ts';
import type { GuideStep } from './guide-steps.ts';

export interface GuideMachine {
  /** Its root. */
  readonly root: string;
  /** Its name in the simulated clouds. */
  readonly name: string;
  /** What stands in the guide, and what stands for it here. */
  readonly placeholders: Readonly<Record<string, string>>;
  /** Flags that the stand-in for a program adds, by its first arguments. */
  readonly added: Readonly<Record<string, string>>;
  /** The folder whose writing tells that the agent is done. */
  readonly destination: string;
}

/** What the guide's commands said, one after the other. */
export type Said = readonly { readonly command: string; readonly text: string }[];

/** Throws what a command said that didn't end as the guide says. */
export async function walkGuide(
  scenario: Scenario,
  steps: readonly GuideStep[],
  machine: GuideMachine,
): Promise<Said> {
  const { root } = machine;
  const bin = await prepare(machine);
  const base = { ...process.env, HOME: root, JOINCTL_HOME: join(root, 'joinctl'), ROOT: root };
  const path = `${bin}:${process.env['PATH']}`;
  const env = {
    operator: { ...base, PATH: path },
    machine: {
      ...base,
      ...machineEnv(scenario.stack, machine.name),
      PATH: path,
      JOINBOT_ROOT: root,
    },
  };
  const said: { command: string; text: string }[] = [];
  let secret = '';
  let daemon: Daemon | undefined;

  /** Starts the agent in the place of the one that ran, and waits until it wrote its files. */
  const start = async (command: string): Promise<void> => {
    await daemon?.kill('SIGINT');
    daemon = startDaemon('sh', ['-c', `exec ${command}`], { cwd: root, env: env.machine });
    await daemon.says(`wrote ${root}${machine.destination}\n`);
  };
  const systemctl = async (verb: string, unit: string): Promise<void> => {
    const text = await readFile(join(root, 'etc/systemd/system', `${unit}.service`), 'utf8');
    const [, command = ''] = /^ExecStart=\/usr\/local\/bin\/(.*)$/m.exec(text) ?? [];
    if (verb === 'enable --now' || verb === 'restart') return start(placed(command, machine));
    if (!daemon?.runs) throw new Error(`${unit} does not run: ${daemon?.said}`);
    if (verb === 'status') return;
    if (verb !== 'reload') throw new Error(`The walk knows no systemctl ${verb}`);
    if (!text.includes('\nExecReload=/bin/kill -HUP $MAINPID\n')) throw new Error(text);
    daemon.signal('SIGHUP');
    await daemon.says(`wrote ${root}${machine.destination}\n`);
  };
  const run = async (
    command: string,
    { where, outcome }: Extract<GuideStep, { kind: 'commands' }>,
  ): Promise<void> => {
    const [, verb, unit] = /^sudo systemctl ([a-z]+(?: --now)?) ([\w-]+)$/.exec(command) ?? [];
    if (verb && unit) return systemctl(verb, unit);
    if (outcome === 'stays') return start(placed(command, machine));
    const line = placed(command, machine);
    // No pipe: most commands read nothing, and who writes to a pipe that nobody reads fails.
    const args = ['--norc', '-euo', 'pipefail', '-c', `{ ${line}\n} <<< '${secret}'`];
    const done = await runProgram('bash', args, { cwd: root, env: env[where] });
    const text = `${done?.stdout}${done?.stderr}`;
    if ((done?.code === 0) !== (outcome === 'succeeds')) throw new Error(`${command}: ${text}`);
    secret = /^ {2}([0-9a-f]{32})$/m.exec(text)?.[1] ?? secret;
    said.push({ command, text });
  };

  try {
    for (const step of steps) {
      if (step.kind === 'commands') for (const command of step.commands) await run(command, step);
      else await place(join(root, step.path), placed(step.text, machine));
    }
  } finally {
    await daemon?.kill('SIGKILL');
  }
  return said;
}

/** A text of the guide with what stands for its placeholders, and the machine's paths below its root. */
function placed(text: string, { root, placeholders }: GuideMachine): string {
  const filled = Object.entries(placeholders).reduce(
    (now, [placeholder, value]) => now.replaceAll(placeholder, value),
    text,
  );
  return filled.replaceAll(/(?<![\w.])\/(?=(?:etc|opt|var\/lib)\/)/g, `${root}/`);
}

async function place(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Makes what the machine has before the guide begins. The folder of its programs. */
async function prepare(machine: GuideMachine): Promise<string> {
  const { root, added } = machine;
  const bin = join(root, 'bin');
  for (const path of [
    bin,
    ...['var/lib/joinbot', 'opt/machine-id'].map((own) => join(root, own)),
  ]) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  }
  const program = async (name: string, ...lines: readonly string[]): Promise<void> => {
    await writeFile(join(bin, name), ['#!/bin/sh', ...lines, ''].join('\n'));
    await chmod(join(bin, name), 0o755);
  };
  const installed = join(root, 'usr/local/lib/join-broker/joinbot.cjs');
  const cases = Object.entries(added).map(
    ([start, flags]) => `"${start}"*) set -- "$@" ${flags};;`,
  );
  const withFlags = (name: string): string => `case "${name} $*" in ${cases.join(' ')} esac`;

  await symlink(process.execPath, join(bin, 'node'));
  await program('joinctl', `exec '${process.execPath}' '${ROOT}dist/joinctl.cjs' "$@"`);
  await program('joinbot', withFlags('joinbot'), `exec '${process.execPath}' '${installed}' "$@"`);
  await program('ssh', withFlags('ssh'), `PATH="\${PATH#*:}" exec ssh "$@"`);
  // Everything here belongs to whoever runs the tests.
  await program(
    'sudo',
    'if [ "$1" = -u ]; then shift 2; fi',
    `if [ "$1 $2 $3 $4 $5" = 'install -m 0600 -o joinbot' ]; then shift 5; set -- install -m 0600 "$@"; fi`,
    'exec "$@"',
  );
  return bin;
}
