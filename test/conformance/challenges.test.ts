/** Conformance: a challenge is good once, for a while, for one thing (row D11). */
import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene, type Scene } from '../broker/fixtures.ts';
import { askChallenge, join, joined, makeJoin, newKey } from '../broker/joiner.ts';
import type { Answer, TestBroker } from '../broker/test-broker.ts';
import { watchTables } from '../broker/watched-tables.ts';

const DAY = 24 * 3600;
const CHALLENGE_SECONDS = 300;

const instanceCount = async ({ tables }: TestBroker): Promise<number> =>
  (await tables.instances.list({})).length;

describe('D11 a challenge', () => {
  test('that was used for another request is denied, also by another function instance', async () => {
    const { api, vm } = await createScene();
    const other = api.another();
    const challenge = await askChallenge(api);
    expect(await join(api, vm, { challenge })).toBeAdmitted();
    expect(await join(api, vm, { challenge })).toBeDenied(api, 'challenge_used');
    expect(await join(other, vm, { challenge })).toBeDenied(other, 'challenge_used');
    expect(await instanceCount(api)).toBe(1);
  });

  test('that was used is denied to another machine', async () => {
    const { api, vm, subscription } = await createScene();
    const options = { resourceGroup: 'group1', systemAssigned: true };
    const other = subscription.virtualMachine('vm-b', options);
    const challenge = await askChallenge(api);
    expect(await join(api, vm, { challenge })).toBeAdmitted();
    expect(await join(api, other, { challenge })).toBeDenied(api, 'challenge_used');
  });

  test('used for 50 different requests at once admits exactly one', async () => {
    const { api, vm } = await createScene();
    const instances = [api, api.another(), api.another()];
    const challenge = await askChallenge(api);
    const attempts = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const by = instances[i % instances.length] ?? api;
        return { by, attempt: await join(by, vm, { challenge }) };
      }),
    );
    const denied = attempts.filter(({ attempt }) => attempt.status !== 200);
    expect(denied).toHaveLength(49);
    for (const { by, attempt } of denied) expect(attempt).toBeDenied(by, 'challenge_used');
    expect(await instanceCount(api)).toBe(1);
  });

  test('with the same request again gives the same instance, generation and serial', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm);
    const instances = [api, api.another(), api.another()];
    const again = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        (instances[i % instances.length] ?? api).request('POST', '/v1/join', { body: first.sent }),
      ),
    );
    const { instance_id, certificates } = joined(first);
    for (const answer of again) {
      expect(joined(answer)).toMatchObject({ instance_id, generation: 1 });
      expect(leaf(answer)).toBe(leaf(first));
      expect(joined(answer).certificates[0]?.expires).toBe(certificates[0]?.expires);
    }
    expect(await instanceCount(api)).toBe(1);
  });

  test('with the same request 50 times at once gives one instance', async () => {
    const { api, vm } = await createScene();
    const body = await makeJoin(api, vm);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => api.request('POST', '/v1/join', { body })),
    );
    expect(new Set(answers.map((answer) => joined(answer).instance_id)).size).toBe(1);
    expect(new Set(answers.map(leaf)).size).toBe(1);
    expect(answers.every((answer) => joined(answer).generation === 1)).toBe(true);
    expect(await instanceCount(api)).toBe(1);
  });

  test('that expires is denied from that very second on', async () => {
    const { api, vm } = await createScene();
    const [early, late] = [await askChallenge(api), await askChallenge(api)];
    api.clock.advance(CHALLENGE_SECONDS - 1);
    expect(await join(api, vm, { challenge: early })).toBeAdmitted();
    api.clock.advance(1);
    expect(await join(api, vm, { challenge: late })).toBeDenied(api, 'challenge_expired');
  });

  test('that has expired is denied with the same request, too', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm);
    api.clock.advance(CHALLENGE_SECONDS);
    const again = await api.request('POST', '/v1/join', { body: first.sent });
    expect(again).toBeDenied(api, 'challenge_expired');
  });
});

/** The certificate's serial number and times, without its signature, which is never the same twice. */
const leaf = (answer: Answer): string => {
  const { serialNumber, validFrom, validTo, publicKey } = new X509Certificate(
    joined(answer).certificates[0]?.tls ?? '',
  );
  const key = publicKey.export({ format: 'pem', type: 'spki' });
  return JSON.stringify([serialNumber, validFrom, validTo, key]);
};

describe('D11 denies a challenge', () => {
  const parts = (challenge: string): string[] => challenge.split('.');
  const withPart = (i: number, bend: (part: string) => string) => (challenge: string) =>
    parts(challenge)
      .map((part, at) => (at === i ? bend(part) : part))
      .join('.');
  const otherLetter = (text: string): string => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);

  test.each([
    ['whose MAC was changed', withPart(5, otherLetter)],
    ['whose MAC was left out', (challenge: string) => parts(challenge).slice(0, 5).join('.')],
    ['whose MAC is empty', withPart(5, () => '')],
    ['whose MAC is shorter', withPart(5, (mac) => mac.slice(0, -1))],
    [
      'whose MAC has stray bits',
      withPart(5, (mac) => `${mac.slice(0, -1)}${mac.endsWith('_') ? '-' : '_'}`),
    ],
    ['whose id was changed', withPart(2, otherLetter)],
    ['whose expiry was put off', withPart(3, (expiry) => `${Number(expiry) + 3600}`)],
    ['that was made for an instance of our choosing', withPart(4, () => crypto.randomUUID())],
    ['of another version', withPart(0, () => 'v2')],
    ['of a key that never was', withPart(1, () => '0')],
    ['that is something else', () => 'hello'],
    ['with more behind it', (challenge: string) => `${challenge}.x`],
  ])('%s', async (_, bend) => {
    const { api, vm } = await createScene();
    const challenge = bend(await askChallenge(api));
    expect(await join(api, vm, { challenge })).toBeDenied(api, 'challenge_invalid');
  });

  test('of another join token', async () => {
    const { api, vm } = await createScene();
    const challenge = await askChallenge(api, 'another');
    expect(await join(api, vm, { challenge })).toBeDenied(api, 'challenge_invalid');
  });

  test('of another broker', async () => {
    const [{ api, vm }, stranger] = [await createScene(), await createScene()];
    const challenge = await askChallenge(stranger.api);
    expect(await join(api, vm, { challenge })).toBeDenied(api, 'challenge_invalid');
  });

  test('made under a removed key', async () => {
    const { api, vm } = await createScene();
    await askChallenge(api);
    api.clock.advance(DAY);
    const challenge = await askChallenge(api);
    await rotate(api);
    await removeChallengeKey(api, 1);
    const other = api.another();
    expect(await join(other, vm, { challenge })).toBeDenied(other, 'challenge_invalid');
  });
});

const rotate = ({ broker }: TestBroker): Promise<void> => broker.rotateKeys({ requestId: 'timer' });

async function removeChallengeKey({ tables }: TestBroker, sequence: number): Promise<void> {
  const row = (await tables.keys.list({ partition: 'challenge' })).find(
    ({ key }) => Number(key) === sequence,
  );
  if (!row) throw new Error(`there is no challenge key ${sequence}`);
  await tables.keys.apply([{ kind: 'remove', ...row }]);
}

describe('D11 a challenge of a key that another function instance made', () => {
  /** One instance that has just loaded its keys, and a challenge of a newer one. */
  async function newerChallenge(): Promise<Scene & { challenge: string }> {
    const scene = await createScene();
    const { api } = scene;
    await askChallenge(api);
    api.clock.advance(DAY);
    await askChallenge(api);
    const other = api.another();
    await rotate(other);
    return { ...scene, challenge: await askChallenge(other) };
  }

  test('gets 503 while the keys were just loaded, and is admitted afterwards', async () => {
    const { api, vm, challenge } = await newerChallenge();
    const attempt = await join(api, vm, { challenge });
    expect(attempt).toBeProblem('unavailable');
    expect(attempt.headers.get('retry-after')).toBe('10');
    api.clock.advance(10);
    expect(await join(api, vm, { challenge })).toBeAdmitted();
  });

  test('of a number that no key has makes the keys load once per cooldown', async () => {
    const storage = watchTables();
    const { api, vm } = await createScene({ tables: storage.tables });
    await askChallenge(api);
    api.clock.advance(60);
    const challenge = (await askChallenge(api)).replace(/^v1\.\d+/, 'v1.999');
    const before = storage.count('keys');
    expect(await join(api, vm, { challenge })).toBeDenied(api, 'challenge_invalid');
    const key = newKey();
    for (let i = 0; i < 100; i += 1) {
      expect(await join(api, vm, { challenge, key })).toBeProblem('unavailable');
    }
    expect(storage.count('keys') - before).toBe(1);
  });
});
