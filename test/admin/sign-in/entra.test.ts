import { describe, expect, it } from 'vitest';
import { firstToken, type SignInWay, signInWithEntra } from '../../../admin/sign-in/entra.ts';

const works = (name: string): SignInWay => ({
  name,
  credential: () => ({
    getToken: async (scope) => ({ token: `${name} ${scope}`, expiresOnTimestamp: 1_000 }),
  }),
});
const fails = (message: string, name = 'CredentialUnavailableError'): SignInWay['credential'] => {
  return () => ({ getToken: () => Promise.reject(Object.assign(new Error(message), { name })) });
};

describe('firstToken', () => {
  it('takes the first way that works', async () => {
    const ways = [{ name: 'a', credential: fails('no') }, works('b'), works('c')];
    expect(await firstToken(ways, 'id/.default')).toEqual({
      ok: true,
      token: { text: 'b id/.default', expires: new Date(1_000) },
    });
  });

  it('says of every way why it did not work', async () => {
    const ways: readonly SignInWay[] = [
      { name: 'a', credential: fails('long words'), unavailable: 'not set' },
      {
        name: 'b',
        credential: fails('Run az login. To troubleshoot, visit https://x/troubleshoot.'),
      },
      { name: 'c', credential: () => ({ getToken: async () => null }) },
    ];
    expect(await firstToken(ways, 's')).toEqual({
      ok: false,
      reasons: ['a: not set', 'b: Run az login.', 'c: no token'],
    });
  });

  it('tries no other identity where one is set up and fails', async () => {
    const wrong = fails(
      'Failed.\n To troubleshoot, visit https://x/troubleshoot. Code 401. Trace ID: 1',
      'AuthenticationError',
    );
    expect(
      await firstToken([{ name: 'a', credential: wrong, unavailable: 'not set' }, works('b')], 's'),
    ).toEqual({ ok: false, reasons: ['a: Failed. Code 401.'] });
  });

  it('says so where a way can not even be built', async () => {
    const credential = (): never => {
      throw new TypeError('no tenant');
    };
    expect(await firstToken([{ name: 'a', credential }], 's')).toEqual({
      ok: false,
      reasons: ['a: no tenant'],
    });
  });
});

describe('signInWithEntra', () => {
  it('refuses a cloud that it does not know', async () => {
    const request = { cloud: 'Simulated', tenant: 't', clientId: 'c', say: () => undefined };
    expect(await signInWithEntra({ ...request, method: 'browser' })).toEqual({
      ok: false,
      reasons: ['the broker\'s cloud "Simulated" has no directory to sign in at'],
    });
  });
});
