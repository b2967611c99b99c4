/** What is remembered of what callers name has a bound: the oldest goes first. */
const MOST_REMEMBERED = 10_000;

export function remember<T>(known: Map<string, T>, key: string, value: T): void {
  known.delete(key);
  const [oldest] = known.keys();
  if (known.size >= MOST_REMEMBERED && oldest !== undefined) known.delete(oldest);
  known.set(key, value);
}
