/** "Did you mean …?" for mistyped commands, flags and kinds. */
import { nearestName } from '../shared/protocol/nearest-name.ts';

/** ` (did you mean X?)` for the nearest of the choices, or nothing where none is near. */
export function didYouMean(typed: string, choices: readonly string[]): string {
  const nearest = nearestName(typed, choices);
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
}
