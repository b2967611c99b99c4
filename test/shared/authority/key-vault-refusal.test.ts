import { expect, test } from 'vitest';
import { keyVaultRefusal } from '../../../shared/authority/key-vault-refusal.ts';

const restError = (more: object): Error =>
  Object.assign(new Error('x'), { name: 'RestError' }, more);
const inner = (code: unknown) => ({ details: { error: { innerError: { code } } } });

test.each<[object, string]>([
  [{}, 'does not answer'],
  [{ statusCode: 401 }, "does not know the broker's identity"],
  [{ statusCode: 403 }, 'forbids it'],
  [{ statusCode: 403, ...inner('ForbiddenByPolicy') }, 'forbids it'],
  [{ statusCode: 403, ...inner('KeyDisabled') }, 'is disabled: enable it'],
  [{ statusCode: 404 }, 'has no such key'],
  [{ statusCode: 409 }, 'is busy with the same key'],
  [{ statusCode: 409, details: {} }, 'is busy with the same key'],
  [{ statusCode: 409, details: { error: {} } }, 'is busy with the same key'],
  [{ statusCode: 409, ...inner(['ObjectIsDeletedButRecoverable']) }, 'is busy with the same key'],
  [
    { statusCode: 409, ...inner('ObjectIsDeletedButRecoverable') },
    'has a deleted key of this name',
  ],
  [{ statusCode: 500 }, 'can not do it now (status 500)'],
])('an error %j of the vault is unavailable: it %s', (more, words) => {
  const error = restError(more);
  expect(keyVaultRefusal(error)).toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining(words),
    retryAfter: 5,
    cause: error,
  });
});

test('a pause that the vault asks for is passed on', () => {
  const headers = new Headers({ 'retry-after': '17' });
  const error = restError({ statusCode: 429, response: { headers } });
  expect(keyVaultRefusal(error)).toMatchObject({ retryAfter: 17 });
});

test('any other error stays what it is', () => {
  const error = new TypeError('x');
  expect(keyVaultRefusal(error)).toBe(error);
});
