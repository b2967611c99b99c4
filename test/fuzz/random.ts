/** Random choices that a seed repeats. */

export interface Random {
  /** A whole number from 0 up to and without this one. */
  below(limit: number): number;
  /** One of these, of which there is at least one. */
  pick<T>(choices: readonly [T, ...T[]] | readonly T[]): T;
  bytes(length: number): Uint8Array;
}

/** Mulberry32: small, fast, and the same everywhere. Nothing for secrets. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
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
