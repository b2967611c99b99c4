/** An action of a history that is ready to be carried out. */
import type { Answer } from '../broker/test-broker.ts';
import type { Circumstances, World } from './possible.ts';
import type { Message } from './stage.ts';

export interface Prepared {
  /** What it reads and changes: the address of a resource or name, or the id of an instance. */
  readonly about: string;
  run(): Promise<Answer>;
  /** Every world that is possible after this answer. `rows` are the instances that are stored by now. */
  possible(
    world: World,
    answer: Answer,
    circumstances: Circumstances,
    rows: ReadonlySet<string>,
  ): readonly World[];
  readonly message?: Message;
  readonly fn: number;
}

/** The nth of what there is, counted round and round. */
export const pick = <T>(all: readonly T[], which: number): T | undefined =>
  all.length > 0 ? all[which % all.length] : undefined;
