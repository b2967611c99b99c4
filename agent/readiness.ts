/** What `/readyz` answers: of all, or of one output. In tbot's words, so that probes know them. */
import { formatTimestamp } from '../shared/protocol/values.ts';
import type { Health } from './agent-metrics.ts';

interface Readiness {
  readonly status: 'healthy' | 'unhealthy';
}

interface OutputReadiness extends Readiness {
  readonly reason?: string;
  /** RFC 3339: the end of the certificate that belongs there. */
  readonly expires?: string;
}

interface AllReadiness extends Readiness {
  readonly outputs: Readonly<Record<string, OutputReadiness>>;
}

/** `undefined` where there is no output of this name. */
export function readiness(
  health: Health,
  name: string | undefined,
): AllReadiness | OutputReadiness | undefined {
  if (name !== undefined)
    return health.expected.includes(name) ? readinessOf(name, health) : undefined;
  return {
    status: health.isReady ? 'healthy' : 'unhealthy',
    outputs: Object.fromEntries(health.expected.map((one) => [one, readinessOf(one, health)])),
  };
}

function readinessOf(name: string, { places }: Health): OutputReadiness {
  const place = places.find(({ id }) => id === name);
  const expires = place?.expires && { expires: formatTimestamp(place.expires) };
  if (place?.isReady) return { status: 'healthy', ...expires };
  return { status: 'unhealthy', reason: reasonOf(place), ...expires };
}

function reasonOf(place: Health['places'][number] | undefined): string {
  if (!place?.expires) return 'there was no join yet';
  return place.isWritten
    ? 'the certificate is over'
    : 'the newest certificate is not written: the log says why';
}
