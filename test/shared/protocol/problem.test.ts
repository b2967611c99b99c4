import { expect, test } from 'vitest';
import { PROBLEMS, problem } from '../../../shared/protocol/problem.ts';
import { parseWith } from '../../../shared/protocol/schema.ts';

// A client relies on this list: a code that is here stays, with its status.
test('the list of codes', () => {
  expect(
    Object.entries(PROBLEMS).map(([code, [status]]) => `${status} ${code}`),
  ).toMatchInlineSnapshot(`
    [
      "400 bad_request",
      "401 unauthenticated",
      "403 access_denied",
      "403 forbidden",
      "404 not_found",
      "405 method_not_allowed",
      "409 already_exists",
      "409 in_use",
      "409 instance_unknown",
      "409 try_again",
      "410 gone",
      "411 length_required",
      "412 precondition_failed",
      "413 too_large",
      "415 unsupported_media_type",
      "421 misdirected",
      "428 precondition_required",
      "429 throttled",
      "500 internal",
      "503 unavailable",
    ]
  `);
});

test('a problem has one of the codes', () => {
  const one = {
    type: 'about:blank',
    title: 't',
    status: 403,
    code: 'access_denied',
    request_id: 'r',
  };
  expect(parseWith(problem, one).ok).toBe(true);
  expect(parseWith(problem, { ...one, code: 'oops' })).toMatchObject({
    problem: { field: 'code' },
  });
});
