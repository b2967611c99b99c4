/** How many changes the tests noticed, file by file. */
import type { Mutant } from './explain.ts';

const NOTICED = ['Killed', 'Timeout'];
const COUNTED = [...NOTICED, 'Survived', 'NoCoverage'];

/** `unexplained` of the survivors have no explanation. */
export function table(mutants: readonly Mutant[], unexplained: number): string {
  const counted = mutants.filter(({ status }) => COUNTED.includes(status));
  const files = [...new Set(counted.map(({ fileName }) => fileName))].sort();
  const rows = files.map((file) =>
    row(
      file,
      counted.filter(({ fileName }) => fileName === file),
    ),
  );
  return [...rows, row('all', counted), `Without an explanation: ${unexplained}`].join('\n');
}

function row(name: string, mutants: readonly Mutant[]): string {
  const noticed = mutants.filter(({ status }) => NOTICED.includes(status)).length;
  const score = mutants.length === 0 ? 100 : (100 * noticed) / mutants.length;
  return `${score.toFixed(1).padStart(6)} %  ${String(noticed).padStart(5)} of ${String(mutants.length).padStart(5)}  ${name}`;
}
