/** How the agent proves its machine, whatever the join method. */
import type { JoinBody } from '../shared/protocol/join.ts';

export interface Evidence {
  /** The member of the body that is named after the join method. */
  readonly members: Pick<JoinBody, 'azure' | 'iam' | 'secret'>;
  /** When the request is given up: the broker would soon take the evidence for old. */
  readonly goodUntil: Date;
  /** What the machine is called, for the log. */
  readonly machine?: string | undefined;
}

/**
 * Gathers what doesn't depend on the request; what comes back makes evidence for one request. In two steps, so that the
 * evidence is fresh when it leaves.
 */
export type GatherEvidence = () => Promise<(request: string) => Promise<Evidence>>;
