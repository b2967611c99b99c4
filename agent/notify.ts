/** Tells systemd that the service is ready (sd_notify(3)): units with `Type=notify` wait for the first certificates. */
import type { Log } from './log.ts';
import type { MachinePrograms } from './machine-programs.ts';
import { printable } from './printable.ts';

/** Node has no datagram sockets of the file system: systemd's own program sends the word. Never fails. */
export async function notifyReady(
  env: Readonly<Record<string, string | undefined>>,
  programs: MachinePrograms,
  log: Log,
): Promise<void> {
  if (!env['NOTIFY_SOCKET']) return;
  const done = await programs.run('systemd-notify', ['--ready']);
  if (done?.code === 0) return;
  const why = done
    ? printable(done.stderr) || `exit code ${done.code}`
    : 'there is no such program';
  log.warn(`systemd can't be told that the certificates are there: systemd-notify: ${why}`);
}
