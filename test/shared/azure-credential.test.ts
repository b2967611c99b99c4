import { expect, test } from 'vitest';
import { endingCredential } from '../../shared/azure-credential.ts';

const token = { token: 'token', expiresOnTimestamp: 0 };

test('a token that comes is given', async () => {
  const credential = endingCredential({
    getToken: async (scopes) => ({ ...token, token: `${scopes}` }),
  });
  expect(await credential.getToken('scope')).toEqual({ ...token, token: 'scope' });
});

test('a token that never comes ends the wait, and the next wait is a new one', async () => {
  const answers = [new Promise<never>(() => {}), Promise.resolve(token)];
  const credential = endingCredential(
    { getToken: () => answers.shift() ?? Promise.resolve(null) },
    1,
  );
  await expect(credential.getToken('scope')).rejects.toMatchObject({ code: 'unavailable' });
  expect(await credential.getToken('scope')).toEqual(token);
});
