/** What to do about it when a secret, or an instance that began with one, doesn't get on any more. */
import { formatTimestamp } from '../../shared/protocol/values.ts';
import { Failure } from '../failure.ts';
import type { Instance } from '../instance-state.ts';

/** Nothing changes here until a person acts: the broker is asked again rarely. */
const RARELY_MS = 300_000;

const NEW_SECRET =
  'a new secret from "joinctl bots add" or "joinctl tokens add", given to this agent in place of the old one';

/** `instance` is the one that is held, if any. Other failures are given back as they are. */
export function withAdvice(failure: Failure, instance: Instance | undefined, now: Date): Failure {
  const advice = adviceOn(failure, instance, now);
  if (advice === undefined) return failure;
  return new Failure(failure.code, `${failure.message}${advice}`, {
    retryAfterMs: RARELY_MS,
    cause: failure,
  });
}

function adviceOn(
  { code }: Failure,
  instance: Instance | undefined,
  now: Date,
): string | undefined {
  if (code === 'denied') {
    return instance
      ? `. If it says copied or locked: this directory was used in two places, or the disk was set back to an older state, and the machine needs ${NEW_SECRET}`
      : `. A secret that was used, has expired or is mistyped is replaced by ${NEW_SECRET}`;
  }
  if (code !== 'instance_unknown' || !instance) return undefined;
  return instance.expires <= now
    ? `: its certificates were over at ${formatTimestamp(instance.expires)} while this machine was off, and without them it needs ${NEW_SECRET}`
    : `: what is kept here is older than what the broker knows, or the instance was removed; if this lasts, the machine needs ${NEW_SECRET}`;
}
