/** Patterns in which `*` stands for any number of characters and `?` for exactly one, anchored at both ends (rule 3). */

/**
 * Between two stars, the first place that fits is as good as any later one. So no choice is ever taken back but the last
 * star's, and the time is at most the product of both lengths, whatever the pattern.
 */
export function matchesWildcard(pattern: string, text: string): boolean {
  let [p, t] = [0, 0];
  let star: { readonly after: number; from: number } | undefined;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = { after: p + 1, from: t };
      p += 1;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p += 1;
      t += 1;
    } else if (star) {
      star.from += 1;
      [p, t] = [star.after, star.from];
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}
