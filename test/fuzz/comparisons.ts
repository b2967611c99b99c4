/** How often other programs are asked: starting one takes longer than a hundred inputs. */
import { hasProgram } from '../programs.ts';

let left = 0;

/** From here on so many: none where the programs are not here, which the tests of the seeds show as skipped. */
export function allowComparisons(most: number): void {
  left = hasProgram('openssl') && hasProgram('ssh-keygen') ? most : 0;
}

export function agrees(ask: () => boolean): boolean {
  if (left <= 0) return true;
  left -= 1;
  return ask();
}
