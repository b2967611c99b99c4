/** How this agent joins, whatever the join method. */
import type { Instance } from './instance-state.ts';
import type { Joined } from './join-answer.ts';
import type { Output } from './settings.ts';

export interface Joiner {
  /**
   * Renews the instance, or joins where there is none, with certificates for these outputs. Tries again where that may
   * help. Throws a `Failure`.
   */
  join(instance: Instance | undefined, due: readonly Output[]): Promise<Joined>;
  /** It has written the storage directory itself, before an answer is given out. */
  readonly storesItself: boolean;
  /** Gives free what it holds. */
  close(): Promise<void>;
}
