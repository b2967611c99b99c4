/** Row G4's healthy agents: they get on by themselves, and nothing that happens to their messages ever locks them. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { botExample } from '../../broker/fixtures.ts';
import { problemAnswer } from '../fake-broker.ts';
import { createSecretRig, type Mishap, pendingFiles, type SecretRig } from '../secret-rig.ts';

const RENEWAL_SECONDS = 1200;

/** The bot is locked, or is not, by an operator. */
const lockBot = (rig: SecretRig): Promise<void> =>
  rig.api.put({
    kind: 'lock',
    version: 'v2',
    metadata: { name: 'by-hand' },
    spec: { target: { bot: 'example' } },
  });
async function unlock(rig: SecretRig, name = 'by-hand'): Promise<void> {
  const row = await rig.api.tables.resources.read('config', `lock!${name}`);
  await rig.api.tables.resources.apply([
    { kind: 'remove', partition: 'config', key: `lock!${name}`, etag: row?.etag ?? '' },
  ]);
  await rig.api.put(botExample());
  rig.api.clock.advance(10);
}

const unavailable = (): Response => problemAnswer('unavailable');
const throttled = (): Response => new Response('', { status: 429 });
const tryAgain = (): Response => problemAnswer('try_again');
const denied = (): Response => problemAnswer('access_denied');
const badRequest = (): Response => problemAnswer('bad_request');
const unknown = (): Response => problemAnswer('instance_unknown');
const internal = (): Response => problemAnswer('internal');
const garbage = (): Response => new Response('<html>');

/** The mishaps, by the names that they have in the tables below. */
const MISHAPS: Readonly<Record<string, Mishap>> = {
  'lost before': 'lost before',
  'lost after': 'lost after',
  'killed before': 'killed before',
  'killed after': 'killed after',
  '503': unavailable,
  '500': internal,
  '429': throttled,
  '409 try_again': tryAgain,
  '409 instance_unknown': unknown,
  '403': denied,
  '400': badRequest,
  'an answer of somebody else': garbage,
};

/** Runs until one run succeeds, a while apart each time. Gives how often it ran. */
async function runUntilDone(rig: SecretRig, apartSeconds: number): Promise<number> {
  for (let runs = 1; runs <= 6; runs += 1) {
    if ((await rig.once()) === 0) return runs;
    rig.api.clock.advance(apartSeconds);
  }
  throw new Error(`it does not get on: ${rig.output.join('')}`);
}

describe('a healthy agent gets on by itself and is never locked, whatever happens to', () => {
  const KINDS = ['lost before', 'lost after', 'killed after', '503', '403', '409 instance_unknown'];
  const pairs = [
    ...Object.keys(MISHAPS).map((one) => [one, one] as const),
    ...KINDS.flatMap((one) => KINDS.map((other) => [one, other] as const)),
  ];
  test.each(pairs)('a renewal: %s, then %s', async (one, other) => {
    const rig = await createSecretRig();
    expect(await rig.once()).toBe(0);
    rig.api.clock.advance(RENEWAL_SECONDS);
    const mishaps = [MISHAPS[one], MISHAPS[other]].filter((mishap) => mishap !== undefined);
    for (const mishap of mishaps) {
      // The same thing to all tries of one run.
      const calls = rig.sent.length;
      rig.next.push(...Array.from({ length: 6 }, () => mishap));
      await rig.once();
      expect(rig.sent.length).toBeGreaterThan(calls);
      rig.next.length = 0;
      rig.api.clock.advance(400);
    }
    await runUntilDone(rig, 400);
    // And it stays so.
    rig.api.clock.advance(RENEWAL_SECONDS);
    expect(await rig.once()).toBe(0);
    expect(await rig.locks()).toEqual([]);
    expect(await pendingFiles(rig.storage)).toEqual([]);
    await rig.generation();
  });

  test.each(Object.keys(MISHAPS))('a first join: %s', async (one) => {
    const rig = await createSecretRig();
    const mishap = MISHAPS[one] ?? 'right';
    rig.next.push(...Array.from({ length: 6 }, () => mishap));
    expect(await rig.once()).not.toBe(0);
    rig.next.length = 0;
    rig.api.clock.advance(400);
    expect(await rig.once()).toBe(0);
    expect(await rig.generation()).toBe(1);
    expect(await rig.locks()).toEqual([]);
    rig.api.clock.advance(RENEWAL_SECONDS);
    expect(await rig.once()).toBe(0);
  });

  test.each([
    'lost before',
    'lost after',
    'killed before',
    'killed after',
    '503',
    '500',
    '429',
    '409 try_again',
  ])(
    'a first join, which sends the very same request until there is an answer: %s',
    async (one) => {
      const rig = await createSecretRig();
      rig.next.push(...Array.from({ length: 6 }, () => MISHAPS[one] ?? 'right'));
      await rig.once();
      rig.next.length = 0;
      expect(await rig.once()).toBe(0);
      expect(new Set(rig.sent.map(({ text }) => text)).size).toBe(1);
    },
  );

  test('a first join whose answer was lost, after which the bot loses a role that it asks for', async () => {
    const rig = await createSecretRig();
    const file = join(rig.folder, 'joinbot.yaml');
    const config = (roles: string): string => `version: v2
outputs: [{type: identity, destination: {type: directory, path: ${join(rig.folder, 'out')}}, roles: [${roles}]}]
`;
    await writeFile(file, config('access'));
    rig.next.push('killed after');
    expect(await rig.once(undefined, '-c', file)).toBe('killed');
    await rig.api.put(botExample({ roles: [] }));
    rig.api.clock.advance(400);
    expect(await rig.once(undefined, '-c', file)).toBe(1);
    await writeFile(file, config(''));
    rig.api.clock.advance(400);
    expect(await rig.once(undefined, '-c', file)).toBe(0);
    expect(await rig.generation()).toBe(2);
    expect(await rig.locks()).toEqual([]);
  });

  test.each([
    ['a renewal that was carried out', 'lost after'],
    ['a renewal that was not', 'lost before'],
    ['an agent that died after the answer', 'killed after'],
    ['an agent that died before', 'killed before'],
  ] as const)('%s, while its bot is locked for an hour by an operator', async (_, mishap) => {
    const rig = await createSecretRig();
    expect(await rig.once(undefined, '--destination-dir', join(rig.folder, 'out'))).toBe(0);
    rig.next.push(...Array.from({ length: 6 }, () => mishap));
    await rig.once();
    rig.next.length = 0;
    await lockBot(rig);
    rig.api.clock.advance(10);
    for (let i = 0; i < 5; i += 1) {
      expect(await rig.once()).toBe(1);
      rig.api.clock.advance(400);
    }
    await unlock(rig);
    expect(await rig.once()).toBe(0);
    rig.api.clock.advance(RENEWAL_SECONDS);
    expect(await rig.once()).toBe(0);
    expect(await rig.locks()).toEqual([]);
  });

  test('an answer that was lost, after which the bot loses a role that the request asks for', async () => {
    const rig = await createSecretRig();
    const config = (roles: string): string => `version: v2
outputs: [{type: identity, destination: {type: directory, path: ${join(rig.folder, 'out')}}, roles: [${roles}]}]
`;
    const file = join(rig.folder, 'joinbot.yaml');
    await writeFile(file, config('access'));
    expect(await rig.once(undefined, '-c', file)).toBe(0);
    rig.api.clock.advance(RENEWAL_SECONDS);
    rig.next.push(...Array.from({ length: 6 }, () => 'lost after' as const));
    expect(await rig.once(undefined, '-c', file)).toBe(1);
    rig.next.length = 0;
    await rig.api.put(botExample({ roles: [] }));
    rig.api.clock.advance(400);
    expect(await rig.once(undefined, '-c', file)).toBe(1);
    await writeFile(file, config(''));
    rig.api.clock.advance(400);
    // The broker has the generation that was lost: only its key gets on from there.
    expect(await rig.once(undefined, '-c', file)).toBe(0);
    expect(await rig.generation()).toBe(3);
    expect(await rig.locks()).toEqual([]);
  });

  test('a renewal that is held back on its way until the next one was carried out', async () => {
    const rig = await createSecretRig();
    expect(await rig.once()).toBe(0);
    rig.api.clock.advance(RENEWAL_SECONDS);
    rig.next.push(...Array.from({ length: 6 }, () => 'lost before' as const), denied);
    expect(await rig.once()).toBe(1);
    const held = rig.sent.at(-1)?.body;
    expect(await rig.once()).toBe(0);
    rig.api.clock.advance(600);
    const late = await rig.api.request('POST', '/v1/join', { body: held });
    expect(late.status).toBe(409);
    expect(await rig.once()).toBe(0);
    expect(await rig.locks()).toEqual([]);
  });

  test('a renewal that is held back, and carried out while the broker thinks about the next one', async () => {
    const rig = await createSecretRig();
    expect(await rig.once()).toBe(0);
    rig.api.clock.advance(RENEWAL_SECONDS);
    rig.next.push(...Array.from({ length: 6 }, () => 'lost before' as const));
    expect(await rig.once()).toBe(1);
    const held = rig.sent.at(-1)?.body;
    rig.next.push(denied, async () => {
      // The newer key is not known yet as this is answered. Then the older request comes, and time passes.
      await rig.api.request('POST', '/v1/join', { body: held });
      rig.api.clock.advance(400);
      return unknown();
    });
    expect(await rig.once()).toBe(0);
    expect(rig.sent.slice(-3).map(({ request }) => request.instance?.generation)).toEqual([
      1, 2, 2,
    ]);
    expect(await rig.locks()).toEqual([]);
  });

  test('messages that are replayed', async () => {
    const rig = await createSecretRig();
    for (let i = 0; i < 4; i += 1) {
      expect(await rig.once()).toBe(0);
      rig.api.clock.advance(RENEWAL_SECONDS / 2);
    }
    for (const { body } of rig.sent) await rig.api.request('POST', '/v1/join', { body });
    expect(await rig.locks()).toEqual([]);
    expect(await rig.once()).toBe(0);
    expect(await rig.generation()).toBe(5);
  });

  test('a crash after the answer was stored and before the request was forgotten', async () => {
    const rig = await createSecretRig();
    expect(await rig.once()).toBe(0);
    rig.api.clock.advance(RENEWAL_SECONDS);
    rig.next.push('killed before');
    await rig.once();
    const [file = ''] = await pendingFiles(rig.storage);
    const pending = await readFile(join(rig.storage, file));
    expect(await rig.once()).toBe(0);
    await writeFile(join(rig.storage, file), pending);
    rig.api.clock.advance(RENEWAL_SECONDS);
    expect(await rig.once()).toBe(0);
    expect(await rig.generation()).toBe(3);
    expect(await rig.locks()).toEqual([]);
  });
});
