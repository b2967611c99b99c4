/** Answers that are good for a while. */

/** Remembers an answer for some seconds, or until its argument is another one. Failures are not remembered. */
export function remembered<A, T>(
  seconds: number,
  now: () => Date,
  ask: (about: A) => Promise<T>,
): (about: A) => Promise<T> {
  let known: { readonly about: A; readonly at: number; readonly answer: Promise<T> } | undefined;
  return (about) => {
    const at = now().getTime();
    if (known && known.about === about && at - known.at < seconds * 1000) return known.answer;
    const answer = ask(about);
    const entry = { about, at, answer };
    known = entry;
    answer.catch(() => {
      if (known === entry) known = undefined;
    });
    return answer;
  };
}

/** Puts something into a map of the latest so many: where there is no room, the oldest goes. */
export function keepLatest<V>(known: Map<string, V>, key: string, value: V, most: number): void {
  known.delete(key);
  const [oldest] = known.keys();
  if (known.size >= most && oldest !== undefined) known.delete(oldest);
  known.set(key, value);
}
