/** What a schema says once; json-schema.test.ts has that of the config file. */
import { expect, test } from 'vitest';
import { type Schema, withDefinitions } from '../../../agent/config-document/definitions.ts';

/** A schema whose text has this many letters. */
const long = (word: string, length = 300): Schema => {
  const text = (filling: string) => ({ type: 'string', description: `${word}${filling}` });
  return text('x'.repeat(length - JSON.stringify(text('')).length));
};
const refer = (name: string) => ({ $ref: `#/definitions/${name}` });

test('a field that is long, and in more than one place, is said once under its name', () => {
  const [a, b] = [long('a'), long('b')];
  expect(
    withDefinitions({ properties: { one: { properties: { a, b } }, two: { properties: { a } } } }),
  ).toEqual({
    properties: {
      one: { properties: { a: refer('a'), b } },
      two: { properties: { a: refer('a') } },
    },
    definitions: { a },
  });
});

test('what is short is said where it is used', () => {
  const both = (field: Schema): Schema => ({
    properties: { one: { properties: { field } }, two: { type: 'a', properties: { field } } },
  });
  expect(withDefinitions(both(long('a', 299)))).toEqual({
    ...both(long('a', 299)),
    definitions: {},
  });
  expect(withDefinitions(both(long('a', 300))).definitions).toEqual({ field: long('a', 300) });
});

test('others of one name are numbered, beside names that look so', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((word) => long(word));
  const inTwo = (name: string, field: Schema = {}): [string, Schema][] => [
    [`one_${field.description?.[0]}`, { properties: { [name]: field } }],
    [`two_${field.description?.[0]}`, { type: 'a', properties: { [name]: field } }],
  ];
  const { properties, definitions } = withDefinitions({
    properties: Object.fromEntries([
      ...inTwo('name_2', a),
      ...inTwo('name', b),
      ...inTwo('name', c),
    ]),
  });
  expect(definitions).toEqual({ name_2: a, name: b, name_3: c });
  expect(properties?.['two_c']?.properties).toEqual({ name: refer('name_3') });
});

test('of alternatives, those that have a title are said once, with what is in them', () => {
  const inner = long('inner');
  const titled: Schema = { title: 'kind', properties: { inner } };
  const untitled: Schema = { properties: { inner, other: { type: 'null' } } };
  const one: Schema = { oneOf: [titled, untitled], enum: ['a', null, 1] };
  expect(withDefinitions({ properties: { one, two: { anyOf: [titled, untitled] } } })).toEqual({
    properties: {
      one: {
        oneOf: [refer('kind'), { properties: { inner: refer('inner'), other: { type: 'null' } } }],
        enum: ['a', null, 1],
      },
      two: {
        anyOf: [refer('kind'), { properties: { inner: refer('inner'), other: { type: 'null' } } }],
      },
    },
    definitions: {
      kind: { title: 'kind', properties: { inner: refer('inner') } },
      inner,
    },
  });
});
