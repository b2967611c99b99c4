/**
 * `expect(attempt).toBeAdmitted()` and `toBeDenied(api, reason)`: what the joiner sees, and what the operator finds in
 * the log. `expect(answer).toBeProblem(code, field)`: any other refusal.
 */
import { expect } from 'vitest';
import type { DenialReason } from '../../shared/protocol/denial-reason.ts';
import { PROBLEMS, type ProblemCode } from '../../shared/protocol/problem.ts';
import type { Answer, Api } from './test-broker.ts';

interface AnswerMatchers<R> {
  toBeAdmitted(): R;
  /** 403 with a request id and nothing else, and an audit line with the reason. */
  toBeDenied(api: Api, reason: DenialReason): R;
  /** A problem with this code, which names this field if it is about one, and says what was expected. */
  toBeProblem(code: Exclude<ProblemCode, 'access_denied'>, field?: string): R;
}

declare module 'vitest' {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown>
    extends AnswerMatchers<R> {}
}

expect.extend({
  toBeAdmitted(answer: Answer) {
    return {
      pass: answer.status === 200,
      message: () => `expected an admission, got ${answer.status} ${JSON.stringify(answer.body)}`,
    };
  },
  toBeDenied(answer: Answer, api: Api, reason: DenialReason) {
    const body = answer.body as { code?: string; request_id?: string; detail?: string };
    const line = api.audit.find(
      ({ event, request_id }) => event === 'join' && request_id === body.request_id,
    );
    const found = line?.event === 'join' ? line.reason : undefined;
    const opaque = Object.keys(body).toSorted().join() === 'code,request_id,status,title,type';
    return {
      pass: answer.status === 403 && body.code === 'access_denied' && opaque && found === reason,
      message: () =>
        `expected a denial because of ${reason}, got ${answer.status} ${JSON.stringify(body)}; log: ${JSON.stringify(line)}`,
    };
  },
  toBeProblem(answer: Answer, code: ProblemCode, field?: string) {
    const [status, title] = PROBLEMS[code];
    const { detail, request_id, ...rest } = answer.body as Record<string, unknown>;
    const expected = {
      type: 'about:blank',
      title,
      status,
      code,
      ...(field !== undefined && { field }),
    };
    const pass =
      answer.status === status &&
      answer.headers.get('content-type') === 'application/problem+json' &&
      answer.headers.get('x-request-id') === request_id &&
      UUID_V7.test(String(request_id)) &&
      typeof detail === 'string' &&
      detail !== '' &&
      this.equals(rest, expected);
    return {
      pass,
      message: () =>
        `expected ${JSON.stringify(expected)} with a detail and a request id, got ${answer.status} ${JSON.stringify(answer.body)}`,
    };
  },
});

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
