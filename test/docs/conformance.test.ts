/** docs/conformance.md is a list of promises: each row has a test that carries its id. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const COMMENT = /\/\*\*.*?\*\/|^\s*\/\/[^\n]*$/gms;

const rows = [
  ...readFileSync(join(ROOT, 'docs/conformance.md'), 'utf8').matchAll(/^\| ([A-Z]\d+) \|/gm),
].map(([, id = '']) => id);

/** What the tests say beside their comments: titles, and the tables that titles are made of. */
const said = ['test/conformance', 'test/scenarios'].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(ROOT, folder, file), 'utf8').replace(COMMENT, '')),
);

test('there are rows, each once', () => {
  expect(rows.length).toBeGreaterThan(50);
  expect(new Set(rows).size).toBe(rows.length);
});

test.each(rows)('row %s has a test', (id) => {
  expect(said.some((text) => new RegExp(`['"\`][^'"\`\\n]*\\b${id}\\b`).test(text))).toBe(true);
});
