/** What outputs are called where somebody asks for one of them: no two the same. */
import { type Output, STORAGE_NAME } from './settings.ts';
import type { FailureAt } from './yaml-file.ts';

/** An entry of the config file, with its place there. */
interface Placed {
  readonly output: { readonly type: string; readonly name?: string | undefined };
  readonly place: readonly PropertyKey[];
}

export const defaultName = (type: string, number: number): string => `${type}-${number}`;

/** Their own, or else their types and numbers. */
export function outputNames(
  ofFlag: readonly Output[],
  all: readonly Placed[],
  failure: FailureAt,
): string[] {
  const taken = new Set([STORAGE_NAME, ...ofFlag.map(({ name }) => name)]);
  return all.map(({ output, place }, position) => {
    const name = output.name ?? defaultName(output.type, ofFlag.length + position + 1);
    if (taken.has(name)) {
      const message = `expected a name that nothing else has, got ${name}${name === STORAGE_NAME ? ", which is the agent's own directory" : ' twice'}`;
      throw failure([...place, ...(output.name === undefined ? [] : ['name'])], message);
    }
    taken.add(name);
    return name;
  });
}
