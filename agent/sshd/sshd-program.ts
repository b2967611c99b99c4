/** Asks the machine's own `sshd` about its configuration. */
import { Failure } from '../failure.ts';
import type { MachinePrograms } from '../machine-programs.ts';
import { printable } from '../printable.ts';

/** It wants to be started by its absolute path, and isn't on everybody's PATH. */
const PATHS = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd'];

export interface SshdProgram {
  /** What is wrong with the configuration as it stands; `undefined` if `sshd` takes it. */
  test(): Promise<string | undefined>;
  /** What it would run with: the values of each setting, by its name in lower case. Throws a `Failure`. */
  settings(): Promise<ReadonlyMap<string, readonly string[]>>;
}

/** Throws a `Failure` where there is no `sshd`. */
export async function findSshd({ run }: MachinePrograms, configFile: string): Promise<SshdProgram> {
  const ask = async (mode: '-t' | '-T') => {
    for (const path of PATHS) {
      const outcome = await run(path, [mode, '-f', configFile]);
      if (outcome) return outcome;
    }
    throw new Failure(
      'sshd',
      `there is no sshd here (${PATHS.join(', ')}): install openssh-server`,
    );
  };
  const complaintOf = ({ stderr }: { readonly stderr: string }): string =>
    printable(stderr.trim().replace(/\s*\n/g, '; '), 500);

  return {
    async test() {
      const outcome = await ask('-t');
      return outcome.code === 0 ? undefined : complaintOf(outcome);
    },
    async settings() {
      const outcome = await ask('-T');
      if (outcome.code !== 0)
        throw new Failure('sshd', `sshd does not take its configuration: ${complaintOf(outcome)}`);
      const settings = new Map<string, string[]>();
      for (const line of outcome.stdout.split('\n')) {
        const end = line.indexOf(' ');
        const name = line.slice(0, end);
        if (end > 0) settings.set(name, [...(settings.get(name) ?? []), line.slice(end + 1)]);
      }
      return settings;
    },
  };
}
