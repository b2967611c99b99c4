/** When the broker is asked for lists, what becomes of its answers, and what a restart finds. */
import { X509Certificate } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Broker } from '../../../agent/broker.ts';
import { Failure } from '../../../agent/failure.ts';
import { createLog } from '../../../agent/log.ts';
import { currentLists } from '../../../agent/revocation/current-lists.ts';
import { loadLists } from '../../../agent/revocation/stored-lists.ts';
import type { Storage } from '../../../agent/settings.ts';
import { createAuthorities } from '../authorities.ts';
import { createClock, START } from '../clock.ts';
import { temporaryFolder } from '../folder.ts';
import { createSignedLists, krlWith } from './signed-lists.ts';

type Answer = Awaited<ReturnType<Broker['revoked']>>;
const FILE = 'revocation-lists.json';

async function setUp(storage: Storage = { type: 'memory' }, caPins?: readonly string[]) {
  const { signed, trust, pin } = await createSignedLists();
  const clock = createClock();
  const lines: string[] = [];
  const asked: (readonly [etag: string | undefined, timeoutMs: number])[] = [];
  const wake = new AbortController();
  let next: () => Answer = () => undefined;
  const broker: Pick<Broker, 'revoked'> = {
    revoked: async (etag, timeoutMs, stop) => {
      asked.push([etag, timeoutMs]);
      expect(stop).toBe(wake.signal);
      return next();
    },
  };
  const log = createLog({
    format: 'text',
    debug: true,
    write: (line) => lines.push(line.slice('2026-11-20T19:05:00Z '.length)),
    now: () => new Date('2026-11-20T19:05:00Z'),
  });
  const settings = { storage, caPins: caPins ?? [pin], revocationSeconds: 300 };
  const start = (random = 0) =>
    currentLists(settings, broker, { clock, random: () => random, log });
  const under = { instance: { trust: {} }, trust } as unknown as Parameters<
    ReturnType<typeof start>['refresh']
  >[0];
  const answer = (told: () => Answer) => {
    next = told;
  };
  const refresh = (lists: ReturnType<typeof start>) => lists.refresh(under, 500, wake.signal);
  return { signed, clock, lines, asked, wake, start, answer, refresh, under };
}
const inFolder = async () => ({ type: 'directory', path: await temporaryFolder() }) as const;
const fails =
  (code: Failure['code'], more: object = {}) =>
  (): Answer => {
    throw new Failure(code, 'the broker is off', more);
  };

describe('the broker is asked', () => {
  test('at once, and then as often as the config says, up to a tenth sooner', async () => {
    const { start, refresh, clock } = await setUp();
    const [lists, sooner] = [start(), start(1)];
    expect(lists.untilDue()).toBe(0);
    await refresh(lists);
    expect(lists.untilDue()).toBe(300_000);
    await clock.sleep(299_000, new AbortController().signal);
    expect(lists.untilDue()).toBe(1000);
    await clock.sleep(2000, new AbortController().signal);
    expect(lists.untilDue()).toBe(0);
    await refresh(sooner);
    expect(sooner.untilDue()).toBe(270_000);
  });

  test('at once where the clock was set back', async () => {
    const { start, refresh, clock } = await setUp();
    const lists = start();
    await refresh(lists);
    await clock.sleep(-1, new AbortController().signal);
    expect(lists.untilDue()).toBe(0);
  });

  test('not before it wants to be', async () => {
    const { start, refresh, answer } = await setUp();
    const lists = start();
    answer(fails('throttled', { retryAfterMs: 400_000 }));
    await refresh(lists);
    expect(lists.untilDue()).toBe(400_000);
    answer(fails('throttled', { retryAfterMs: 1000 }));
    await refresh(lists);
    expect(lists.untilDue()).toBe(300_000);
  });

  test('with the ETag of what is held', async () => {
    const { start, refresh, answer, asked, signed } = await setUp();
    const lists = start();
    answer(() => ({ lists: signed(), etag: '"a"' }));
    const held = await refresh(lists);
    answer(() => undefined);
    expect(await refresh(lists)).toBe(held);
    expect(asked).toEqual([
      [undefined, 500],
      ['"a"', 500],
    ]);
  });
});

describe('what is held', () => {
  test('gives way to newer lists, and not to what is refused', async () => {
    const { start, refresh, answer, signed, lines, asked } = await setUp();
    const lists = start();
    expect(await refresh(lists)).toBeUndefined();
    answer(() => ({ lists: signed(), etag: '"a"' }));
    expect((await refresh(lists))?.version).toBe(100);
    answer(() => ({ lists: signed({ version: 101, ssh: { krl: krlWith([1n]) } }), etag: '"b"' }));
    expect((await refresh(lists))?.version).toBe(101);
    answer(() => ({ lists: signed(), etag: '"c"' }));
    expect((await refresh(lists))?.version).toBe(101);
    answer(() => ({ lists: { ...signed({ version: 102 }), version: 103 }, etag: '"d"' }));
    expect((await refresh(lists))?.version).toBe(101);
    await refresh(lists);
    expect(asked.at(-1)?.[0]).toBe('"b"');
    expect(lines[0]).toBe('DEBUG the revocation lists are those of 2026-11-20T19:05:00Z\n');
    const warned = lines.filter((line) => line.startsWith('WARN'));
    expect(warned).toHaveLength(3);
    expect(warned[0]).toContain('WARN  there are no newer revocation lists: ');
    expect(warned[0]).toContain('its version is 100, older than 101');
    expect(warned[1]).toContain('its signature is not valid');
  });

  test('stays the word of the later key, where an earlier one says the same', async () => {
    const storage = await inFolder();
    const { signed, under, answer, asked, start, wake } = await setUp(storage, []);
    const { issuing } = await createAuthorities(new Date(START.getTime() + 3600_000));
    const roots = [...under.trust.roots, new X509Certificate(issuing.root)];
    const both = { ...under, trust: { ...under.trust, roots } };
    const lists = start();
    const refresh = () => lists.refresh(both, 500, wake.signal);
    answer(() => ({ lists: signed({}, issuing), etag: '"later"' }));
    const held = await refresh();
    answer(() => ({ lists: signed(), etag: '"earlier"' }));
    expect(await refresh()).toBe(held);
    await refresh();
    expect(asked.map(([etag]) => etag)).toEqual([undefined, '"later"', '"later"']);
    expect((await loadLists(storage.path))?.etag).toBe('"later"');
  });

  test('is under a pin that counts', async () => {
    const { start, refresh, answer, signed } = await setUp(undefined, [`sha256:${'0'.repeat(64)}`]);
    answer(() => ({ lists: signed(), etag: undefined }));
    expect(await refresh(start())).toBeUndefined();
  });
});

describe('a restart', () => {
  test('goes on with what was held, so that nobody can bring older lists', async () => {
    const storage = await inFolder();
    const { start, refresh, answer, signed, asked } = await setUp(storage);
    answer(() => ({ lists: signed({ version: 101 }), etag: '"a"' }));
    await refresh(start());
    expect((await loadLists(storage.path))?.etag).toBe('"a"');
    answer(() => ({ lists: signed(), etag: '"old"' }));
    const again = start();
    expect((await refresh(again))?.version).toBe(101);
    expect(asked.at(-1)).toEqual(['"a"', 500]);
    await rm(join(storage.path, FILE));
    expect((await refresh(again))?.version).toBe(101);
  });

  test('reads once what was stored, and does without what is not believed', async () => {
    const storage = await inFolder();
    const { start, refresh, signed, lines } = await setUp(storage);
    const forged = { ...signed(), version: 7 };
    await writeFile(join(storage.path, FILE), JSON.stringify({ version: 1, lists: forged }));
    const lists = start();
    expect(await refresh(lists)).toBeUndefined();
    expect(await refresh(lists)).toBeUndefined();
    expect(lines).toEqual([
      expect.stringContaining('WARN  the stored revocation lists are not used: '),
    ]);
  });

  test('says where lists can not be kept for it, and uses them now', async () => {
    const storage = await inFolder();
    const { start, refresh, answer, signed, lines } = await setUp(storage);
    await mkdir(join(storage.path, `${FILE}.new`));
    answer(() => ({ lists: signed(), etag: undefined }));
    expect((await refresh(start()))?.version).toBe(100);
    expect(lines.at(-1)).toContain('WARN  the revocation lists are not kept for a restart: ');
  });
});

describe('a failure', () => {
  test('that nobody waits for is not told', async () => {
    const { start, refresh, answer, wake, lines } = await setUp();
    wake.abort();
    answer(fails('broker_unreachable'));
    expect(await refresh(start())).toBeUndefined();
    expect(lines).toEqual([]);
  });

  test('of our own stays what it is', async () => {
    const { start, refresh, answer } = await setUp();
    const error = new TypeError('x is not a function');
    answer(() => {
      throw error;
    });
    await expect(refresh(start())).rejects.toBe(error);
  });
});
