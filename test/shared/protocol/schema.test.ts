import { describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import {
  fieldPath,
  parseJsonWith,
  parseWith,
  sentenceOf,
} from '../../../shared/protocol/schema.ts';
import { name } from '../../../shared/protocol/values.ts';

const schema = z.strictObject({
  kind: z.literal('thing'),
  size: z.optional(z.enum(['small', 'large'])),
  parts: z.array(z.strictObject({ name, count: z.int().check(z.positive()) })),
});
const good = { kind: 'thing', parts: [{ name: 'a', count: 1 }] };

test('gives the value where it is right', () => {
  expect(parseWith(schema, good)).toEqual({ ok: true, value: good });
  expect(parseJsonWith(schema, JSON.stringify(good))).toEqual({ ok: true, value: good });
});

describe('names the field and what was expected', () => {
  test.each([
    ['a wrong literal', { kind: 'other' }, 'kind', 'expected "thing"'],
    ['none of a few', { size: 'huge' }, 'size', 'expected one of "small"|"large"'],
    ['another type', { parts: 'a' }, 'parts', 'expected array, received string'],
    ['nothing', { kind: undefined }, 'kind', 'expected "thing"'],
    [
      'a bad name in a list',
      {
        parts: [
          { name: 'a', count: 1 },
          { name: '-', count: 1 },
        ],
      },
      'parts[1].name',
      'expected 1 to 63 letters, digits, dots, dashes or underscores',
    ],
    [
      'a fraction',
      { parts: [{ name: 'a', count: 1.5 }] },
      'parts[0].count',
      'expected int, received number',
    ],
    ['an unknown field', { colour: 'red' }, 'colour', 'unknown field'],
    [
      'an unknown field below',
      { parts: [{ ...good.parts[0], x: 1 }] },
      'parts[0].x',
      'unknown field',
    ],
  ])('%s', (_, change, field, message) => {
    const problem = { field, message };
    expect(parseWith(schema, { ...good, ...change })).toEqual({ ok: false, problem });
    expect(sentenceOf(problem)).toBe(`${field}: ${message}`);
  });

  test('the whole has no field', () => {
    const parsed = parseWith(schema, 5);
    expect(parsed).toEqual({
      ok: false,
      problem: { field: '', message: 'expected object, received number' },
    });
    expect(sentenceOf({ field: '', message: 'expected JSON text' })).toBe('expected JSON text');
  });
});

test('a field that every object has is unknown too', () => {
  for (const field of ['__proto__', 'constructor', 'toString']) {
    const text = JSON.stringify(good).replace('{', `{"${field}":{"kind":"thing"},`);
    expect(parseJsonWith(schema, text)).toEqual({
      ok: false,
      problem: { field, message: 'unknown field' },
    });
  }
});

test("control characters and long names of the input don't come back", () => {
  const parsed = parseWith(schema, { ...good, [`\x1b[31m\n${'x'.repeat(100)}`]: 1 });
  expect(parsed).toEqual({
    ok: false,
    problem: { field: `?[31m?${'x'.repeat(58)}`, message: 'unknown field' },
  });
});

test("a value of the input doesn't come back", () => {
  const secret = 'hunter2-hunter2';
  for (const change of [
    { kind: secret },
    { size: secret },
    { parts: [secret] },
    { parts: [{ name: `${secret}!`, count: secret }] },
  ])
    expect(JSON.stringify(parseWith(schema, { ...good, ...change }))).not.toContain('hunter2');
  expect(JSON.stringify(parseJsonWith(schema, `{"kind": ${secret}}`))).not.toContain('hunter2');
});

test.each(['', '{', '{"a":1}{', "{'a':1}", 'undefined', '\ufeff{}', '{"a":1,}'])(
  '%j is no JSON text',
  (text) => {
    expect(parseJsonWith(schema, text)).toEqual({
      ok: false,
      problem: { field: '', message: 'expected JSON text' },
    });
  },
);

test('a path is written as people write it', () => {
  expect(fieldPath(['spec', 'azure', 'allow', 0, 'tenant'])).toBe('spec.azure.allow[0].tenant');
  expect(fieldPath([])).toBe('');
  expect(fieldPath([2, 'a'])).toBe('[2].a');
});
