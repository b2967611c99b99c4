/** `diag_addr` of the config file: where the agent says whether it is well. */
import { printable } from './printable.ts';
import type { HostAndPort } from './settings.ts';
import type { ProblemAt } from './start-directories.ts';

/** `host:port`; without a host, on this machine only. Throws a `Failure`. */
export function diagnosticsAddress(text: string, problem: ProblemAt): HostAndPort {
  const [, six, other, digits] =
    /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits ?? Number.NaN);
  if (port <= 65_535) return { host: six ?? (other || '127.0.0.1'), port };
  const message = `expected host:port such as 127.0.0.1:3001, got ${printable(text, 60)}`;
  throw problem(['diag_addr'], '--diag-addr', message);
}
