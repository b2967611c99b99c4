/** The files of infra/ as the tests read them. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BicepFile, readBicep } from './bicep-file.ts';

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const readText = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

export const bicepFiles: readonly BicepFile[] = globSync('infra/**/*.{bicep,bicepparam}', {
  cwd: ROOT,
})
  .map((path) => path.replaceAll('\\', '/'))
  .toSorted()
  .map((path) => readBicep(path, readText(path)));

export function bicepFile(path: string): BicepFile {
  const file = bicepFiles.find((candidate) => candidate.path === path);
  if (!file) throw new Error(`no file ${path}`);
  return file;
}
