/** What single fields of the config file may say; config-file.test.ts has whole files. */
import { expect, test } from 'vitest';
import type * as z from 'zod/mini';
import { address, audienceText, configFile, joinTokenText } from '../../agent/config-schema.ts';

const complaints = (field: z.core.$ZodType, value: unknown): readonly string[] =>
  (field as z.ZodMiniType).safeParse(value).error?.issues.map(({ message }) => message) ?? [];

const NO_VARIABLES = 'expected the value itself: variables ($ and braces) are not replaced here';

test('of a variable it is only said that there are none', () => {
  for (const field of [address, audienceText])
    for (const text of ['$\x7BBROKER}', 'https://$\x7BBROKER}', 'a $\x7B'])
      expect(complaints(field, text)).toEqual([NO_VARIABLES]);
});

test('an audience is one word of at most 256 letters', () => {
  for (const text of ['a', 'api://a', '$', '!'.repeat(256)])
    expect(complaints(audienceText, text)).toEqual([]);
  for (const text of ['', 'a b', ' a', 'a\n', '\u00e4', 'x'.repeat(257)])
    expect(complaints(audienceText, text)).toEqual([
      'expected a resource such as https://management.azure.com/',
    ]);
});

test('a join token is a name, a secret, or a path where either is', () => {
  const taken = ['a', '9', 'A.b_c-9', 'x'.repeat(63), '/a', 'file:a b', `/${'x'.repeat(1024)}`];
  for (const text of taken) expect(complaints(joinTokenText, text)).toEqual([]);
  const others = ['', '.a', '-a', 'a b', ' a', '!a', 'a/b', 'x'.repeat(64)];
  for (const text of [...others, '/', 'file:', '/a\nb', ' /a', `/${'x'.repeat(1025)}`])
    expect(complaints(joinTokenText, text)).toEqual([
      'expected the name of a join token, a secret, or file: and the path of a file that holds it',
    ]);
});

test('log lines are text or JSON', () => {
  const format = (log_format: string) => complaints(configFile, { version: 'v2', log_format });
  expect(['text', 'json'].flatMap(format)).toEqual([]);
  for (const other of ['', 'xml']) expect(format(other)).toHaveLength(1);
});

test('TLS is always checked, and nothing is promised about FIPS 140', () => {
  const said = (fields: object) => complaints(configFile, { version: 'v2', ...fields });
  expect(said({ insecure: false, fips: false })).toEqual([]);
  expect(said({ insecure: true })).toEqual([
    expect.stringMatching(/^expected false: TLS is always checked; /),
  ]);
  expect(said({ fips: true })).toEqual([
    'expected false: this agent makes no promise about FIPS 140',
  ]);
});
