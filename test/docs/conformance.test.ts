/** docs/conformance.md is a list of promises: each row has a test that carries its id. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { rowsOf } from './row-titles.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const rows = [
  ...readFileSync(join(ROOT, 'docs/conformance.md'), 'utf8').matchAll(/^\| ([A-Z]\d+) \|/gm),
].map(([, id = '']) => id);

const tested = new Set(
  ['test/conformance', 'test/scenarios'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((file) => file.endsWith('.test.ts'))
      .flatMap((file) => rowsOf(readFileSync(join(ROOT, folder, file), 'utf8'))),
  ),
);

test('there are rows, each once', () => {
  expect(rows.length).toBeGreaterThan(50);
  expect(new Set(rows).size).toBe(rows.length);
});

test.each(rows)('row %s has a test', (id) => {
  expect(tested).toContain(id);
});
