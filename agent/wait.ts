/** `joinbot wait`: until certificates are there that are good now. For scripts that start after the agent. */
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';
import { refuseWhenStopped } from './retry.ts';
import { isGood, writtenIdentity } from './written-identity.ts';

const LOOK_EVERY_MS = 1000;

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
    const identity = await writtenIdentity(path);
    if (!identity || !isGood(identity, now)) return path;
  }
  return undefined;
}
