/** Join method `token` on the agent's side, against the real broker: what it keeps, sends and says. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lockDirectory } from '../../../agent/directory-lock.ts';
import type { AgentSettings } from '../../../agent/settings.ts';
import { joinBySecret } from '../../../agent/token/join-by-secret.ts';
import { parseCertificationRequest } from '../../../shared/encoding/certification-request.ts';
import { decodeSinglePem } from '../../../shared/encoding/pem.ts';
import type { JoinRequest } from '../../../shared/protocol/join.ts';
import { referenceOf } from '../../../shared/protocol/join-secret.ts';
import { makeSecret } from '../../broker/token-joiner.ts';
import { problemAnswer } from '../fake-broker.ts';
import { createSecretRig, pendingFiles, type SecretRig } from '../secret-rig.ts';

const RENEWAL_SECONDS = 1200;
const denied = (): Response => problemAnswer('access_denied');
const unknown = (): Response => problemAnswer('instance_unknown');
const badRequest = (): Response => problemAnswer('bad_request');
const garbage = (): Response => new Response('<html>');

test('joins with the secret, renews with its key alone, and keeps nothing that it has no use for', async () => {
  const rig = await createSecretRig();
  expect(await rig.once()).toBe(0);
  rig.api.clock.advance(RENEWAL_SECONDS);
  expect(await rig.once()).toBe(0);
  const [first, second] = rig.sent.map(({ request }) => request);
  expect(first).toMatchObject({ token: referenceOf(rig.secret), join_method: 'token' });
  expect(first).not.toHaveProperty('instance');
  expect(second?.instance).toMatchObject({ generation: 1, key: expect.any(String) });
  expect(await rig.generation()).toBe(2);
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
  expect(await rig.generation()).toBe(4);
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
    expect(await rig.generation()).toBe(generation + 1);
    expect(rig.sent.at(-1)?.text).toBe(rig.sent.at(-2)?.text);
    rig.api.clock.advance(RENEWAL_SECONDS);
  }
});

test('an answer to a request of other settings is kept, and renewed at once by those of now', async () => {
  const rig = await createSecretRig();
  rig.next.push('killed after');
  expect(await rig.once()).toBe('killed');
  const out = join(rig.folder, 'out');
  expect(await rig.once(undefined, '--destination-dir', out)).toBe(0);
  expect(await rig.generation()).toBe(2);
  expect(rig.sent.map(({ request }) => request.certificates.length)).toEqual([1, 1, 2]);
  expect(await readFile(join(out, 'tlscert'), 'utf8')).toContain('BEGIN CERTIFICATE');
});

test('an instance that was kept is renewed, also where what came after it in the same run failed', async () => {
  const rig = await createSecretRig();
  rig.next.push('killed after');
  await rig.once();
  rig.next.push('right', 'lost before');
  expect(await rig.once(undefined, '--destination-dir', join(rig.folder, 'out'))).toBe(0);
  expect(await rig.generation()).toBe(2);
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
      /ERROR the broker refused the join \(request id \S+\); an operator sees the reason with: joinctl joins show \S+\. A secret that was used, has expired or is mistyped is replaced by a new secret from "joinctl bots add" or "joinctl tokens add", given to this agent in place of the old one; trying again in 300 s$/m,
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
  expect(await rig.generation()).toBe(2);

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
  expect(await rig.generation()).toBe(1);
});

test('keeps nothing of an answer for another instance than the secret makes', async () => {
  const rig = await createSecretRig();
  rig.next.push(async () => {
    const { body } = await rig.api.request('POST', '/v1/join', { body: rig.sent.at(-1)?.body });
    const instance_id = '11111111-1111-4111-8111-111111111111';
    return Response.json({ ...(body as object), instance_id });
  });
  expect(await rig.once()).toBe(1);
  expect(rig.output.at(-1)).toContain(
    'answered with another instance or generation than was asked for',
  );
});

describe('a renewal that the broker does not take', () => {
  const generations = (rig: SecretRig) =>
    rig.sent.map(({ request }) => request.instance?.generation);

  test.each([
    ['it does not know', unknown],
    ['it denies', denied],
    ['it does not understand', badRequest],
  ])(
    'as one that %s is followed by one of a newer key, and then tried again',
    async (_, answer) => {
      const rig = await createSecretRig();
      expect(await rig.once()).toBe(0);
      rig.next.push(answer);
      expect(await rig.once()).toBe(0);
      // It knows of no newer one: so the first was not carried out, and is used as soon as that is known.
      expect(generations(rig)).toEqual([undefined, 1, 2, 1]);
      expect(await rig.generation()).toBe(2);
      expect(await rig.locks()).toEqual([]);
    },
  );

  test.each(['unavailable', 'throttled', 'try_again'] as const)(
    'for now (%s) is sent once more',
    async (code) => {
      const rig = await createSecretRig();
      rig.next.push(() => problemAnswer(code));
      expect(await rig.once()).toBe(0);
      expect(new Set(rig.sent.map(({ text }) => text)).size).toBe(1);
      expect(rig.sent).toHaveLength(2);
    },
  );
});

describe('an older key', () => {
  /** Seconds that each answer takes in which the broker knows the key of none of three requests. */
  async function descend(...seconds: readonly number[]) {
    const rig = await createSecretRig();
    expect(await rig.once()).toBe(0);
    for (let i = 0; i < 2; i += 1) {
      rig.next.push(denied, denied);
      expect(await rig.once()).toBe(1);
    }
    rig.sent.splice(0);
    rig.next.push(
      denied,
      ...seconds.map((passed) => () => {
        rig.api.clock.advance(passed);
        return unknown();
      }),
    );
    expect(await rig.once()).toBe(0);
    return rig;
  }
  const sentBy = (rig: SecretRig) =>
    rig.sent.map(({ request: { instance } }) => instance?.generation);

  const keyOf = (request: JoinRequest | undefined) =>
    parseCertificationRequest(
      decodeSinglePem('CERTIFICATE REQUEST', request?.certificates[0]?.csr ?? '') ??
        new Uint8Array(),
    ).publicKey.der;

  test('is used while nobody can have used a newer one for long', async () => {
    const rig = await descend(60, 60);
    expect(sentBy(rig)).toEqual([3, 4, 3, 2, 1]);
    expect(rig.output.join('')).not.toContain('too slowly');
  });

  test('signs a request of now, for the same new key', async () => {
    const [before, , again] = (await descend(60, 60)).sent.map(({ request }) => request);
    expect([before?.time, again?.time]).toEqual(['2026-11-20T12:00:00Z', '2026-11-20T12:01:00Z']);
    expect(keyOf(again)).toEqual(keyOf(before));
  });

  test('is not used two minutes after the newest one was not known: that is asked again first', async () => {
    const rig = await descend(60, 61);
    expect(sentBy(rig)).toEqual([3, 4, 3, 4, 3, 2, 1]);
    expect(rig.output.join('')).toContain(
      'the broker answers too slowly to try an older key now; trying again',
    );
    expect(await rig.locks()).toEqual([]);
  });
});

test('goes on without its secret after the first run, and says so where it would need one', async () => {
  const rig = await createSecretRig();
  const file = join(rig.folder, 'secret');
  await writeFile(file, `${rig.secret}\n`);
  expect(await rig.once(undefined, `--token=file:${file}`)).toBe(0);
  await rm(file);
  rig.api.clock.advance(RENEWAL_SECONDS);
  expect(await rig.once(undefined, `--token=file:${file}`)).toBe(0);
  expect(await rig.generation()).toBe(2);
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

test('works on a directory, and keeps there what it gets by itself', async () => {
  const settings = (storage: object) => ({ storage, token: '' }) as AgentSettings;
  const none = {} as never;
  await expect(joinBySecret(settings({ type: 'memory' }), none, none)).rejects.toThrow(
    'join method token has a storage directory',
  );
  const joiner = await joinBySecret(settings({ type: 'directory', path: '/x' }), none, none);
  expect(joiner.storesItself).toBe(true);
});
