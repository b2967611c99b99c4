import { expect, test } from 'vitest';
import { badInput, denied, Refusal, unavailable } from '../../shared/refusal.ts';

test('a denied join says why to the operator', () => {
  expect(denied('rule_mismatch', 'no rule admits it')).toMatchObject({
    code: 'access_denied',
    reason: 'rule_mismatch',
    message: 'no rule admits it',
    field: undefined,
    retryAfter: undefined,
  });
});

test('bad input names its field', () => {
  expect(badInput({ field: 'a.b', message: 'expected c' })).toMatchObject({
    code: 'bad_request',
    message: 'expected c',
    field: 'a.b',
    reason: undefined,
  });
});

test('what is unavailable says when to try again, and keeps its cause', () => {
  const cause = new Error('connection refused');
  expect(unavailable('storage')).toMatchObject({ code: 'unavailable', retryAfter: 5 });
  expect(unavailable('storage', 60, cause)).toMatchObject({ retryAfter: 60, cause });
});

test('is known by its name, whichever bundle it comes from', () => {
  const copy = Object.assign(new Error('from another bundle'), { name: 'Refusal' });
  expect(copy).toBeInstanceOf(Refusal);
  expect(denied('locked', '')).toBeInstanceOf(Refusal);
  expect(new Error('Refusal')).not.toBeInstanceOf(Refusal);
  expect({ name: 'Refusal' }).not.toBeInstanceOf(Refusal);
  expect(undefined).not.toBeInstanceOf(Refusal);
});

test('only a refusal is without a trace: what is thrown after it has its own', () => {
  expect(denied('rule_mismatch', 'no').stack).toBe('Refusal: no');
  expect(new Error('mistake').stack).toContain('refusal.test.ts');
});
