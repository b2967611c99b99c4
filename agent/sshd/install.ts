/**
 * `joinbot install sshd`: a file in `sshd_config.d` that makes `sshd` use the host's files. `sshd` itself says whether it
 * takes the configuration; if not, everything is put back as it was.
 */
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseKrl } from '../../shared/encoding/krl.ts';
import { SshWireError } from '../../shared/encoding/ssh-wire.ts';
import { orUndefined, syncDirectory, withPlainErrors, writeSynced } from '../durable-file.ts';
import { Failure } from '../failure.ts';
import { readFileSet, readSetFile } from '../file-set.ts';
import {
  SSH_HOST_CERTIFICATE,
  SSH_HOST_KEY,
  SSH_HOST_PUBLIC_KEY,
  SSH_USER_AUTHORITIES,
} from '../host-files.ts';
import type { MachinePrograms } from '../machine-programs.ts';
import { printable } from '../printable.ts';
import { KRL_FILE } from '../revocation/list-files.ts';
import { refuseOpenToOthers } from '../safe-directory.ts';
import { type ReloadWay, reloadSshd, rememberReload } from './reload.ts';
import { pathsIn, sshdSnippet } from './snippet.ts';
import { findSshd, type SshdProgram } from './sshd-program.ts';

interface SshdInstallation {
  /** Where the host's files are. */
  readonly directory: string;
  /** The main configuration; the snippet lies in the folder of the same name with `.d`. */
  readonly sshdConfig: string;
  /** Whether to write; else the snippet is only printed. */
  readonly write: boolean;
  readonly programs: MachinePrograms;
  readonly say: (text: string) => void;
}

export const SSHD_CONFIG = '/etc/ssh/sshd_config';
const SNIPPET = '20-joinbot.conf';
const OTHERS_CHOOSE =
  'who could so choose whom sshd trusts: put data_dir where only root may write';

/** Throws a `Failure`; then nothing is changed, unless it says so. */
export async function installSshd(installation: SshdInstallation): Promise<void> {
  const { directory, sshdConfig, write, programs, say } = installation;
  const files = await filesOf(directory);
  await refuseOpenToOthers(directory, OTHERS_CHOOSE);
  const sshd = await findSshd(programs, sshdConfig);
  const before = await sshd.settings();
  await expectKrl(directory);
  const theirs = revokedKeysOfOthers(before, directory);
  const snippet = sshdSnippet(directory, {
    hostKeys: await hostKeysToName(directory, files, before),
    withRevokedKeys: theirs === undefined,
  });
  if (!write) return say(snippet);

  const path = join(`${sshdConfig}.d`, SNIPPET);
  const changed = await replace(path, snippet, () =>
    refuseUnlessInEffect(sshd, sshdConfig, directory, theirs),
  );
  if (theirs !== undefined)
    say(
      `sshd has RevokedKeys ${theirs} already, and takes one only: it does not learn what the broker revokes\n`,
    );
  say(changed ? `Wrote ${path}\n` : `${path} is as it should be\n`);
  const reload = await reloadWay(installation, before.get('pidfile')?.[0]);
  if (!reload) {
    const message = `neither systemd nor a pid file says which sshd runs: reload it by hand, now and after each renewal`;
    throw new Failure('sshd', `${path} is in place, but ${message}`);
  }
  const isNew = await rememberReload(directory, reload);
  if (!changed && !isNew) return;
  const done = await reloadSshd(reload, programs);
  say(
    `${done ? 'Told sshd to reload' : 'sshd does not run now'}; it is told after each renewal, too\n`,
  );
}

/** The private keys that the snippet names. Throws a `Failure` where the certificate is for none of `sshd`'s keys. */
async function hostKeysToName(
  directory: string,
  files: ReadonlyMap<string, string>,
  settings: ReadonlyMap<string, readonly string[]>,
): Promise<string[]> {
  const certified = files.get(SSH_HOST_PUBLIC_KEY);
  const { hostKey: own } = pathsIn(directory);
  const others = (settings.get('hostkey') ?? []).filter((path) => path !== own);
  if (await readFileSet(directory, [SSH_HOST_KEY])) {
    // What sshd would have used without this line, as far as it is there; of one type it shows the first.
    const present = await Promise.all(others.map(isThere));
    return [...new Set(others.filter((_, position) => present[position])), own];
  }
  for (const path of others) {
    const line = await withPlainErrors(dirname(path), () =>
      orUndefined(readFile(`${path}.pub`, 'utf8')),
    );
    if (line !== undefined && keyIn(line) === keyIn(certified ?? '')) return [];
  }
  const message = `the certificate in ${directory} is for none of sshd's host keys (${others.join(', ')}): give joinbot start the flag --ssh-host-key=<one of them>.pub`;
  throw new Failure('sshd', message);
}

async function filesOf(directory: string): Promise<ReadonlyMap<string, string>> {
  const names = [SSH_HOST_PUBLIC_KEY, SSH_HOST_CERTIFICATE, SSH_USER_AUTHORITIES];
  const files = await readFileSet(directory, names);
  if (files) return files;
  const message = `there are no files of a host in ${directory}: join first, with joinbot start -c <file> --oneshot`;
  throw new Failure('files', message);
}

/**
 * Throws a `Failure` where there is no list that `sshd` can read: it would refuse everybody. The agent writes one with its first
 * files, an empty one where the broker's is not known yet.
 */
async function expectKrl(directory: string): Promise<void> {
  const bytes = await readSetFile(directory, KRL_FILE);
  if (bytes && isKrl(bytes)) return;
  const message = `there is no ${KRL_FILE} in ${directory} that sshd can read: renew first, with joinbot start -c <file> --oneshot`;
  throw new Failure('files', message);
}

function isKrl(bytes: Uint8Array): boolean {
  try {
    parseKrl(bytes);
    return true;
  } catch (error) {
    if (error instanceof SshWireError) return false;
    throw error;
  }
}

/** The list that `sshd` reads already, where it is none of ours: what somebody revoked there must stay so. */
function revokedKeysOfOthers(
  settings: ReadonlyMap<string, readonly string[]>,
  directory: string,
): string | undefined {
  const [file = 'none'] = settings.get('revokedkeys') ?? [];
  return file === 'none' || file === pathsIn(directory).revokedKeys ? undefined : printable(file);
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Type and blob, without the comment. */
const keyIn = (line: string): string => line.trim().split(' ').slice(0, 2).join(' ');

/** Writes the file, asks whether all is well, and if not puts back what was there. Whether anything was changed. */
async function replace(path: string, text: string, check: () => Promise<void>): Promise<boolean> {
  const folder = dirname(path);
  const write = (content: string) =>
    withPlainErrors(folder, async () => {
      const next = join(folder, `.${SNIPPET}.new`);
      await rm(next, { force: true });
      await writeSynced(next, content);
      await rename(next, path);
      await syncDirectory(folder);
    });
  const before = await withPlainErrors(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    return orUndefined(readFile(path, 'utf8'));
  });
  if (before !== text) await write(text);
  try {
    await check();
  } catch (error) {
    if (before === undefined) await withPlainErrors(folder, () => rm(path));
    else if (before !== text) await write(before);
    throw error;
  }
  return before !== text;
}

async function refuseUnlessInEffect(
  sshd: SshdProgram,
  sshdConfig: string,
  directory: string,
  theirs: string | undefined,
): Promise<void> {
  const complaint = await sshd.test();
  if (complaint !== undefined)
    throw new Failure('sshd', `sshd does not take it, so all is as it was: ${complaint}`);
  const settings = await sshd.settings();
  const { hostCertificate, userAuthorities, revokedKeys } = pathsIn(directory);
  if (!settings.get('hostcertificate')?.includes(hostCertificate)) {
    const message = `${sshdConfig} does not read ${sshdConfig}.d, so all is as it was: write as its first line: Include ${sshdConfig}.d/*.conf`;
    throw new Failure('sshd', message);
  }
  const [trusted = 'none'] = settings.get('trustedusercakeys') ?? [];
  if (trusted !== userAuthorities) {
    const message = `another file sets TrustedUserCAKeys to ${trusted} already, so all is as it was: sshd takes the first only: take that line out`;
    throw new Failure('sshd', message);
  }
  const [revoked = 'none'] = settings.get('revokedkeys') ?? [];
  if (revoked !== (theirs ?? revokedKeys)) {
    const message = `sshd has RevokedKeys ${printable(revoked)} with it, not ${theirs ?? revokedKeys}, so all is as it was`;
    throw new Failure('sshd', message);
  }
}

const UNITS = ['ssh.service', 'sshd.service'] as const;

/** How the `sshd` that runs with this configuration is told to read it again; `undefined` where nobody knows. */
export async function reloadWay(
  { sshdConfig, programs }: Pick<SshdInstallation, 'sshdConfig' | 'programs'>,
  pidFile: string | undefined,
): Promise<ReloadWay | undefined> {
  // The system's unit runs sshd with the usual configuration, and with no other.
  for (const unit of sshdConfig === SSHD_CONFIG ? UNITS : []) {
    const shown = await programs.run('systemctl', [
      'show',
      '--property=LoadState',
      '--value',
      unit,
    ]);
    if (shown?.code === 0 && shown.stdout.trim() === 'loaded') return { unit };
  }
  return pidFile?.startsWith('/') ? { pid_file: pidFile } : undefined;
}
