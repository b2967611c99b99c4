/** Arrows between folders as rules of Biome, which knows an import by the path that is written in it. */
import { posix } from 'node:path';
import type { Arrows } from './arrows.ts';

/** How far below its folder a file may lie. One that lies deeper uses nothing. */
const DEPTHS = [0, 1, 2, 3];

/**
 * A configuration of Biome that checks the arrows and nothing else.
 * It names the files by their full paths below `root`, for it doesn't lie there. Its last rule for a file counts, and in
 * a rule the last pattern for an import.
 */
export const arrowRules = (
  root: string,
  arrows: readonly Arrows[],
  privates: readonly string[],
) => ({
  files: { includes: ['**/*.ts', '**/*.mjs', '!**/dist/**'] },
  linter: { rules: { preset: 'none' } },
  overrides: [
    override('**', EVERY_PATH, 'No arrows start here: say in scripts/arrows.ts what may be used.'),
    ...arrows.flatMap((entry) => overridesOf(root, entry, privates)),
  ],
});

/** Packages have other names. */
const EVERY_PATH = ['./**', '../**'];

const override = (files: string, group: readonly string[], message: string) => ({
  includes: [files],
  linter: {
    rules: {
      style: {
        noRestrictedImports: { level: 'error', options: { patterns: [{ group, message }] } },
      },
    },
  },
});

function overridesOf(root: string, { from, to, apart }: Arrows, privates: readonly string[]) {
  const hidden = privates.filter((path) => !from.startsWith(path));
  const named = to.filter((path) => hidden.some((hiding) => path.startsWith(hiding)));
  const rule = (files: string, folder: string, own: readonly string[]) =>
    override(
      `${escaped(root)}/${files}`,
      [
        ...EVERY_PATH,
        ...own.flatMap(excepted),
        ...to.flatMap((path) => excepted(written(folder, path))),
        ...hidden.map((path) => inside(written(folder, path))),
        ...named.flatMap((path) => excepted(written(folder, path))),
      ],
      `${from} may not use this: scripts/arrows.ts says what it may.`,
    );

  if (isFile(from)) return [rule(from, posix.dirname(from), [])];
  return DEPTHS.map((depth) => {
    const below = Array.from({ length: depth }, () => '*');
    const own = apart
      ? []
      : ['.', ...below.map((_, up) => posix.join(...Array(up + 1).fill('..')))];
    return rule([from, ...below, '*'].join('/'), posix.join(from, ...below), own);
  });
}

/** A path in which nothing is a wildcard. */
const escaped = (path: string): string => path.replace(/[\\*?{}[\]!]/g, '\\$&');

const isFile = (path: string): boolean => path.endsWith('.ts');

/** The path of a file or folder as an import in another folder writes it. */
function written(folder: string, path: string): string {
  const relative = posix.relative(folder, path) || '.';
  return relative.startsWith('.') ? relative : `./${relative}`;
}

const inside = (path: string): string => (isFile(path) ? path : `${path}/**`);

/** Makes an exception for a path, but not for the detours over it to somewhere else. */
const excepted = (path: string): string[] =>
  isFile(path) ? [`!${path}`] : [`!${path}/**`, `${path}/**/../**`];
