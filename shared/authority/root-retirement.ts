/** Which roots may retire, and when: a pure function of the keys that exist and the time. */
import { keysOfKind, usedKey } from './rotation.ts';
import type { KeyDescription } from './signing-key.ts';

export const ROOT = { owner: 'tls', purpose: 'root' } as const;

export interface Retirement<K> {
  /** The root that signs, whose row says who retired. */
  readonly signing: K;
  /** Numbers of the roots before it; one whose row is lost, too. */
  readonly old: readonly number[];
  /** Unix seconds until which certificates under them may live; 0 for none. */
  readonly needed: number;
}

/** `undefined` where no root signs. `rootOf` gives the number of the root that an issuing key is under. */
export function retirementOf<K extends KeyDescription>(
  keys: readonly K[],
  rootOf: (issuing: K) => number | undefined,
  at: number,
): Retirement<K> | undefined {
  const signing = usedKey(keys, ROOT.owner, ROOT.purpose, at);
  if (!signing || signing.starts > at) return undefined;
  const { sequence, cross, ended = [] } = signing;
  const before = keysOfKind(keys, ROOT)
    .map((key) => key.sequence)
    .filter((number) => number < sequence);
  const old = [...new Set([...before, ...(cross ? [cross.by] : [])])].filter(
    (number) => !ended.some((one) => one.sequence === number),
  );
  const needed = keysOfKind(keys, { owner: 'tls', purpose: 'issuing' })
    .filter((key) => old.includes(rootOf(key) ?? 0))
    .map(({ expires }) => expires);
  return { signing, old, needed: Math.max(0, ...needed) };
}
