/** Where in a file something is wrong, and what is never said of it; config-file.test.ts has whole config files. */
import { describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { parseYaml } from '../../agent/yaml-file.ts';

const TEXT = `version: v2
list:
  - {name: a, list: [x, y]}
  - name: b
    list:
      - x
      - y
`;

describe('a problem is said with the place of', () => {
  const { failure } = parseYaml(TEXT, 'a.yaml');

  test.each([
    [['version'], '1:1: version'],
    [['list'], '2:1: list'],
    [['list', 0], '3:5: list[0]'],
    [['list', 0, 'name'], '3:6: list[0].name'],
    [['list', 0, 'list', 0], '3:22: list[0].list[0]'],
    [['list', 1, 'name'], '4:5: list[1].name'],
    // The same number twice.
    [['list', 1, 'list', 1], '7:9: list[1].list[1]'],
    // What is missing is where it would be.
    [['other'], '1:1: other'],
    [['list', 1, 'other'], '4:5: list[1].other'],
    [['list', 2], '2:1: list[2]'],
    [['version', 'other'], '1:1: version.other'],
  ])('%j', (path, said) => {
    expect(failure(path, 'no')).toMatchObject({ code: 'config', message: `a.yaml:${said}: no` });
  });

  test('the whole file', () => {
    expect(failure([], 'no').message).toBe('a.yaml:1:1: no');
    expect(parseYaml('', 'a.yaml').failure([], 'no').message).toBe('a.yaml:1:1: no');
    expect(parseYaml('\n\n  a: 1', 'a.yaml').failure(['a'], 'no').message).toBe(
      'a.yaml:3:3: a: no',
    );
  });
});

test('a field is one at the top of a file', () => {
  const file = parseYaml(TEXT, 'a.yaml');
  expect([file.has('list'), file.has('name')]).toEqual([true, false]);
  expect(file.content).toMatchObject({ version: 'v2', list: [{ name: 'a' }, { name: 'b' }] });
  for (const text of ['', '- list', 'list'])
    expect(parseYaml(text, 'a.yaml').has('list')).toBe(false);
});

test('what is read is what was made of the file, if something was', () => {
  const schema = z.strictObject({ a: z.literal(1) });
  expect(parseYaml('a: 1', 'a.yaml').read(schema)).toEqual({ a: 1 });
  expect(parseYaml('a: 2', 'a.yaml').read(schema, { a: 1 })).toEqual({ a: 1 });
  expect(() => parseYaml('a: 2', 'a.yaml').read(schema)).toThrow('a.yaml:1:1: a: expected');
});

test.each(['token', 'token_name', 'auth_token'])('a %s that is none is not shown', (field) => {
  const read = (name: string) =>
    parseYaml(`${name}: hush`, 'a.yaml').read(z.object({ [name]: z.literal('a') }));
  expect(() => read(field)).toThrow(/^a\.yaml:1:1: \w+: expected "a"$/);
  expect(() => read('other')).toThrow('expected "a", got hush');
});

test('a file has at most 256 KiB', () => {
  const most = 256 * 1024;
  expect(parseYaml(`#${'x'.repeat(most - 1)}`, 'a.yaml').content).toBe(null);
  expect(() => parseYaml(`#${'x'.repeat(most)}`, 'a.yaml')).toThrow(
    expect.objectContaining({ code: 'config', message: 'a.yaml: larger than 262144 bytes' }),
  );
});

test('merge keys are followed, and aliases that do not multiply', () => {
  const { content } = parseYaml('a: &a {b: 1}\nc: {<<: *a, d: 2}\ne: [*a, *a]', 'a.yaml');
  expect(content).toMatchObject({ c: { b: 1, d: 2 }, e: [{ b: 1 }, { b: 1 }] });
});

test('fifty aliases are too many where each has more', () => {
  const uses = (count: number) => `a: &a [1]\nb: [${Array(count).fill('*a').join(', ')}]`;
  expect(parseYaml(uses(48), 'a.yaml').content).toMatchObject({ a: [1] });
  expect(() => parseYaml(uses(60), 'a.yaml')).toThrow('not valid YAML: Excessive alias count');
});

test('the line that YAML itself does not take is not shown: there may be a secret in it', () => {
  expect(() => parseYaml('a: 1\ntoken: @hush', 'a.yaml')).toThrow(
    /^a\.yaml:2:8: not valid YAML: Plain value cannot start with reserved character @$/,
  );
});

test('what YAML itself does not take is said in one line', () => {
  expect(() => parseYaml('a: [1\nb: 2', 'a.yaml')).toThrow(
    /^a\.yaml:\d+:\d+: not valid YAML: [^\n]+$/,
  );
  expect(() => parseYaml('a: *\u001bb', 'a.yaml')).toThrow(
    /^a\.yaml:1:1: not valid YAML: Unresolved alias[^\p{Cc}]*$/u,
  );
});
