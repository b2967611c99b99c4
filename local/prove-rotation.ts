/**
 * `npm run prove:rotation`: 1,000 seeds of a hundred years each, or as many as is said (seeds, years, first seed), of keys that
 * come and go while timers, clocks, instances and relying parties are late. Exits 0 only if everything held.
 */
import process from 'node:process';
import { simulate } from './rotation/century.ts';
import { newFigures } from './rotation/checks.ts';

const [seeds = 1000, years = 100, first = 1] = process.argv.slice(2).map(Number);
if (![seeds, years, first].every((number) => Number.isInteger(number) && number > 0)) {
  process.stderr.write('Expected how many seeds, how many years, and the first seed.\n');
  process.exit(2);
}
/** After so many a line says how far it is. */
const SEEDS_A_LINE = 25;
const started = Date.now();
const { mostRows: _, violations: __, ...total } = newFigures(0);
let mostRows = 0;
let violations = 0;
for (let seed = first; seed < first + seeds; seed += 1) {
  const figures = simulate(seed, years);
  for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += figures[name];
  mostRows = Math.max(mostRows, figures.mostRows);
  violations += figures.violations.length;
  for (const violation of figures.violations) process.stderr.write(`${violation}\n`);
  const done = seed - first + 1;
  if (done % SEEDS_A_LINE === 0) process.stderr.write(`${done} of ${seeds} seeds\n`);
}
for (const [name, count] of Object.entries(total))
  process.stdout.write(`${name.padEnd(14)} ${count}\n`);
process.stdout.write(`most rows      ${mostRows}
violations     ${violations}
seconds        ${Math.round((Date.now() - started) / 1000)}
`);
process.exitCode = violations === 0 ? 0 : 1;
