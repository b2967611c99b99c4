import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { printable } from '../../admin/printable.ts';
import { toJson, toYaml } from '../../admin/resource-output.ts';

const HOSTILE = {
  escape: 'red \u001b[31m',
  c1: '\u009b2J',
  bidi: 'abc\u202edef',
  tag: 'x\u{e0041}y',
  carriage: 'a\rb',
  lines: 'one\ntwo\tthree',
  '\u001bkey': 'yes',
  date: '2026-11-20T19:05:00Z',
};

describe('printable', () => {
  it('leaves visible text alone', () => {
    expect(printable('Größe 1 – {{internal.logins}} 日本')).toBe(
      'Größe 1 – {{internal.logins}} 日本',
    );
  });

  it('makes one line without controls, invisible marks or changes of direction', () => {
    expect(Object.values(HOSTILE).map(printable)).toEqual([
      'red \u{fffd}[31m',
      '\u{fffd}2J',
      'abc\u{fffd}def',
      'x\u{fffd}y',
      'a\u{fffd}b',
      'one two three',
      'yes',
      '2026-11-20T19:05:00Z',
    ]);
  });
});

describe.each([
  ['YAML', toYaml, (text: string): unknown => parse(text)],
  ['JSON', toJson, (text: string): unknown => JSON.parse(text)],
])('%s output', (_, write, read) => {
  it('escapes what could steer a terminal and still says exactly the same', () => {
    const text = write(HOSTILE);
    expect(text).toMatch(/^[\n\t\x20-\x7e]*$/);
    expect(read(text)).toEqual(HOSTILE);
  });
});

it('quotes in YAML what older readers would take for something else than text', () => {
  expect(toYaml({ on: 'yes', at: '2026-11-20T19:05:00Z' })).toBe(
    '"on": "yes"\nat: "2026-11-20T19:05:00Z"\n',
  );
});
