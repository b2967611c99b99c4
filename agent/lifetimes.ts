/** How long certificates are to be valid, and how often they are renewed. */
import type { ReadConfig } from './config-file.ts';
import { readDuration } from './duration.ts';
import type { AgentSettings } from './settings.ts';
import type { ProblemAt } from './start-directories.ts';
import { configured } from './start-outputs.ts';

const DEFAULT_TTL = '1h';

/** `oneshot`: nothing is renewed. Throws a `Failure` that names the field where renewals would come too late. */
export function lifetimesOf(
  config: ReadConfig['value'] | undefined,
  oneshot: boolean,
  problem: ProblemAt,
): Pick<AgentSettings, 'certificateTtlSeconds' | 'renewalIntervalSeconds'> {
  const outputs = configured(config);
  const field = config?.credential_ttl === undefined ? 'certificate_ttl' : 'credential_ttl';
  const ttl = config?.[field] ?? DEFAULT_TTL;
  const shortest = soonest([ttl, ...outputs.map(({ credential_ttl }) => credential_ttl)]);
  // One join renews them all, so the most impatient one decides.
  const interval = soonest([
    config?.renewal_interval,
    ...outputs.map(({ renewal_interval }) => renewal_interval),
  ]);
  if (!oneshot && interval && shortest && interval.seconds >= shortest.seconds) {
    const place = config?.renewal_interval === undefined ? field : 'renewal_interval';
    const message = `renewal_interval (${interval.text}) must be shorter than ${field} (${shortest.text})`;
    throw problem([place], '--config', message);
  }
  return {
    certificateTtlSeconds: readDuration(ttl) ?? 0,
    renewalIntervalSeconds: interval?.seconds ?? Math.ceil((shortest?.seconds ?? 0) / 3),
  };
}

function soonest(
  texts: readonly (string | undefined)[],
): { readonly text: string; readonly seconds: number } | undefined {
  return texts
    .flatMap((text) => (text === undefined ? [] : [{ text, seconds: readDuration(text) ?? 0 }]))
    .toSorted((a, b) => a.seconds - b.seconds)[0];
}
