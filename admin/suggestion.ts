/** "Did you mean …?" for mistyped commands, flags and kinds. */

/** ` (did you mean X?)` for the nearest of the choices, or nothing where none is near. */
export function didYouMean(typed: string, choices: readonly string[]): string {
  const [nearest] = choices
    .map((choice) => ({ choice, distance: editDistance(typed.toLowerCase(), choice) }))
    .filter(({ choice, distance }) => distance <= Math.max(1, Math.floor(choice.length / 3)))
    .toSorted((a, b) => a.distance - b.distance);
  return nearest ? ` (did you mean ${nearest.choice}?)` : '';
}

/** How many letters must be added, removed or changed to make one word of the other (Levenshtein). */
export function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [row, letter] of [...from].entries()) {
    const current = [row + 1];
    for (const [column, wanted] of [...to].entries()) {
      const change = (previous[column] ?? 0) + (letter === wanted ? 0 : 1);
      current.push(Math.min(change, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
