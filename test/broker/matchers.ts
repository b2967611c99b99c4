/** `expect(attempt).toBeAdmitted()` and `toBeDenied(reason)`: what the joiner sees, and what the operator finds in the log. */
import { expect } from 'vitest';
import type { DenialReason } from '../../shared/refusal.ts';
import type { Answer, Api } from './test-broker.ts';

interface JoinMatchers<R> {
  toBeAdmitted(): R;
  /** 403 with a request id and nothing else, and an audit line with the reason. */
  toBeDenied(api: Api, reason: DenialReason): R;
}

declare module 'vitest' {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown>
    extends JoinMatchers<R> {}
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
    const line = api.audit.find(({ request_id }) => request_id === body.request_id);
    const found = line?.event === 'join' ? line.reason : undefined;
    const opaque = Object.keys(body).toSorted().join() === 'code,request_id,status,title,type';
    return {
      pass: answer.status === 403 && body.code === 'access_denied' && opaque && found === reason,
      message: () =>
        `expected a denial because of ${reason}, got ${answer.status} ${JSON.stringify(body)}; log: ${JSON.stringify(line)}`,
    };
  },
});
