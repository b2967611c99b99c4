/** Runs the tests of a folder at a length of its own: the long proofs are tests, too. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Answers the exit code. `settings` are environment variables. */
export function runTests(folder: string, settings: Readonly<Record<string, string>>): number {
  const { status } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', folder, '--disableConsoleIntercept'],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      stdio: 'inherit',
      env: { ...process.env, ...settings },
    },
  );
  return status ?? 1;
}
