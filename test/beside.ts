/**
 * What lies beside the repository, in `shared`: real documents and files of other people's, which are not ours to publish.
 * On a machine of somebody's own their tests are skipped without them. Where a change is checked (`CI=true`) their absence
 * is an error, unless `SAMPLES=absent` says that this place never has them, as GitHub's runners don't.
 */
import { existsSync, readdirSync } from 'node:fs';

export interface Beside {
  /** Whether tests can and must read it. */
  readonly here: boolean;
  readonly folder: URL;
  /** The names of its files, sorted. */
  readonly names: readonly string[];
}

/** `path` names a folder of `shared`, and ends with `/`. */
export function beside(path: string): Beside {
  const folder = new URL(path, new URL('../../shared/', import.meta.url));
  if (existsSync(folder)) return { here: true, folder, names: readdirSync(folder).toSorted() };
  const { CI, SAMPLES } = process.env;
  if (CI === 'true' && SAMPLES !== 'absent')
    throw new Error(`shared/${path} is missing beside the repository, but tests need it.`);
  return { here: false, folder, names: [] };
}
