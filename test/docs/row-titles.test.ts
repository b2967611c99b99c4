import { describe, expect, test } from 'vitest';
import { rowsOf } from './row-titles.ts';

describe('counts the rows that begin', () => {
  test.each([
    ['the title of a test', "test('G1 denies it', () => {});"],
    ['the title of a group', "describe('G1 a lock', () => {\n  test('is one', () => {});\n});"],
    ['the title of a table', "test.each([1])('G1 %s', () => {});"],
    ['the title of a typed table', "test.each<[string]>([\n  ['a'],\n])('G1 %s', () => {});"],
    ['the title of what needs a program', "test.skipIf(!here)('G1 denies it', () => {});"],
    ['a row of a table', "test.each([\n  ['a', 1],\n  ['G1 denies it', 2],\n])('%s', () => {});"],
    ['a long row of a table', "const rows = [\n  [\n    'G1 denies it',\n    1,\n  ],\n];"],
    ['a row that is named', "const rows = [{ row: 'G1', name: 'denies it' }];"],
  ])('%s', (_, source) => {
    expect(rowsOf(source)).toEqual(['G1']);
  });

  test('a title together', () => {
    expect(rowsOf("test('G1 R10 denies it', () => {});")).toEqual(['G1', 'R10']);
  });
});

describe('does not count', () => {
  test.each([
    ['a test that is skipped', "test.skip('G1 denies it', () => {\n  a();\n});"],
    ['a test to be written', "test.todo('G1 denies it');"],
    ['a table that is skipped', "test.skip.each([\n  ['G1 a'],\n])('%s', () => {\n  a();\n});"],
    [
      'a test of a group that is skipped',
      "describe.skip('a', () => {\n  test('G1 b', () => {});\n});",
    ],
    ['an id within a title', "test('denies what G1 is about', () => {});"],
    [
      'an id of another text',
      "expect(answer).toEqual(['G1', 'denied']);\nconst a = 'G1 is denied';",
    ],
    ['a longer id', "test('G10 denies it', () => {});"],
    ['a comment', "/** test('G1 denies it') */\n// test('G1 denies it')"],
  ])('%s', (_, source) => {
    expect(rowsOf(source)).not.toContain('G1');
  });

  test('only what is skipped', () => {
    const skipped = "  test.skip('G1 a', () => {\n    b();\n  });\n";
    const source = `describe('a', () => {\n${skipped}\n  test('G2 b', () => {});\n});`;
    expect(rowsOf(source)).toEqual(['G2']);
  });
});
