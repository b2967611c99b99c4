/**
 * `npm run demo`: brings the whole stack up, joins one machine that is allowed and one that is not, and shows what each
 * step proves. Exits 0 only if every step proved what it says. What it made stays in `.local/demo/`.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { buildIfStale } from '../scripts/build-if-stale.ts';
import { checkCertificates } from './demo/certificates.ts';
import { joinAllowedMachine, showDenial } from './demo/joins.ts';
import { applyResources, checkBroker } from './demo/operator.ts';
import { type Demo, StepFailed } from './demo/scene.ts';
import { createReport } from './report.ts';
import { startStack } from './stack.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const report = createReport(process.stdout, process.env);
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interruption.abort(new StepFailed(`Interrupted by ${signal}.`)));
}

try {
  // The folder whose .local is used: the project's own, if none is given.
  await demonstrate(resolve(process.argv[2] ?? ROOT));
} catch (error) {
  report.failure(error instanceof Error ? error.message : String(error));
  if (error instanceof StepFailed) for (const detail of error.details) report.output(detail);
  process.exitCode = 1;
}

async function demonstrate(directory: string): Promise<void> {
  const log: string[] = [];
  const output = join(directory, '.local', 'demo');
  report.step('A broker starts, beside table storage and a simulated Azure');
  await buildIfStale();
  const stack = await startStack({
    directory,
    description: join(ROOT, 'examples/local-azure.yaml'),
    log: (line) => log.push(line),
  });
  try {
    await rm(output, { recursive: true, force: true });
    await mkdir(output, { recursive: true, mode: 0o700 });
    const { signal } = interruption;
    await walk({ root: ROOT, directory, output, log, report, signal, ...stack });
  } finally {
    await stack.close();
    await writeFile(join(output, 'broker.log'), log.map((line) => `${line}\n`).join(''));
  }
  const skipped =
    report.skipped > 0 ? ` (${report.skipped} of the checks need programs that are not here)` : '';
  process.stdout.write(
    `\nEvery step proved what it says${skipped}. What was made is in ${output}\n`,
  );
}

async function walk(demo: Demo): Promise<void> {
  await checkBroker(demo);
  await applyResources(demo);
  await joinAllowedMachine(demo);
  await checkCertificates(demo);
  await showDenial(demo);
}
