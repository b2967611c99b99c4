/** How the agent is, for whoever asks. */
import type { Health } from './agent-metrics.ts';
import type { Destination, Held } from './destinations.ts';
import { soonestEnd } from './issued-certificate.ts';
import { type AgentSettings, STORAGE_NAME } from './settings.ts';

/** What there is since the latest join. */
interface Written {
  readonly held: Held;
  readonly joinedAt: Date;
  readonly renewAt: Date;
  readonly unwritten: readonly Destination[];
}

export function healthOf(
  { storage, outputs }: Pick<AgentSettings, 'storage' | 'outputs'>,
  written: Written | undefined,
  destinations: readonly Destination[],
  renewals: Health['renewals'],
  now: Date,
): Health {
  const places = destinations.map((one) => {
    const isWritten = written !== undefined && !written.unwritten.includes(one);
    const expires = written?.held.certificates.get(one.wish)?.expires;
    const isReady = isWritten && expires !== undefined && expires > now;
    return { id: one.id, name: one.name, isReady, isWritten, expires };
  });
  return {
    isReady:
      written !== undefined &&
      written.unwritten.length === 0 &&
      soonestEnd(written.held.certificates.values()) > now,
    renewals,
    renewedAt: written?.joinedAt,
    renewAt: written?.renewAt,
    lists: written?.held.lists,
    expected: [
      ...(storage.type === 'directory' ? [STORAGE_NAME] : []),
      ...outputs.map(({ name }) => name),
    ],
    places,
  };
}
