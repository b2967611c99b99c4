import { describe, expect, test } from 'vitest';
import { parseStsMessage } from '../../../../shared/attestation/aws/sts-message.ts';
import { MOST_STS_REQUEST, STS_BODY } from '../../../../shared/protocol/sts.ts';

const REFUSED = (what: string) =>
  expect.objectContaining({
    reason: 'sts_request_malformed',
    message: expect.stringContaining(`expected ${what}`),
  });

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const message = (...headers: readonly string[]): string =>
  ['POST / HTTP/1.1', 'Host: h', ...headers, '', STS_BODY].join('\r\n');
const more = (count: number): string[] => Array.from({ length: count }, (_, i) => `X-${i}: v`);

test('headers are found by their names in lower case, in the order of the message', () => {
  const headers = parseStsMessage(base64(message('X-One: ab cd ef', 'x-two: c')));
  expect([...headers]).toEqual([
    ['host', 'h'],
    ['x-one', 'ab cd ef'],
    ['x-two', 'c'],
  ]);
});

test('ten headers are read, eleven are not', () => {
  expect(parseStsMessage(base64(message(...more(9)))).size).toBe(10);
  expect(() => parseStsMessage(base64(message(...more(10))))).toThrow(
    REFUSED('at most 10 headers'),
  );
});

test('the longest message is read, and no longer one is looked at', () => {
  const bytes = (MOST_STS_REQUEST / 4) * 3;
  const longest = message(`X: ${'v'.repeat(bytes - message('X: ').length)}`);
  expect(base64(longest)).toHaveLength(MOST_STS_REQUEST);
  expect(parseStsMessage(base64(longest)).size).toBe(2);
  expect(() => parseStsMessage('A'.repeat(MOST_STS_REQUEST + 1))).toThrow(REFUSED('at most'));
});

test('a name of 64 letters is read, one of 65 is not', () => {
  expect(parseStsMessage(base64(message(`${'x'.repeat(64)}: v`))).size).toBe(2);
  expect(() => parseStsMessage(base64(message(`${'x'.repeat(65)}: v`)))).toThrow(
    REFUSED('headers'),
  );
});

describe('is refused:', () => {
  test.each([
    ['nothing', '', 'base64'],
    ['what is no base64', '!', 'base64'],
    ['headers that never end', base64('POST / HTTP/1.1\r\nHost: h\r\n'), 'an empty line'],
    ['no line at all', base64(STS_BODY), 'an empty line'],
    ['another body', base64(`${message()}&x`), 'the body'],
    ['what stands before the first line', base64(`x${message()}`), 'the first line'],
    ['a header twice, in another case', base64(message('HOST: h')), 'the header host once'],
    [
      'another header first',
      base64(message().replace('Host', 'Other')),
      'Host as the first header',
    ],
    ['no header', base64(`POST / HTTP/1.1\r\n\r\n${STS_BODY}`), 'Host as the first header'],
    ...[
      'X : v',
      'X:v',
      'X:  v',
      'X: v ',
      'X: a  b',
      'X: ',
      'X',
      ': v',
      'X_Y: v',
      'X: \x7f',
      ' X: v',
    ].map((header): [string, string, string] => [
      `the header ${JSON.stringify(header)}`,
      base64(message(header)),
      'headers of the form',
    ]),
  ])('%s', (_, sent, what) => {
    expect(() => parseStsMessage(sent)).toThrow(REFUSED(what));
  });
});
