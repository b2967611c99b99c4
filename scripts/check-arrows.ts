/** Checks that no import runs against the arrows between folders. Prints those that do, and then ends with 1. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { arrowRules } from './arrow-rules.ts';
import { ARROWS, PRIVATE } from './arrows.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const BIOME = join(PROJECT, 'node_modules/@biomejs/biome/bin/biome');

/** Lets Biome read the imports of all files below `root`; `options` are some of its own. */
export function checkArrows(root: string, options: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'arrows-'));
  try {
    const config = join(folder, 'biome.json');
    writeFileSync(config, JSON.stringify(arrowRules(realpathSync(root), ARROWS, PRIVATE)));
    const all = [`--config-path=${config}`, '--diagnostic-level=error', ...options];
    return spawnSync(process.execPath, [BIOME, 'lint', ...all], { cwd: root, encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { status, stdout, stderr } = checkArrows(PROJECT);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = status ?? 1;
}
