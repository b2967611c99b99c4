import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseStrictJson } from '../../../shared/protocol/json.ts';

const TWICE = { expected: 'every name once in its object' };

describe('is read', () => {
  test.each([
    ['{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}'],
    ['["a","a"]'],
    ['{"a":"b","b":"a"}'],
    ['{"a":["b","b"],"b":1}'],
    [' { "a" : 1 , "b" : [ ] } '],
    ['{"a\\\\":1,"a\\"":2,"a":3}'],
    ['{"a":"{\\"x\\":1,\\"x\\":2}"}'],
    ['{"":1," ":2}'],
    ['{"__proto__":1,"constructor":2,"toString":3}'],
    ['"a"'],
    ['null'],
  ])('%s', (text) => {
    expect(parseStrictJson(text)).toEqual({ value: JSON.parse(text) });
  });
});

describe('is refused', () => {
  test.each([
    ['a name twice', '{"a":1,"a":2}'],
    ['a name twice with the same value', '{"a":1,"a":1}'],
    ['a name twice with others between', '{"a":1,"b":{"c":[1,{"d":2}]},"a":2}'],
    ['a name twice in an object below', '{"b":[0,{"a":1,"a":2}]}'],
    ['a name twice, once with an escape', '{"a":1,"\\u0061":2}'],
    ['a name twice behind a text that ends in a backslash', '{"x":"\\\\","a":1,"a":2}'],
    ['a name twice behind a text with a quotation mark', '{"x":"\\"}","a":1,"a":2}'],
    ['an empty name twice', '{"":1,"":2}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
  ])('%s', (_, text) => {
    expect(parseStrictJson(text)).toEqual(TWICE);
  });

  test.each([
    ['nothing', ''],
    ['half a text', '{"a":'],
    ['two values', '{} {}'],
    ['a comma behind the last value', '{"a":1,}'],
  ])('%s', (_, text) => {
    expect(parseStrictJson(text)).toEqual({ expected: 'JSON text' });
  });
});

test('whatever is written once is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseStrictJson(text)).toEqual({ value: JSON.parse(text) });
    }),
  );
});

test('whatever member of whatever object stands twice is found', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 });
  fc.assert(
    fc.property(object, fc.nat(), fc.array(fc.jsonValue()), (members, at, around) => {
      const written = Object.entries(members).map(
        ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
      );
      const again = written[at % written.length] ?? '';
      const text = JSON.stringify([...around, '@', ...around]);
      const twice = text.replace('"@"', () => `{${[...written, again].join()}}`);
      fc.pre(!JSON.stringify(around).includes('"@"'));
      expect(parseStrictJson(twice)).toEqual(TWICE);
    }),
  );
});

test('60,000 characters of brackets, quotation marks or backslashes are read at once', () => {
  for (const part of ['[', '"\\\\",', '{"a":'])
    expect(parseStrictJson(part.repeat(60_000 / part.length))).toHaveProperty('expected');
  expect(parseStrictJson(JSON.stringify('\\'.repeat(30_000)))).toHaveProperty('value');
});

const lists = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

test('lists and objects in each other are counted, not those beside each other', () => {
  const limits = { depth: 3, work: 1000 };
  expect(parseStrictJson(lists(3), limits)).toEqual({ value: [[[]]] });
  expect(parseStrictJson('[[[]],[[]],{"a":[]}]', limits)).toHaveProperty('value');
  const expected = 'JSON that is at most 3 objects and arrays deep';
  expect(parseStrictJson(lists(4), limits)).toEqual({ expected });
  expect(parseStrictJson('[{"a":[{}]}]', limits)).toEqual({ expected });
  expect(parseStrictJson(lists(64))).toHaveProperty('value');
  expect(parseStrictJson(lists(65))).toHaveProperty('expected');
});

test.each([
  ['a character', '12345', 5],
  ['white space', '[] ', 2 + 1 + 15],
  ['a string, however long', `"${'x'.repeat(1000)}"`, 8],
  ['escapes', '"\\n\\"\\\\"', 8 + 3 * 4],
  ['a name', '{"a":1}', 16 + 32 + 3],
])('%s is work, and not a bit more than is allowed is done', (_, text, work) => {
  expect(parseStrictJson(text, { depth: 8, work })).toEqual({ value: JSON.parse(text) });
  const expected = 'JSON with fewer names, values, escapes and spaces';
  expect(parseStrictJson(text, { depth: 8, work: work - 1 })).toEqual({ expected });
});
