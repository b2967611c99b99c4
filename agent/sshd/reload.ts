/**
 * Makes `sshd` take the new certificate after a renewal. How, `joinbot install sshd` wrote into the directory of the
 * host's files; where it didn't, nothing is reloaded. It is one of two ways and never a command of the file's own.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod/mini';
import { parseJsonWith, sentenceOf } from '../../shared/protocol/schema.ts';
import { orUndefined, withPlainErrors, writeDurably } from '../durable-file.ts';
import { Failure } from '../failure.ts';
import type { Log } from '../log.ts';
import type { MachinePrograms } from '../machine-programs.ts';
import { printable } from '../printable.ts';
import { expectProgram } from '../reload.ts';

const way = z.union([
  z.strictObject({ unit: z.enum(['ssh.service', 'sshd.service']) }),
  z.strictObject({ pid_file: z.string().check(z.regex(/^\/[^\p{Cc}]{1,1024}$/u)) }),
]);
export type ReloadWay = z.infer<typeof way>;

const FILE = 'sshd.json';
const contents = z.strictObject({ version: z.literal(1), reload: way });

/** Whether anything was changed. */
export async function rememberReload(directory: string, reload: ReloadWay): Promise<boolean> {
  const text = `${JSON.stringify({ version: 1, reload })}\n`;
  return withPlainErrors(directory, async () => {
    if ((await orUndefined(readFile(join(directory, FILE), 'utf8'))) === text) return false;
    await writeDurably(directory, FILE, text);
    return true;
  });
}

/** Says what came of it; a failure is no reason to stop, since the certificates are there. */
export async function reloadAfterRenewal(
  directory: string,
  programs: MachinePrograms,
  log: Log,
): Promise<void> {
  try {
    const reload = await readReload(directory);
    if (!reload) return;
    const done = await reloadSshd(reload, programs);
    log.info(done ? `told ${sayWay(reload)} to reload` : 'sshd does not run: nothing to reload');
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    log.error(`${error.message}; the new files are in ${directory}: reload sshd by hand`);
  }
}

async function readReload(directory: string): Promise<ReloadWay | undefined> {
  const path = join(directory, FILE);
  const text = await withPlainErrors(directory, () => orUndefined(readFile(path, 'utf8')));
  if (text === undefined) return undefined;
  const parsed = parseJsonWith(contents, text);
  if (parsed.ok) return parsed.value.reload;
  const message = `${path} can't be read (${sentenceOf(parsed.problem)}): run joinbot install sshd --write again`;
  throw new Failure('files', message);
}

/**
 * Whether there was anything to reload; where `sshd` doesn't run, it reads the files when it starts. Throws a `Failure`
 * that says what `systemctl` or the system said.
 */
export async function reloadSshd(reload: ReloadWay, programs: MachinePrograms): Promise<boolean> {
  if ('unit' in reload) {
    const args = ['--no-ask-password', 'try-reload-or-restart', reload.unit];
    const outcome = await programs.run('systemctl', args);
    if (outcome?.code === 0) return true;
    throw notReloaded(reload, outcome ? printable(outcome.stderr) : 'no systemctl here');
  }
  const { pid_file: path } = reload;
  const text = await withPlainErrors(dirname(path), () => orUndefined(readFile(path, 'utf8')));
  if (text === undefined) return false;
  const pid = Number(text);
  if (!Number.isSafeInteger(pid) || pid < 2) throw notReloaded(reload, 'it holds no process id');
  await expectProgram(pid, 'sshd', `${sayWay(reload)} could not be reloaded`);
  programs.signal(pid, 'SIGHUP');
  return true;
}

const notReloaded = (reload: ReloadWay, why: string): Failure =>
  new Failure('files', `${sayWay(reload)} could not be reloaded: ${why}`);

const sayWay = (reload: ReloadWay): string =>
  'unit' in reload ? reload.unit : `sshd (${reload.pid_file})`;
