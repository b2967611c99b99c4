/** What the log says of a life: what somebody should know at its start, and each join. */
import { formatTimestamp } from '../shared/protocol/values.ts';
import { openPlaces } from './check-directory.ts';
import type { Effects } from './effects.ts';
import type { Instance } from './instance-state.ts';
import type { Joined } from './join-answer.ts';
import { printable } from './printable.ts';
import type { AgentSettings } from './settings.ts';

export async function sayAtStart(
  settings: AgentSettings,
  { log }: Pick<Effects, 'log'>,
): Promise<void> {
  if (settings.caPins.length === 0) {
    log.info(
      'no ca_pins are set: the trust bundle is taken as the TLS connection delivers it; pins are safer, "joinctl status" shows them',
    );
  }
  if (settings.storage.type === 'memory' && settings.outputs.length === 0) {
    log.info('storage is memory and there are no outputs: nothing will be written');
  }
  for (const note of [...(settings.notes ?? []), ...(settings.host?.notes ?? [])]) log.info(note);
  for (const path of await openPlaces(settings)) {
    log.warn(
      `everybody on this machine may replace what is written to ${path}: take their right to write away (chmod o-w)`,
    );
  }
}

export function sayJoined(
  joined: Joined,
  before: Instance | undefined,
  { log }: Pick<Effects, 'log'>,
): void {
  const { instance, trust, certificates, requestId, machine } = joined;
  const done = before?.id === instance.id ? 'renewed' : 'joined';
  const [own] = certificates;
  const facts = [
    `instance ${instance.id}`,
    `generation ${instance.generation}`,
    `certificates until ${formatTimestamp(own.expires)}`,
    `request ${printable(requestId, 64)}`,
    ...(machine === undefined ? [] : [`machine ${printable(machine)}`]),
  ];
  log.info(`${done} as ${describe(joined)} (${facts.join(', ')})`);
  if (before?.trust.root !== trust.root) log.info(`the broker's root has the CA pin ${trust.root}`);
}

const describe = ({ instance: { role, bot }, certificates: [own] }: Joined): string =>
  bot === undefined ? `${role} ${own.names.join(', ')}` : `bot ${bot}`;

/** For the end of a sentence about a failure. */
export function sayStillGood(instance: Instance | undefined, now: Date): string {
  if (!instance) return '';
  const until = formatTimestamp(instance.expires);
  return instance.expires > now
    ? ` (the certificates are good until ${until})`
    : ` (the certificates expired at ${until})`;
}
