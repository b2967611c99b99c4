/** Random choices that a seed repeats. */
import { createRandom as createNumbers } from '../../local/rotation/random.ts';

export interface Random {
  /** A whole number from 0 up to and without this one. */
  below(limit: number): number;
  /** One of these, of which there is at least one. */
  pick<T>(choices: readonly [T, ...T[]] | readonly T[]): T;
  bytes(length: number): Uint8Array;
}

/** The numbers of the rotation's proof, as whole ones and bytes. Nothing for secrets. */
export function createRandom(seed: number): Random {
  const { next } = createNumbers(seed);
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    pick(choices) {
      const choice = choices[below(choices.length)];
      if (choice === undefined) throw new Error('nothing to choose from');
      return choice;
    },
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  };
}
