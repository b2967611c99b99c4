/** `joinbot wait`: until certificates are there that are good now. For scripts that start after the agent. */
import { X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import type { WaitFlags } from './command-line.ts';
import type { ReadConfig } from './config-file.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { readFileSet } from './file-set.ts';
import { printable } from './printable.ts';
import { refuseWhenStopped } from './retry.ts';
import { configured } from './start-directories.ts';

const LOOK_EVERY_MS = 1000;

/** The directories that flags and config file name. Throws a `Failure` where they name none. */
export function directoriesToWaitFor(flags: WaitFlags, file: ReadConfig | undefined): string[] {
  const places = [file?.value.storage, ...configured(file?.value).map((one) => one.destination)];
  const written = places.flatMap((place) => (place?.type === 'directory' ? [place.path] : []));
  const named = [flags.dataDir, flags.destinationDir].flatMap((path) => path ?? []);
  const paths = (named.length > 0 ? named : written).map((path) => resolve(path));
  if (paths.length > 0) return paths;
  throw new Failure('usage', 'expected --destination-dir, or a config file (-c) that names one');
}

/** Throws a `Failure` when the time is up, or a directory can't be read. */
export async function waitForCertificates(
  paths: readonly string[],
  timeoutSeconds: number,
  { clock, stop }: Pick<Effects, 'clock' | 'stop'>,
): Promise<void> {
  const deadline = clock.now().getTime() + timeoutSeconds * 1000;
  for (;;) {
    const missing = await firstWithout(paths, clock.now());
    if (missing === undefined) return;
    refuseWhenStopped(stop);
    if (clock.now().getTime() >= deadline) {
      const message = `there is no certificate in ${printable(missing)} that is good now, after ${timeoutSeconds} s: what does the agent say?`;
      throw new Failure('files', message);
    }
    await clock.sleep(LOOK_EVERY_MS, stop);
  }
}

async function firstWithout(paths: readonly string[], now: Date): Promise<string | undefined> {
  for (const path of paths) {
    const files = await readFileSet(path, ['tlscert']);
    if (!isGood(files?.get('tlscert'), now)) return path;
  }
  return undefined;
}

function isGood(pem: string | undefined, now: Date): boolean {
  if (pem === undefined) return false;
  try {
    const { validFromDate, validToDate } = new X509Certificate(pem);
    return validFromDate <= now && now < validToDate;
  } catch {
    // What is no certificate is none to wait for: the agent replaces it.
    return false;
  }
}
