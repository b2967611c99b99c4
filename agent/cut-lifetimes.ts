/** Certificates that are valid for a shorter time than was asked for. */
import { formatDuration } from '../shared/protocol/values.ts';
import type { Joined } from './join-answer.ts';
import type { AgentSettings, Output } from './settings.ts';

/** The broker rounds, and its limits may end a moment earlier. */
const ROUNDING_S = 60;

/** One sentence on the shortest; `undefined` where all are as long as asked for. `due` are the outputs that were asked for. */
export function cutLifetime(
  { certificates }: Pick<Joined, 'certificates'>,
  { certificateTtlSeconds }: Pick<AgentSettings, 'certificateTtlSeconds'>,
  due: readonly Output[],
): string | undefined {
  const asked = [undefined, ...due].map((output) => output?.ttlSeconds ?? certificateTtlSeconds);
  const [shortest] = certificates
    .map(({ name, issued, expires }, position) => ({
      name,
      asked: asked[position] ?? 0,
      granted: Math.round((expires.getTime() - issued.getTime()) / 1000),
    }))
    .filter((one) => one.granted < one.asked - ROUNDING_S)
    .toSorted((a, b) => a.granted - b.granted);
  if (!shortest) return undefined;
  const [granted, wanted] = [shortest.granted, shortest.asked].map(formatDuration);
  return `certificates (${shortest.name}) are valid for ${granted} instead of the ${wanted} that were asked for: a limit of the bot, of its roles, of the join token's end or of the broker (JOIN_BROKER_MAX_TTL) is shorter`;
}
