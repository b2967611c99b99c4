import { describe, expect, test } from 'vitest';
import { smallCloud } from '../fixture.ts';

const { cloud: ready } = smallCloud();

describe('a service that fails', () => {
  function directory() {
    const { cloud, tenant } = smallCloud();
    const url = `${cloud.profile.directory}/${tenant.id}/discovery/v2.0/keys`;
    return {
      cloud,
      faults: cloud.faults.directory,
      ask: (init?: RequestInit) => cloud.fetch(url, init),
    };
  }

  test('answers a status for so many calls', async () => {
    const { faults, ask } = directory();
    faults.set({ status: 500 }, { times: 2 });
    const statuses = [await ask(), await ask(), await ask()].map(({ status }) => status);
    expect(statuses).toEqual([500, 500, 200]);
  });

  test('goes on until it is cleared', async () => {
    const { faults, ask } = directory();
    faults.set({ status: 403 });
    expect([(await ask()).status, (await ask()).status]).toEqual([403, 403]);
    faults.clear();
    expect((await ask()).status).toBe(200);
  });

  test('says when to try again', async () => {
    const { faults, ask } = directory();
    faults.set({ status: 429, retryAfterSeconds: 17 });
    const answer = await ask();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '17']);
  });

  test('answers half of its JSON', async () => {
    const { faults, ask } = directory();
    faults.set('broken_json');
    const answer = await ask();
    expect(answer.status).toBe(200);
    await expect(answer.json()).rejects.toThrow(SyntaxError);
  });

  test('breaks the connection', async () => {
    const { faults, ask } = directory();
    faults.set('network_error');
    await expect(ask()).rejects.toThrow(TypeError);
  });

  test('hangs until the caller gives up', async () => {
    const { faults, ask } = directory();
    faults.set('hang');
    const caller = new AbortController();
    const answer = ask({ signal: caller.signal });
    caller.abort(new Error('gave up'));
    await expect(answer).rejects.toThrow('gave up');
  });

  test('answers late, but as it should', async () => {
    const { faults, ask } = directory();
    const { promise, resolve } = Promise.withResolvers<void>();
    faults.set({ heldUntil: promise });
    const order: string[] = [];
    const answer = ask().then(({ status }) => order.push(`answered ${status}`));
    order.push('released');
    resolve();
    await answer;
    expect(order).toEqual(['released', 'answered 200']);
  });

  test('leaves the others alone, and its calls are counted all the same', async () => {
    const { cloud, faults, ask } = directory();
    faults.set({ status: 500 });
    await ask();
    expect((await cloud.fetch(`${cloud.pki}/none.crt`)).status).toBe(404);
    expect(cloud.calls.count('directory')).toBe(1);
  });
});

test.for([
  ['management', 403, { error: { code: 'AuthorizationFailed' } }],
  ['management', 404, { error: { code: 'ResourceNotFound' } }],
  ['management', 429, { error: { code: 'TooManyRequests' } }],
  ['management', 500, { error: { code: 'InternalServerError' } }],
  ['directory', 500, { error: 'temporarily_unavailable' }],
  ['brokerIdentity', 500, { statusCode: 500 }],
] as const)('%s has its own form of status %i', async ([service, status, body]) => {
  const { cloud } = smallCloud();
  cloud.faults[service].set({ status });
  const url =
    service === 'brokerIdentity' ? cloud.brokerIdentity.endpoint : `${cloud.profile[service]}/x`;
  const answer = await cloud.fetch(url);
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject(body);
});

test('addresses that are none of the cloud reject and are on record', async () => {
  ready.calls.clear();
  for (const url of ['https://elsewhere.example/x', 'http://127.0.0.1:9/directoryx']) {
    await expect(ready.fetch(url)).rejects.toThrow('fetch failed');
  }
  expect(ready.calls.to('elsewhere')).toEqual([
    { service: 'elsewhere', method: 'GET', path: 'https://elsewhere.example/x' },
    { service: 'elsewhere', method: 'GET', path: 'http://127.0.0.1:9/directoryx' },
  ]);
});

test("the real fetch can't reach the addresses in process", async () => {
  await expect(fetch(ready.profile.directory)).rejects.toThrow('fetch failed');
});
