/** The name that somebody probably meant. */

/** The candidate that is fewest slips away, if it is near enough; or the one that a longer word ends or begins with. */
export function nearestName(written: string, candidates: readonly string[]): string | undefined {
  const wanted = written.toLowerCase();
  const near = candidates
    .map((name) => ({ name, slips: slipsBetween(wanted, name.toLowerCase()) }))
    .filter(({ name, slips }) => slips <= Math.max(1, Math.floor(name.length / 3)))
    .toSorted((a, b) => a.slips - b.slips);
  return near[0]?.name ?? candidates.find((name) => isPartOf(name.toLowerCase(), wanted));
}

/** `subscription` of `azure_subscription`: the writer said more than is needed. */
const isPartOf = (name: string, written: string): boolean =>
  name.length > 3 && (written.endsWith(`_${name}`) || written.startsWith(`${name}_`));

/** Longer words are no slips of a name. */
const LONGEST = 64;

/** Characters added, left out, replaced, or swapped with their neighbour (optimal string alignment). */
function slipsBetween(from: string, to: string): number {
  if (from.length > LONGEST) return Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swapped =
        i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
          ? (before[j - 2] ?? 0) + 1
          : Number.POSITIVE_INFINITY;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[to.length] ?? 0;
}
