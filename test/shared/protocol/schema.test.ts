import { describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { fieldPath } from '../../../shared/protocol/field-path.ts';
import { parseJsonWith, parseWith, sentenceOf } from '../../../shared/protocol/schema.ts';
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
    ['none of a few', { size: 'huge' }, 'size', 'expected one of small, large'],
    ['another type', { parts: 'a' }, 'parts', 'expected a list, got text'],
    ['nothing', { kind: undefined }, 'kind', 'missing; expected "thing"'],
    ['nothing at all', { kind: null }, 'kind', 'expected "thing", got nothing'],
    ['fields', { size: {} }, 'size', 'expected one of small, large, got fields'],
    [
      'a number',
      { parts: [{ name: 5, count: 1 }] },
      'parts[0].name',
      'expected text, got a number (put it in quotes)',
    ],
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
      'expected a whole number, got a number',
    ],
    ['an unknown field', { colour: 'red' }, 'colour', 'unknown field; there are kind, size, parts'],
    [
      'an unknown field before a wrong one',
      { kind: 1, colour: 'red' },
      'colour',
      'unknown field; there are kind, size, parts',
    ],
    [
      'a misspelt field that is missing',
      { parts: undefined, prats: [] },
      'prats',
      'unknown field; did you mean parts?',
    ],
    [
      'a field that says too much',
      { the_parts: 1 },
      'the_parts',
      'unknown field; did you mean parts?',
    ],
    [
      'a field too far up',
      { count: 1 },
      'count',
      'unknown field; it belongs into an entry of parts',
    ],
    [
      'a field too far down',
      { parts: [{ size: 'small' }] },
      'parts[0].size',
      'unknown field; it belongs into the top',
    ],
    [
      'an unknown field below',
      { parts: [{ ...good.parts[0], x: 1 }] },
      'parts[0].x',
      'unknown field; there are name, count',
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
      problem: { field: '', message: 'expected fields, got a number' },
    });
    expect(sentenceOf({ field: '', message: 'expected JSON text' })).toBe('expected JSON text');
  });
});

test('a field that every object has is unknown too', () => {
  for (const field of ['__proto__', 'constructor', 'toString']) {
    const text = JSON.stringify(good).replace('{', `{"${field}":{"kind":"thing"},`);
    expect(parseJsonWith(schema, text)).toEqual({
      ok: false,
      problem: { field, message: 'unknown field; there are kind, size, parts' },
    });
  }
});

test("control characters and long names of the input don't come back", () => {
  const parsed = parseWith(schema, { ...good, [`\x1b[31m\n${'x'.repeat(100)}`]: 1 });
  expect(parsed).toEqual({
    ok: false,
    problem: {
      field: `?[31m?${'x'.repeat(58)}`,
      message: 'unknown field; there are kind, size, parts',
    },
  });
});

describe('a union', () => {
  const union = z.strictObject({
    spec: z.discriminatedUnion('by', [
      z.strictObject({ by: z.literal('a'), allow: z.array(z.strictObject({ group: name })) }),
      z.strictObject({ by: z.literal('b'), b: z.strictObject({ allow: z.array(name) }) }),
    ]),
  });
  const problemOf = (spec: unknown) => {
    const parsed = parseWith(union, { spec });
    return parsed.ok ? '' : sentenceOf(parsed.problem);
  };

  test('knows the fields of the option that is named', () => {
    expect(problemOf({ by: 'a', alow: [] })).toBe('spec.alow: unknown field; did you mean allow?');
    expect(problemOf({ by: 'b', allow: [] })).toBe(
      'spec.allow: unknown field; it belongs into spec.b',
    );
  });

  test('knows those of all, where none is named', () => {
    expect(problemOf({ allow: [{ groupp: 'x' }] })).toBe(
      'spec.allow[0].groupp: unknown field; did you mean group?',
    );
    expect(problemOf({ b: { allow: [] } })).toMatch(/^spec\.by: missing; expected/);
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
