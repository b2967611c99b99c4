/** `joinbot install systemd`: a hardened unit for one config file, printed or written. */
import { access, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { writeAskedFile } from '../asked-file.ts';
import type { InstallSystemdFlags } from '../command-line.ts';
import { orUndefined } from '../durable-file.ts';
import { Failure } from '../failure.ts';
import type { MachinePrograms } from '../machine-programs.ts';
import { printable } from '../printable.ts';
import { refuseOpenToOthers } from '../safe-directory.ts';
import type { HostService } from '../settings.ts';
import type { WritablePlaces } from '../start-outputs.ts';
import { JOINBOT_YAML, unitText } from './unit.ts';

interface UnitInstallation {
  readonly flags: InstallSystemdFlags;
  /** The service that the config joins as; absent: a bot. */
  readonly host: HostService | undefined;
  readonly places: WritablePlaces;
  readonly programs: MachinePrograms;
  readonly say: (text: string) => void;
}

const SYSTEMD_DIRECTORY = '/etc/systemd/system';
const WRAPPER = '/usr/local/bin/joinbot';

/** Throws a `Failure`; then nothing is changed. */
export async function installSystemd(installation: UnitInstallation): Promise<void> {
  const { flags, host, places, programs, say } = installation;
  const name = matching('--name', flags.name ?? 'joinbot', /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/);
  const user = flags.user ?? (host ? 'root' : 'joinbot');
  const program = await programWords();
  const config = resolve(flags.config ?? JOINBOT_YAML);
  const text = unitText({
    name,
    description: host ? 'Join Broker agent of a host' : 'Join Broker agent',
    program: program.map(plainPath),
    config: plainPath(config),
    ...(user !== 'root' && {
      user: matching('--user', user, ACCOUNT),
      group: matching('--group', flags.group ?? user, ACCOUNT),
    }),
    directories: places.directories.map(plainPath),
    socketDirectories: places.socketDirectories.map(plainPath),
    madeBy: 'joinbot install systemd',
  });
  if (!flags.write) return say(text);

  if (user === 'root') await refuseOthersPrograms([config, ...program]);
  await expectAccount('passwd', '--user', user, programs);
  if (user !== 'root') await expectAccount('group', '--group', flags.group ?? user, programs);
  const directory = flags.systemdDirectory ?? SYSTEMD_DIRECTORY;
  const path = join(directory, `${name}.service`);
  const isNew = await writeAskedFile(path, text, {
    force: flags.force,
    otherwise: 'put changes beside it (systemctl edit), or replace it with --force',
  });
  if (!isNew) return say(`${path} is as it should be\n`);
  say(`Wrote ${path}\n`);
  if (flags.systemdDirectory === undefined) await reloadSystemd(programs);
  say(`Start it, now and with the machine: systemctl enable --now ${name}\n`);
}

/** The files themselves and where they lie; where one is a link, also where that is. */
async function refuseOthersPrograms(files: readonly string[]): Promise<void> {
  const danger =
    'who could so become root when the unit starts: put joinbot and its config where only root may write';
  for (const place of files.flatMap((file) => [file, dirname(file)]))
    await refuseOpenToOthers(place, danger);
}

/** The installed program; else this very one. */
async function programWords(): Promise<readonly string[]> {
  const isInstalled = await access(WRAPPER).then(
    () => true,
    () => false,
  );
  if (isInstalled) return [WRAPPER];
  // Node.js before 20.16 can't ask, and is no such program.
  const isAlone = process.getBuiltinModule?.('node:sea')?.isSea() ?? false;
  return isAlone ? [process.execPath] : [process.execPath, resolve(process.argv[1] ?? '')];
}

const ACCOUNT = /^[a-z_][a-z0-9_-]{0,31}$/;

function matching(flag: string, value: string, form: RegExp): string {
  if (form.test(value)) return value;
  throw new Failure('usage', `${flag}: expected ${form.source}, got ${printable(value, 60)}`);
}

/** In a unit's lines white space, quotes, `%` and `$` mean something. */
function plainPath(path: string): string {
  if (/^\/[A-Za-z0-9._/@+-]+$/.test(path)) return path;
  const message = `a unit can't name ${printable(path)}: expected an absolute path of letters, digits and . _ - + @`;
  throw new Failure('config', message);
}

async function expectAccount(
  table: 'passwd' | 'group',
  flag: string,
  name: string,
  programs: MachinePrograms,
): Promise<void> {
  const found = await programs.run('getent', [table, name]);
  if (found?.code !== 2) return;
  const make = `useradd --system --user-group --no-create-home --shell /usr/sbin/nologin ${name}`;
  throw new Failure('config', `${flag}: there is no ${name} on this machine: ${make}`);
}

/** Throws a `Failure` that says what systemd said. `runs` is there where systemd runs (sd_booted(3)). */
export async function reloadSystemd(
  programs: MachinePrograms,
  runs = '/run/systemd/system',
): Promise<void> {
  // Where it does not (an image, a container) it reads the unit when it does.
  if (!(await orUndefined(stat(runs)))) return;
  const done = await programs.run('systemctl', ['daemon-reload']);
  if (done?.code === 0) return;
  const why = done ? printable(done.stderr) : 'there is no program systemctl';
  throw new Failure('files', `the unit is written, but systemd did not read it: ${why}`);
}
