/** Join method `token` on the agent's side, against the real broker: row G4's healthy agents, which nothing ever locks. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lockDirectory } from '../../../agent/directory-lock.ts';
import { referenceOf } from '../../../shared/protocol/join-secret.ts';
import { botExample } from '../../broker/fixtures.ts';
import { makeSecret } from '../../broker/token-joiner.ts';
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

async function generationOf(rig: SecretRig): Promise<number | undefined> {
  const instances = await rig.instances();
  expect(instances.length).toBeLessThanOrEqual(1);
  return instances[0]?.generation;
}

test('joins with the secret, renews with its key alone, and keeps nothing that it has no use for', async () => {
  const rig = await createSecretRig();
  expect(await rig.once()).toBe(0);
  rig.api.clock.advance(RENEWAL_SECONDS);
  expect(await rig.once()).toBe(0);
  const [first, second] = rig.sent.map(({ request }) => request);
  expect(first).toMatchObject({ token: referenceOf(rig.secret), join_method: 'token' });
  expect(first).not.toHaveProperty('instance');
  expect(second?.instance).toMatchObject({ generation: 1, key: expect.any(String) });
  expect(await generationOf(rig)).toBe(2);
  expect(await pendingFiles(rig.storage)).toEqual([]);
});

test('renews in time as a service does', async () => {
  const rig = await createSecretRig();
  const waits: number[] = [];
  rig.onSleep = (ms) => {
    waits.push(ms);
    if (waits.length === 4) rig.stop();
  };
  expect(await rig.start()).toBe(0);
  expect(waits).toEqual([1_200_000, 1_200_000, 1_200_000, 1_200_000]);
  expect(await generationOf(rig)).toBe(4);
});

test('has keys and request on the disk before the request leaves', async () => {
  const rig = await createSecretRig();
  for (const generation of [0, 1]) {
    rig.next.push('killed before');
    expect(await rig.once()).toBe('killed');
    const [file = ''] = await pendingFiles(rig.storage);
    const { requests } = JSON.parse(await readFile(join(rig.storage, file), 'utf8'));
    expect(requests).toEqual([
      { request: rig.sent.at(-1)?.text, keys: [expect.stringContaining('PRIVATE KEY')] },
    ]);
    expect(await rig.once()).toBe(0);
    expect(await generationOf(rig)).toBe(generation + 1);
    expect(rig.sent.at(-1)?.text).toBe(rig.sent.at(-2)?.text);
    rig.api.clock.advance(RENEWAL_SECONDS);
  }
});

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
    await generationOf(rig);
  });

  test.each(Object.keys(MISHAPS))('a first join: %s', async (one) => {
    const rig = await createSecretRig();
    const mishap = MISHAPS[one] ?? 'right';
    rig.next.push(...Array.from({ length: 6 }, () => mishap));
    expect(await rig.once()).not.toBe(0);
    rig.next.length = 0;
    rig.api.clock.advance(400);
    expect(await rig.once()).toBe(0);
    expect(await generationOf(rig)).toBe(1);
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
    expect(await generationOf(rig)).toBe(2);
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
    expect(await generationOf(rig)).toBe(3);
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
    expect(await generationOf(rig)).toBe(5);
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
    expect(await generationOf(rig)).toBe(3);
    expect(await rig.locks()).toEqual([]);
  });
});

test('an answer to a request of other settings is kept, and renewed at once by those of now', async () => {
  const rig = await createSecretRig();
  rig.next.push('killed after');
  expect(await rig.once()).toBe('killed');
  const out = join(rig.folder, 'out');
  expect(await rig.once(undefined, '--destination-dir', out)).toBe(0);
  expect(await generationOf(rig)).toBe(2);
  expect(rig.sent.map(({ request }) => request.certificates.length)).toEqual([1, 1, 2]);
  expect(await readFile(join(out, 'tlscert'), 'utf8')).toContain('BEGIN CERTIFICATE');
});

describe('a copied storage directory', () => {
  async function copied(): Promise<{ rig: SecretRig; copy: string }> {
    const rig = await createSecretRig();
    expect(await rig.once()).toBe(0);
    const copy = join(rig.folder, 'copy');
    await cp(rig.storage, copy, { recursive: true, verbatimSymlinks: true });
    rig.api.clock.advance(RENEWAL_SECONDS);
    return { rig, copy };
  }

  test.each([1, 2, 10])(
    'renews %i times, then the original is refused, and the instance locked',
    async (times) => {
      const { rig, copy } = await copied();
      for (let i = 0; i < times; i += 1) {
        expect(await rig.once(copy)).toBe(0);
        rig.api.clock.advance(120);
      }
      rig.api.clock.advance(310);
      expect(await rig.once()).toBe(1);
      const [instance] = await rig.instances();
      expect(await rig.locks()).toEqual([`lock!copied-${instance?.id}`]);
      expect(rig.output.join('')).toContain('joinctl joins show');
      expect(rig.output.at(-1)).toContain('the machine needs a new secret');
      expect(await rig.once(copy)).toBe(1);
    },
  );

  test('renews after the original, and is refused', async () => {
    const { rig, copy } = await copied();
    expect(await rig.once()).toBe(0);
    rig.api.clock.advance(310);
    expect(await rig.once(copy)).toBe(1);
    expect(await rig.locks()).toHaveLength(1);
    expect(await rig.once()).toBe(1);
  });

  test('renews just before the original: that one is refused, asks again later, and then both are caught', async () => {
    const { rig, copy } = await copied();
    expect(await rig.once(copy)).toBe(0);
    rig.api.clock.advance(100);
    expect(await rig.once()).toBe(1);
    expect(await rig.locks()).toEqual([]);
    rig.api.clock.advance(310);
    expect(await rig.once()).toBe(1);
    expect(await rig.locks()).toHaveLength(1);
  });

  test('does not lock another machine of the same bot', async () => {
    const { rig, copy } = await copied();
    const other = await makeSecret(rig.api, { name: 'other' });
    const directory = join(rig.folder, 'other');
    expect(await rig.once(directory, `--token=${other}`)).toBe(0);
    await rig.once(copy);
    rig.api.clock.advance(310);
    expect(await rig.once()).toBe(1);
    expect(await rig.once(directory, `--token=${other}`)).toBe(0);
  });
});

describe('a service that is refused', () => {
  test('says what to do, and asks rarely', async () => {
    const rig = await createSecretRig();
    expect(await rig.once()).toBe(0);
    const waits: number[] = [];
    rig.onSleep = (ms) => {
      waits.push(ms);
      if (waits.length === 3) rig.stop();
    };
    expect(await rig.start(`--data-dir=${join(rig.folder, 'second')}`)).toBe(0);
    expect(waits).toEqual([300_000, 300_000, 300_000]);
    expect(rig.output.at(-2)).toMatch(
      /ERROR the broker refused the join \(request id \S+\); an operator sees the reason with: joinctl joins show \S+\. A secret that was used, has expired or is mistyped is replaced by a new secret from "joinctl bots add" or "joinctl tokens add", given to this agent in place of the old one$/m,
    );
  });

  test('says so when all its certificates were over while the machine was off', async () => {
    const rig = await createSecretRig();
    expect(await rig.once()).toBe(0);
    rig.api.clock.advance(2 * 3600);
    expect(await rig.once()).toBe(1);
    expect(rig.output.at(-1)).toContain(
      'its certificates were over at 2026-11-20T13:00:00Z while this machine was off, and without them it needs a new secret',
    );
  });
});

test('a new secret starts afresh and keeps the state of the old one until it has worked', async () => {
  const rig = await createSecretRig();
  expect(await rig.once()).toBe(0);
  rig.api.clock.advance(RENEWAL_SECONDS);
  rig.next.push('killed after');
  await rig.once();
  const mistyped = '0'.repeat(32);
  expect(await rig.once(undefined, `--token=${mistyped}`)).toBe(1);
  expect(await pendingFiles(rig.storage)).toHaveLength(2);
  rig.api.clock.advance(400);
  // Back to the old one: it goes on where it was.
  expect(await rig.once()).toBe(0);
  expect(await generationOf(rig)).toBe(2);

  const fresh = await makeSecret(rig.api, { name: 'fresh' });
  expect(await rig.once(undefined, `--token=${fresh}`)).toBe(0);
  expect(await rig.instances()).toHaveLength(2);
  expect(await pendingFiles(rig.storage)).toEqual([]);
});

test('keeps few requests, however long it is refused, and gets on afterwards', async () => {
  const rig = await createSecretRig();
  expect(await rig.once()).toBe(0);
  for (let i = 0; i < 12; i += 1) {
    rig.next.push('lost after', ...Array.from({ length: 5 }, () => denied));
    await rig.once();
    rig.next.length = 0;
    rig.next.push(...Array.from({ length: 6 }, () => denied));
    await rig.once();
    rig.next.length = 0;
    rig.api.clock.advance(60);
  }
  const [file = ''] = await pendingFiles(rig.storage);
  const { requests } = JSON.parse(await readFile(join(rig.storage, file), 'utf8'));
  expect(requests).toHaveLength(4);
  expect(await rig.once()).toBe(0);
  expect(await rig.locks()).toEqual([]);
});

test('keeps nothing of an answer with another generation than it asked for', async () => {
  const rig = await createSecretRig();
  rig.next.push(async () => {
    const { body } = await rig.api.request('POST', '/v1/join', { body: rig.sent.at(-1)?.body });
    return Response.json({ ...(body as object), generation: 7 });
  });
  expect(await rig.once()).toBe(1);
  expect(rig.output.at(-1)).toContain(
    'answered with another instance or generation than was asked for',
  );
  expect(await rig.once()).toBe(0);
  expect(await generationOf(rig)).toBe(1);
});

test('goes on without its secret after the first run, and says so where it would need one', async () => {
  const rig = await createSecretRig();
  const file = join(rig.folder, 'secret');
  await writeFile(file, `${rig.secret}\n`);
  expect(await rig.once(undefined, `--token=file:${file}`)).toBe(0);
  await rm(file);
  rig.api.clock.advance(RENEWAL_SECONDS);
  expect(await rig.once(undefined, `--token=file:${file}`)).toBe(0);
  expect(await generationOf(rig)).toBe(2);
  expect(rig.output.join('')).not.toContain('shows in the list of processes');
  await rm(join(rig.storage, 'key'));
  await rm(join(rig.storage, '..data', 'key'));
  expect(await rig.once(undefined, `--token=file:${file}`)).toBe(1);
  expect(rig.output.at(-1)).toContain('the secret of a join token is needed for a first join');
});

test('refuses a second agent on the same directory, also once beside the service', async () => {
  const rig = await createSecretRig();
  const free = await lockDirectory(rig.storage);
  expect(await rig.once()).toBe(1);
  expect(rig.output.at(-1)).toBe(
    `joinbot: another joinbot works with ${rig.storage}: stop it first, or let it renew now (SIGHUP), or give this one a directory of its own\n`,
  );
  expect(rig.sent).toEqual([]);
  await free();
  expect(await rig.once()).toBe(0);
});

test('joins afresh, and is told what to do, where its state was lost and only a renewal is left', async () => {
  const rig = await createSecretRig();
  expect(await rig.once()).toBe(0);
  rig.next.push('killed before');
  await rig.once();
  await rm(join(rig.storage, '..data'));
  expect(await rig.once()).toBe(1);
  expect(rig.sent.at(-1)?.request).not.toHaveProperty('instance');
  expect(rig.output.at(-1)).toContain('A secret that was used, has expired or is mistyped');
  expect(await rig.locks()).toEqual([]);
});

test('sends nothing where the requests without an answer can not be read', async () => {
  const rig = await createSecretRig();
  rig.next.push('killed after');
  await rig.once();
  const [file = ''] = await pendingFiles(rig.storage);
  await writeFile(join(rig.storage, file), '{');
  expect(await rig.once()).toBe(1);
  expect(rig.sent).toHaveLength(1);
  expect(rig.output.at(-1)).toContain(`${file} can't be read (expected JSON text)`);
  await rm(join(rig.storage, file));
});

test('the secret reaches no log line, whatever goes wrong', async () => {
  const rig = await createSecretRig();
  rig.next.push('lost after', denied, badRequest, garbage);
  for (let i = 0; i < 3; i += 1) await rig.once(undefined, '-d');
  await rig.once(join(rig.folder, 'second'), '-d');
  const text = rig.output.join('');
  expect(text).toContain('WARN  a secret on the command line shows in the list of processes');
  expect(text).not.toContain(rig.secret);
  expect(text).not.toMatch(/PRIVATE/);
});
