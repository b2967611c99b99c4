/**
 * `npm run mutate [-- [--quick] files or globs]`: changes the broker's and the agent's code, one small change at a time,
 * and tells which of the changes no test notices. Without files it takes hours. `--quick` asks only the tests that mirror a
 * file, and no whole joins.
 */
import { globSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explain } from './explain.ts';
import { EXPLAINED } from './explained/explained.ts';
import { MUTATED } from './options.ts';
import { findSurvivors } from './passes.ts';
import { table } from './score.ts';

const all = process.argv.slice(2);
const quick = all.includes('--quick');
const args = all.filter((arg) => arg !== '--quick');
const root = fileURLToPath(new URL('../..', import.meta.url));
const files = globSync(args.length > 0 ? args : MUTATED.map((glob) => `${root}/${glob}`))
  .map((file) => relative(root, file))
  .sort();
if (args.some((arg) => arg.startsWith('-')) || files.length === 0) {
  process.stderr.write('Usage: npm run mutate -- [--quick] [files or globs]\n');
  process.exit(2);
}
process.chdir(root);

// The samples lie beside the project, and so they do beside the copy that is changed.
const folder = await mkdtemp(join(tmpdir(), 'mutate-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
await symlink(fileURLToPath(new URL('../../../shared', import.meta.url)), join(folder, 'shared'));

const mutants = await findSurvivors(folder, files, quick);
const sources = new Map(
  await Promise.all(files.map(async (name) => [name, await readFile(name, 'utf8')] as const)),
);
const { survivors, stale } = explain(mutants, sources, EXPLAINED);
for (const text of survivors) process.stdout.write(`\nNo test notices ${text}\n`);
for (const text of stale)
  process.stdout.write(`\nExplained in test/mutation/explained/, and gone: ${text}\n`);
process.stdout.write(`\n${table(mutants, survivors.length)}\n`);
process.exitCode = survivors.length + stale.length > 0 ? 1 : 0;
