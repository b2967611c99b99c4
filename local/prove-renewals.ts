/**
 * `npm run prove:renewals`: kills agents with a secret and loses their messages, 200 times or as often as is said, and
 * shows that each gets on by itself, that nobody is locked, and that a copy is caught. Exits 0 only if all of it held.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { buildIfStale } from '../scripts/build-if-stale.ts';
import { proveRenewals } from './renewals/proof.ts';

const rounds = Number(process.argv[2] ?? 200);
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100_000) {
  process.stderr.write('Expected how many rounds, such as 200.\n');
  process.exit(2);
}
await buildIfStale();
const folder = await mkdtemp(join(tmpdir(), 'renewals-'));
const tell = (line: string): void => void process.stdout.write(`${line}\n`);
try {
  const figures = await proveRenewals({ folder, rounds, random: Math.random, tell });
  tell(`rounds             ${figures.rounds}`);
  tell(`machines           ${figures.machines}`);
  tell(`kills              ${figures.kills}`);
  tell(`lost answers       ${figures.lostAnswers}`);
  tell(`generations        ${figures.generations}`);
  tell(`lock-outs          ${figures.lockOuts}`);
  tell(`duplicates         ${figures.duplicates}`);
  tell(`copies caught      ${figures.copiesCaught}`);
  tell(`seconds            ${figures.seconds}`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
