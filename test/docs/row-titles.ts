/** Which rows of docs/conformance.md a file of tests is about: the ids that titles begin with, and tables of titles. */

const COMMENT = /\/\*\*.*?\*\/|^\s*\/\/[^\n]*$/gms;

/** A test, or a whole group, that doesn't run: up to the line that closes it. */
const SKIPPED =
  /^( *)(?:test|describe|it)\.(?:\w+\.)*(?:skip|todo)\b(?:[^\n]*;$|.*?\n\1[\])}][^\n]*;$)/gms;

/** `describe('`, `test.each(...)('`, or a table's `row: '` or first column. */
const BEFORE =
  /(?:\b(?:test|describe|it)(?:\.\w+)*(?:<[^()]*>)?\(|\)\(|\brow: |(?:[[,]|^)\s*\[)\s*/;
const IDS = /['"`]((?:[A-Z]\d+\b ?)+)/;
const TITLE = new RegExp(BEFORE.source + IDS.source, 'gm');

export function rowsOf(source: string): readonly string[] {
  const run = source.replace(COMMENT, '').replace(SKIPPED, '');
  return [...run.matchAll(TITLE)].flatMap(([, ids = '']) => ids.trim().split(' '));
}
