/** docs/security.md is a list of claims: each names tests and rules that there are. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { anchors, links } from './markdown.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const document = read('docs/security.md');
/** Without the ends of its lines, which may stand anywhere. */
const prose = document.replaceAll(/\s+/g, ' ');

const COMMENT = /\/\*\*.*?\*\/|^\s*\/\/[^\n]*$/gms;

/** Where a text stands in a file as the title of a test, or of a row in the table of one; -1 where it doesn't. */
function titleAt(source: string, title: string, before: '(' | '', from: number): number {
  const literals = [`'${title}',`, `"${title}",`, `\`${title}\`,`];
  const starts = literals.flatMap((literal) => {
    const at = source.indexOf(literal, from);
    return at >= 0 && (before === '' || /\(\s*$/.test(source.slice(0, at))) ? [at] : [];
  });
  return starts.length === 0 ? -1 : Math.min(...starts);
}

/** The titles of `"one"; "outer" › "inner"` that a test file doesn't have. */
function missingIn(source: string, named: string): string[] {
  return named.split(/;\s+(?=")/).flatMap((chain) => {
    let from = 0;
    return chain.split(' › ').filter((quoted, depth) => {
      const at = titleAt(source, quoted.slice(1, -1), depth === 0 ? '(' : '', from);
      from = Math.max(at, 0);
      return !/^".+"$/.test(quoted) || at < 0;
    });
  });
}

/** The list items that name tests: a file and titles in it. */
const itemsOf = (text: string): { path: string; named: string }[] =>
  [...text.matchAll(/^- `(test\/[\w/.-]+\.test\.ts)`: (.+)$/gm)].map(
    ([, path = '', named = '']) => ({ path, named }),
  );

const attacks = document
  .split(/^### /m)
  .slice(1)
  .map((section) => section.split(/^## /m)[0] ?? '')
  .map((section) => ({ title: section.split('\n')[0] ?? '', section }));

test('there are attacks, numbered in their order', () => {
  expect(attacks.length).toBeGreaterThan(10);
  expect(attacks.map(({ title }) => Number.parseInt(title, 10))).toEqual(
    attacks.map((_, at) => at + 1),
  );
});

describe.each(attacks)('$title', ({ section }) => {
  it('says what stops it, by which tests, what is left and how to narrow it', () => {
    const parts = ['**Stops it.**', '**Tests.**', '**Left.**', '*Narrow it:*'];
    const flat = section.replaceAll(/\s+/g, ' ');
    const places = parts.map((part) => flat.indexOf(part));
    expect(places.every((at) => at > 0)).toBe(true);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  it('names tests that there are', () => {
    const tests = section.split('**Tests.**')[1]?.split('**Left.**')[0] ?? '';
    const lines = tests.split('\n').filter((line) => line.trim() !== '');
    expect(lines.length).toBeGreaterThan(0);
    expect(itemsOf(tests)).toHaveLength(lines.length);
    for (const { path, named } of itemsOf(tests)) {
      expect(existsSync(join(ROOT, path)), path).toBe(true);
      expect(missingIn(read(path).replace(COMMENT, ''), named), path).toEqual([]);
    }
  });
});

test.each([
  ['a title that no test has', '"no such test"'],
  ['a row in place of a test', '"a row"'],
  ['a test in a description that comes after it', '"second" › "one"'],
  ['a title without its end', '"fir"'],
  ['no title', 'first'],
])('%s would be told', (_, named) => {
  const source =
    "describe('first', () => { test('one', f) }); describe('second', f);\n['a row', 1],";
  expect(missingIn(source, '"first" › "one"; "second"')).toEqual([]);
  expect(missingIn(source, named)).not.toEqual([]);
});

test('every rule that it cites is in docs/design.md', () => {
  const [, rules = ''] = read('docs/design.md').split('## Rules that hold everywhere');
  const numbers = [...rules.matchAll(/^(\d+)\. /gm)].map(([, number]) => number);
  const cited = [...prose.matchAll(/\brules? (\d+(?:(?:,| to| and) \d+)*)/g)].flatMap(
    ([, list = '']) => list.match(/\d+/g) ?? [],
  );
  expect(cited.length).toBeGreaterThan(10);
  expect(numbers).toEqual(expect.arrayContaining(cited));
});

test('every file that it names is there, and so is every number of an attack', () => {
  const paths = [...document.matchAll(/`((?:test|shared|docs|infra|functions)\/[\w/.-]*)`/g)].map(
    ([, path = '']) => path,
  );
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const cited = [...prose.matchAll(/\((?:see )?(\d+)\)/g)].map(([, number]) => Number(number));
  expect(cited.length).toBeGreaterThan(5);
  expect(cited.filter((number) => number < 1 || number > attacks.length)).toEqual([]);
});

test('every setting that it names is one', () => {
  const settings = `${read('docs/settings.md')}${read('docs/deploy.md')}`;
  for (const [name] of document.matchAll(/JOIN_BROKER_[A-Z_]+/g)) expect(settings).toContain(name);
});

test('README.md leads to the threat model and to how to report', () => {
  expect(links(read('README.md'))).toEqual(
    expect.arrayContaining(['docs/security.md', 'SECURITY.md']),
  );
});

test('the links of SECURITY.md lead somewhere', () => {
  for (const link of links(read('SECURITY.md'))) {
    const [file = '', anchor] = link.split('#');
    expect(readdirSync(join(ROOT, dirname(file))), link).toContain(file.split('/').at(-1));
    if (anchor !== undefined) expect(anchors(read(file)), link).toContain(anchor);
  }
});
