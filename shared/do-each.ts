/** Works that have nothing to do with each other: what becomes of one is no reason to leave out another. */

/** Does one after the other. Throws at the end what went wrong: one failure as it is, several as one. */
export async function doEach<T>(works: readonly (() => Promise<T>)[]): Promise<T[]> {
  const done: T[] = [];
  const failures: unknown[] = [];
  for (const work of works) {
    try {
      done.push(await work());
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('; '));
  if (failures.length > 0) throw failures[0];
  return done;
}
