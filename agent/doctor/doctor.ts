/**
 * `joinbot doctor`: everything that a join needs, tried one after the other without joining. Nothing is written that stays,
 * and no secret, token or key is shown.
 */
import type { Broker } from '../broker.ts';
import type { Effects } from '../effects.ts';
import type { AgentSettings } from '../settings.ts';
import { brokerChecks } from './broker-checks.ts';
import { directoryChecks } from './directory-checks.ts';
import { evidenceCheck } from './evidence-checks.ts';
import { type Check, findingsOf, lineOf } from './finding.ts';

interface Parts {
  readonly broker: Broker;
  readonly effects: Omit<Effects, 'log'>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly say: (text: string) => void;
}

/** Says each finding as soon as it is there. Gives whether there was no problem. */
export async function examine(settings: AgentSettings, parts: Parts): Promise<boolean> {
  const effects = withoutPatience(parts.effects);
  const checks: readonly Check[] = [
    ...brokerChecks(settings, parts.broker, effects),
    evidenceCheck(settings, effects, parts.env),
    ...directoryChecks(settings, effects),
  ];
  const verdicts = new Set<string>();
  for (const check of checks) {
    for (const finding of await findingsOf(check.look)) {
      verdicts.add(finding.verdict);
      parts.say(lineOf(check.what, finding));
    }
  }
  const isWell = !verdicts.has('problem');
  parts.say(
    isWell
      ? 'Nothing that joinbot can see from here is in the way of a join.\n'
      : 'A join would fail, or its certificates would not arrive: see the problems above.\n',
  );
  return isWell;
}

/** What the agent would wait for, the doctor tells of at once; what it would log is in the findings. */
const withoutPatience = (effects: Omit<Effects, 'log'>): Effects => ({
  ...effects,
  clock: { now: effects.clock.now, sleep: async () => undefined },
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
});

const quiet = (): void => undefined;
