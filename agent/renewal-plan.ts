/**
 * How often certificates are renewed. One join renews the agent's own certificate and the outputs that are due: those that
 * are still good are left alone. Whatever the config says, no more of them live at once than the broker lets one instance
 * have: it would refuse renewals for hours.
 */
import { formatDuration } from '../shared/protocol/values.ts';
import { sayName } from './kubernetes.ts';
import { LONGEST_LIFE_S } from './lifetimes.ts';
import type { AgentSettings, Output } from './settings.ts';

export interface RenewalPlan {
  /** How often the agent joins: its own certificate is renewed each time. */
  readonly roundSeconds: number;
  /** How often an output is renewed. */
  readonly secondsOf: (output: Output) => number;
  /** What the log says where that is less often than the config asks for. */
  readonly notes: readonly string[];
}

type Lifetimes = Pick<
  AgentSettings,
  'certificateTtlSeconds' | 'renewalIntervalSeconds' | 'outputs'
>;

/**
 * Of one instance the broker knows 1,200 certificates and 150 generations that live, and ten requests of the last seven
 * minutes. A round comes up to a tenth early, and an output may come along half a round early.
 */
const MOST_ROUNDS_IN_A_LIFE = 120;
const SHORTEST_ROUND_S = 50;
const MOST_OF_OUTPUTS = 400;

const placeOf = ({ destination }: Output): string =>
  destination.type === 'kubernetes_secret' ? sayName(destination) : destination.path;

/**
 * Without an interval of its own, an output is renewed when a third of its life is over, or as often as the agent is
 * where that is rarer.
 */
export function renewalPlan(settings: Lifetimes): RenewalPlan {
  const { certificateTtlSeconds, renewalIntervalSeconds, outputs } = settings;
  const lifeOf = ({ ttlSeconds = certificateTtlSeconds }: Output): number => ttlSeconds;
  const lives = [certificateTtlSeconds, ...outputs.map(lifeOf)];
  const longest = Math.min(Math.max(...lives), LONGEST_LIFE_S);
  const shortestRound = Math.min(
    Math.max(longest / MOST_ROUNDS_IN_A_LIFE, SHORTEST_ROUND_S),
    Math.min(...lives) / 3,
  );
  const roundSeconds = Math.max(renewalIntervalSeconds, Math.ceil(shortestRound));
  const leastOf = (output: Output): number =>
    Math.ceil((Math.min(lifeOf(output), LONGEST_LIFE_S) * outputs.length) / MOST_OF_OUTPUTS);
  const wantedOf = ({ renewalSeconds, ...output }: Output): number =>
    renewalSeconds ?? Math.ceil(lifeOf(output) / 3);
  const secondsOf = (output: Output): number =>
    Math.max(wantedOf(output), leastOf(output), roundSeconds);
  const note = (wanted: number, seconds: number, what: string): string[] =>
    wanted >= seconds
      ? []
      : [
          `${what} is renewed every ${formatDuration(seconds)}, not every ${formatDuration(wanted)}: the broker lets one instance have 1,200 certificates that live at once`,
        ];
  return {
    roundSeconds,
    secondsOf,
    notes: [
      ...note(renewalIntervalSeconds, roundSeconds, "the agent's own certificate"),
      ...outputs.flatMap((output) =>
        note(output.renewalSeconds ?? secondsOf(output), secondsOf(output), placeOf(output)),
      ),
    ],
  };
}
