/** How long certificates are to be valid, and how often the agent renews its own and the outputs that are due, or asks for lists. */
import { formatDuration } from '../shared/protocol/values.ts';
import type { StartFlags } from './command-line.ts';
import type { ConfigFile } from './config-schema.ts';
import { readDuration } from './duration.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';
import type { AgentSettings } from './settings.ts';
import type { ProblemAt } from './start-directories.ts';
import { placed } from './start-outputs.ts';

const DEFAULT_TTL = '1h';
/** No broker grants more. */
export const LONGEST_LIFE_S = 86_400;
/** A third of the shortest life, 120 times, is forty of them: see renewal-plan.ts. */
const MOST_SPREAD = 40;
/** A third of its life before it is over there are two more tries. */
const PARTS = 3;

/** The config file with the flags in it, which win. Throws a `Failure` for a flag that is no duration. */
export function lifetimesIn(
  { credentialTtl, renewalInterval }: StartFlags,
  config: ConfigFile | undefined,
): ConfigFile {
  const { certificate_ttl: older, ...rest } = config ?? { version: 'v2' as const };
  const ttl = durationOf('--credential-ttl', credentialTtl);
  const interval = durationOf('--renewal-interval', renewalInterval);
  return {
    ...rest,
    ...(ttl !== undefined
      ? { credential_ttl: ttl }
      : older !== undefined && { certificate_ttl: older }),
    ...(interval !== undefined && { renewal_interval: interval }),
  };
}

function durationOf(flag: string, value: string | undefined): string | undefined {
  if (value === undefined || readDuration(value) !== undefined) return value;
  const message = `${flag}: expected a duration such as 24h, 30m or 1h30m, got ${printable(value, 40)}`;
  throw new Failure('usage', message);
}

/** `oneshot`: nothing is renewed. Throws a `Failure` that names the field where renewals would come too late. */
export function lifetimesOf(
  config: ConfigFile,
  oneshot: boolean,
  problem: ProblemAt,
): Pick<AgentSettings, 'certificateTtlSeconds' | 'renewalIntervalSeconds'> {
  const field = config.credential_ttl === undefined ? 'certificate_ttl' : 'credential_ttl';
  const ttl = config[field] ?? DEFAULT_TTL;
  const interval = config.renewal_interval;
  const lives = [{ ttl, interval, path: ['renewal_interval'] }, ...outputLives(config, ttl)];
  if (!oneshot) {
    for (const { path, ...life } of lives) {
      const asked = life.interval ?? interval;
      if (asked === undefined || secondsOf(asked) < secondsOf(life.ttl)) continue;
      const place = life.interval === undefined ? ['renewal_interval'] : path;
      const message = `renewal_interval (${asked}) must be shorter than ${field} (${life.ttl})`;
      throw problem(place, '--renewal-interval', message);
    }
  }
  const least = interval === undefined ? 0 : secondsOf(interval);
  const wanted = lives.map((life) =>
    life.interval === undefined
      ? Math.max(Math.ceil(secondsOf(life.ttl) / PARTS), least)
      : secondsOf(life.interval),
  );
  return { certificateTtlSeconds: secondsOf(ttl), renewalIntervalSeconds: Math.min(...wanted) };
}

const DEFAULT_REVOCATION = '5m';
/** More often brings nothing: the broker looks for what a lock is on each minute. */
const SHORTEST_REVOCATION = '1m';
/** Lists are good for a day, and are to be new in the first half of it. */
const LONGEST_REVOCATION = '6h';

/** How often to ask for revocation lists. Throws a `Failure` that names the field. */
export function revocationSecondsOf(config: ConfigFile | undefined, problem: ProblemAt): number {
  const { revocation_interval: interval = DEFAULT_REVOCATION } = config ?? {};
  const seconds = secondsOf(interval);
  if (seconds >= secondsOf(SHORTEST_REVOCATION) && seconds <= secondsOf(LONGEST_REVOCATION))
    return seconds;
  const message = `expected ${SHORTEST_REVOCATION} to ${LONGEST_REVOCATION}, got ${interval}`;
  throw problem(['revocation_interval'], '--config', message);
}

/**
 * Throws a `Failure` where a secret's instance would be renewed so often, for its shortest certificate, that the broker
 * refuses more generations while its longest one lives.
 */
export function refuseSpread(
  { joinMethod, certificateTtlSeconds, outputs, oneshot }: AgentSettings,
  problem: ProblemAt,
): void {
  const lives = [undefined, ...outputs].map((output) =>
    Math.min(output?.ttlSeconds ?? certificateTtlSeconds, LONGEST_LIFE_S),
  );
  const [shortest, longest] = [Math.min(...lives), Math.max(...lives)];
  if (joinMethod !== 'token' || oneshot || longest <= shortest * MOST_SPREAD) return;
  const message = `with join method token no certificate may live more than ${MOST_SPREAD} times as long as another, got ${formatDuration(shortest)} and ${formatDuration(longest)}: use an agent for each`;
  throw problem(['outputs'], '--config', message);
}

const outputLives = (config: ConfigFile, ttl: string) =>
  placed(config).map(({ output, place }) => ({
    ttl: output.credential_ttl ?? ttl,
    interval: output.renewal_interval,
    path: [...place, 'renewal_interval'],
  }));

const secondsOf = (text: string): number => readDuration(text) ?? 0;
