import { describe, expect, test } from 'vitest';
import { createKeyring, type Keyring } from '../../../shared/authority/keyring.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import {
  foundKeys,
  type RotationParts,
  type RotationReport,
  rotateKeys,
} from '../../../shared/authority/rotate.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import { type Clock, createClock } from '../../broker/test-broker.ts';
import { createParts } from './rotation-parts.ts';

const DAY = 24 * 3600;

interface Scene {
  readonly keyring: Keyring;
  readonly parts: RotationParts;
  readonly clock: Clock;
  /** How often the rows were read, and whether that works. */
  readonly storage: { reads: number; down: boolean };
}

function createScene(): Scene {
  const clock = createClock();
  const parts = createParts();
  const storage = { reads: 0, down: false };
  const list = async () => {
    storage.reads += 1;
    if (storage.down) throw new Error('connection refused');
    return parts.store.list();
  };
  const watched = { ...parts, store: { ...parts.store, list } };
  return { keyring: createKeyring(watched, clock.now), parts, clock, storage };
}

/** A scene whose keyring has loaded, with the count of reads at zero. */
async function createLoadedScene(): Promise<Scene> {
  const scene = createScene();
  await foundKeys(scene.parts, scene.clock.now());
  await scene.keyring.authorities();
  scene.storage.reads = 0;
  return scene;
}

const newest = async (keyring: Keyring): Promise<number | undefined> =>
  (await keyring.authorities()).probeKeys[0]?.sequence;

describe('loading', () => {
  test('with no keys yet, nobody is served, and nothing is made', async () => {
    const { keyring, parts } = createScene();
    await expect(keyring.authorities()).rejects.toMatchObject({
      code: 'unavailable',
      message: 'there is no authority yet: an operator makes it once, with joinctl auth init',
    });
    expect(keyring.missing()).toContain('there is no authority yet');
    expect((await parts.store.list()).taken).toEqual([]);
  });

  test('the first keys are there at once for whoever made them', async () => {
    const { keyring, parts, clock } = createScene();
    await expect(keyring.authorities()).rejects.toThrow('no authority yet');
    await foundKeys(parts, clock.now());
    await keyring.reload();
    expect(await newest(keyring)).toBe(1);
    expect(keyring.missing()).toBeUndefined();
  });

  test('callers at once share one load', async () => {
    const { keyring, parts, storage, clock } = createScene();
    await foundKeys(parts, clock.now());
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => keyring.authorities()));
    expect(storage.reads).toBe(1);
    expect(others.every((one) => one === first)).toBe(true);
  });

  test('two function instances that start at once get the same keys', async () => {
    const { keyring, parts, clock } = createScene();
    await foundKeys(parts, clock.now());
    const other = createKeyring(parts, clock.now);
    const [a, b] = await Promise.all([keyring.authorities(), other.authorities()]);
    expect(a.issuing.certificate).toEqual(b.issuing.certificate);
    expect((await parts.store.list()).keys).toHaveLength(6);
  });

  test('keys are read again after five minutes, not before', async () => {
    const { keyring, clock, storage } = await createLoadedScene();
    clock.advance(299);
    await keyring.authorities();
    expect(storage.reads).toBe(0);
    clock.advance(1);
    await keyring.authorities();
    expect(storage.reads).toBe(1);
  });

  test('a key that the timer made is there after five minutes', async () => {
    const { keyring, parts, clock } = await createLoadedScene();
    clock.advance(DAY - 100);
    expect(await newest(keyring)).toBe(1);
    clock.advance(100);
    await rotateKeys(parts, clock.now());
    expect(await newest(keyring)).toBe(1);
    clock.advance(200);
    expect(await newest(keyring)).toBe(2);
  });

  test('makes keys itself where the timer has been silent until all had expired', async () => {
    const { keyring, parts, clock } = await createLoadedScene();
    clock.advance(30 * DAY);
    const { issuing } = await keyring.authorities();
    expect(issuing.notAfter.getTime()).toBeGreaterThan(clock.now().getTime());
    // The SSH authorities have successors that are not needed yet.
    expect((await parts.store.list()).keys).toHaveLength(8);
  });
});

describe('where no keys are made', () => {
  const reading = async () => {
    const { parts, clock } = createScene();
    await foundKeys(parts, clock.now());
    const reports: RotationReport[] = [];
    const onReport = (report: RotationReport): void => void reports.push(report);
    const keyring = createKeyring(parts, clock.now, { makesKeys: false, onReport });
    return { parts, clock, keyring, reports };
  };

  test('those that are there are used', async () => {
    const { keyring } = await reading();
    expect(await newest(keyring)).toBe(1);
  });

  test('what is due stays due, and it is said who has to be looked at', async () => {
    const { parts, clock, keyring, reports } = await reading();
    const { keys } = await parts.store.list();
    clock.advance(40 * DAY);
    await expect(keyring.authorities()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('does the timer rotate-keys run?'),
    });
    expect((await parts.store.list()).keys).toEqual(keys);
    expect(reports).toEqual([{ done: [], ignored: [], lost: [] }]);
  });

  test('what is lost is still told', async () => {
    const { parts, keyring, reports } = await reading();
    await parts.store.remove('ssh-user', 1);
    await expect(keyring.authorities()).rejects.toMatchObject({
      message: expect.stringContaining('ssh-user (sign)'),
    });
    expect(reports).toMatchObject([{ lost: [{ owner: 'ssh-user', purpose: 'sign' }] }]);
  });
});

describe('with storage down', () => {
  test('known keys keep working, and storage is asked once per cooldown', async () => {
    const { keyring, clock, storage } = await createLoadedScene();
    storage.down = true;
    clock.advance(3600);
    const known = await keyring.authorities();
    await keyring.authorities();
    expect(storage.reads).toBe(1);
    clock.advance(10);
    expect(await keyring.authorities()).toBe(known);
    expect(storage.reads).toBe(2);
  });

  test('nothing works before the first load, and the next try may', async () => {
    const { keyring, parts, clock, storage } = createScene();
    await foundKeys(parts, clock.now());
    storage.down = true;
    await expect(keyring.authorities()).rejects.toMatchObject({
      code: 'unavailable',
      message: 'the signing keys can not be loaded now',
      retryAfter: 5,
    });
    storage.down = false;
    // Not at once: whoever asks can't make the broker hammer storage.
    await expect(keyring.authorities()).rejects.toMatchObject({ code: 'unavailable' });
    clock.advance(2);
    expect(await newest(keyring)).toBe(1);
  });

  test('an issuing key is not used beyond its end', async () => {
    const { keyring, clock, storage } = await createLoadedScene();
    storage.down = true;
    clock.advance(14 * DAY);
    await expect(keyring.authorities()).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('refreshing', () => {
  test('reads the keys at once, then not again within the cooldown', async () => {
    const { keyring, parts, clock, storage } = await createLoadedScene();
    clock.advance(10);
    await rotateKeys({ ...parts, policy: { ...parts.policy, probeRenewal: 5 } }, clock.now());
    expect(await keyring.refresh()).toBe(true);
    expect(await newest(keyring)).toBe(2);
    clock.advance(9);
    expect(await keyring.refresh()).toBe(false);
    clock.advance(1);
    expect(await keyring.refresh()).toBe(true);
    expect(storage.reads).toBe(2);
  });

  test('does nothing right after a load', async () => {
    const { keyring, storage } = await createLoadedScene();
    expect(await keyring.refresh()).toBe(false);
    expect(storage.reads).toBe(0);
  });

  test('says so where storage is down, and waits for the cooldown then too', async () => {
    const { keyring, clock, storage } = await createLoadedScene();
    storage.down = true;
    clock.advance(10);
    await expect(keyring.refresh()).rejects.toMatchObject({ code: 'unavailable' });
    expect(await keyring.refresh()).toBe(false);
    expect(storage.reads).toBe(1);
  });
});

test('a data key that can not be unwrapped is no reason to make new keys', async () => {
  const { parts, clock } = await createLoadedScene();
  const custody = createParts().custody;
  const keyring = createKeyring({ ...parts, custody }, clock.now);
  const before = await parts.store.list();
  await expect(keyring.authorities()).rejects.toMatchObject({ code: 'unavailable' });
  expect(await parts.store.list()).toEqual(before);
});

describe('a lost authority', () => {
  test('is said to whoever asks, and nothing takes its place', async () => {
    const { keyring, parts, clock } = createScene();
    await foundKeys(parts, clock.now());
    await parts.store.remove('ssh-user', 1);
    const before = await parts.store.list();
    await expect(keyring.authorities()).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('keys are missing or not genuine'),
    });
    await expect(keyring.authorities()).rejects.toThrow('ssh-user (sign)');
    expect(await parts.store.list()).toEqual(before);
  });

  test('does not stop those who have its key in memory, for a day', async () => {
    const { keyring, parts, clock } = await createLoadedScene();
    await parts.store.remove('tls', 1);
    clock.advance(DAY - 1);
    await keyring.authorities();
    clock.advance(1);
    await expect(keyring.authorities()).rejects.toThrow('tls (root)');
  });
});

test('an upcoming SSH authority signs when its time has come, without reading anything', async () => {
  const { keyring, parts, clock, storage } = await createLoadedScene();
  const first = (await keyring.authorities()).sshUser.publicKey;
  clock.advance(23 * DAY);
  await rotateKeys(parts, clock.now());
  clock.advance(7 * DAY - 100);
  await rotateKeys(parts, clock.now());
  const before = await keyring.authorities();
  expect(before.sshUser.publicKey).toEqual(first);
  expect(before.sshUserCas).toHaveLength(2);
  storage.reads = 0;
  clock.advance(100);
  const after = await keyring.authorities();
  expect(after.sshUser.publicKey).not.toEqual(first);
  expect(after.sshUserCas).toEqual(before.sshUserCas);
  expect(after.version).toBe(before.version);
  expect(storage.reads).toBe(0);
});

test('what was made, is ignored or lost is reported by whoever reads the keys', async () => {
  const { parts, clock } = createScene();
  await foundKeys(parts, clock.now());
  await parts.store.remove('probe', 1);
  const reports: RotationReport[] = [];
  const keyring = createKeyring(parts, clock.now, { onReport: (report) => reports.push(report) });
  await keyring.authorities();
  expect(reports).toMatchObject([{ done: [{ kind: 'create', owner: 'probe', sequence: 2 }] }]);
});

test('what is ignored is reported by whoever reads the keys, although nothing was made', async () => {
  const table = createMemoryTable();
  const parts = createParts(table);
  const clock = createClock();
  await foundKeys(parts, clock.now());
  await table.apply([{ kind: 'insert', row: { partition: 'tls', key: 'strange', values: {} } }]);
  const reports: RotationReport[] = [];
  const keyring = createKeyring(parts, clock.now, { onReport: (report) => reports.push(report) });
  await keyring.authorities();
  expect(reports).toEqual([{ done: [], ignored: ['tls/strange'], lost: [] }]);
});

test('a root that is lost beside its successor is reported, although joins go on', async () => {
  const { parts, clock } = createScene();
  await foundKeys(parts, clock.now());
  await replaceAuthority(parts, 'tls', { leaked: false, numbers: [1] }, clock.now());
  await parts.store.remove('tls', 1);
  clock.advance(parts.policy.rootPublication);
  await rotateKeys(parts, clock.now());
  const reports: RotationReport[] = [];
  const keyring = createKeyring(parts, clock.now, { onReport: (report) => reports.push(report) });
  await keyring.authorities();
  expect(reports).toEqual([{ done: [], ignored: [], lost: [{ owner: 'tls', purpose: 'root' }] }]);
});

test('keys that are at hand are told from those that are asked for', async () => {
  const { parts, clock } = createScene();
  await foundKeys(parts, clock.now());
  const lookups: string[] = [];
  const onLookup = (result: string) => void lookups.push(result);
  const keyring = createKeyring(parts, clock.now, { onLookup });
  await keyring.authorities();
  await keyring.authorities();
  clock.advance(300);
  await keyring.authorities();
  expect(lookups).toEqual(['miss', 'hit', 'miss']);
});

describe('when an operator has changed the keys', () => {
  async function createTold() {
    const clock = createClock();
    const parts = createParts();
    await foundKeys(parts, clock.now());
    const told = { change: 'a', lists: 0, down: false, slow: Promise.resolve() };
    const list = async () => {
      told.lists += 1;
      if (told.down) throw new Error('connection refused');
      const { slow } = told;
      const stored = await parts.store.list();
      await slow;
      return stored;
    };
    const keyring = createKeyring({ ...parts, store: { ...parts.store, list } }, clock.now, {
      changed: () => told.change,
    });
    await keyring.authorities();
    return { clock, parts, told, keyring };
  }

  test('keys that were read before are not used again, within no cooldown', async () => {
    const { clock, parts, told, keyring } = await createTold();
    clock.advance(1);
    await replaceAuthority(parts, 'probe', { leaked: true, numbers: [1] }, clock.now());
    expect(await newest(keyring)).toBe(1);
    told.change = 'b';
    expect(await newest(keyring)).toBe(2);
    told.lists = 0;
    expect(await newest(keyring)).toBe(2);
    expect(told.lists).toBe(0);
  });

  test('nor where they can not be read anew: nothing is signed with what may have leaked', async () => {
    const { clock, told, keyring } = await createTold();
    told.down = true;
    clock.advance(300);
    expect(await newest(keyring)).toBe(1);
    told.change = 'b';
    await expect(keyring.authorities()).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('a load that began before is not the last word', async () => {
    const { clock, parts, told, keyring } = await createTold();
    clock.advance(300);
    const gate = Promise.withResolvers<void>();
    told.slow = gate.promise;
    const asked = keyring.authorities();
    await replaceAuthority(parts, 'probe', { leaked: true, numbers: [1] }, clock.now());
    told.change = 'b';
    told.slow = Promise.resolve();
    gate.resolve();
    expect((await asked).probeKeys[0]?.sequence).toBe(2);
  });
});
