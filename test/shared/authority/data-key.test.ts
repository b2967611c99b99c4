import { describe, expect, test } from 'vitest';
import { backUpKeys } from '../../../shared/authority/backup-keys.ts';
import {
  describeDataKey,
  type GenuineKeys,
  openGenuineKeys,
} from '../../../shared/authority/genuine-keys.ts';
import { createKeyStore, rowOf } from '../../../shared/authority/key-store.ts';
import { deriveLogKey, openLogKeys, sealLogKeys } from '../../../shared/authority/log-key.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import { planRestore, restoreKeys } from '../../../shared/authority/restore-keys.ts';
import { foundKeys, rotateKeys } from '../../../shared/authority/rotate.ts';
import { sealKey } from '../../../shared/authority/sealing.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Row, StoredRow, Table } from '../../../shared/storage/table.ts';
import {
  authoritiesAt,
  createParts,
  createScene,
  later,
  NOON,
  putRow,
  type Scene,
  takeRow,
} from './rotation-parts.ts';

const DAY = 24 * 3600;
const HANDOVER = 30 * DAY;

const early = { leaked: false, numbers: [1] };
const leak = { leaked: true, numbers: [1] };

async function opened({ parts }: Scene, at = NOON) {
  const genuine = await openGenuineKeys(await parts.store.list(), parts, at);
  if (!genuine) throw new Error('no data key opens');
  return genuine;
}

/** What rotation keeps for longer than a month. */
const keptOf = ({ keys }: GenuineKeys): string[] =>
  keys
    .filter(({ owner, sequence }) => sequence === 1 && owner !== 'probe')
    .map(({ secret }) => Buffer.from(secret).toString('hex'));

const namesOf = (rows: readonly Row[]): string[] =>
  rows.map(({ partition, key }) => `${partition}/${key}`).toSorted();

describe('a data key', () => {
  test('gets a successor after 90 days; all rows are encrypted anew, and nobody notices', async () => {
    const scene = await createScene();
    const { parts, table } = scene;
    // An hour before, so that nothing else is due.
    for (let day = 1; day <= 90; day += 1) await rotateKeys(parts, later(day * DAY - 3600));
    const at = later(90 * DAY);
    const before = await opened(scene, at);
    const known = await authoritiesAt(parts, at);

    const { done, ignored, lost } = await rotateKeys(parts, at);
    expect(done.filter(({ kind, owner }) => kind === 'create' && owner === 'data')).toMatchObject([
      { sequence: 2, takesOver: { from: 1, until: at.getTime() / 1000 + HANDOVER } },
    ]);
    expect([ignored, lost]).toEqual([[], []]);
    const after = await opened(scene, at);
    expect(after.dataKey).not.toEqual(before.dataKey);
    expect([after.stale, after.staleMarks, after.earlierRow]).toEqual([[], [], undefined]);
    expect(after.keys.map(({ secret }) => secret)).toEqual(before.keys.map(({ secret }) => secret));
    expect(after.marks.map(({ owner, highest }) => [owner, highest])).toEqual(
      before.marks.map(({ owner, highest }) => [owner, highest]),
    );
    expect(namesOf(await table.list({ partition: 'data' }))).toEqual(['data/000000002']);
    const { logKey, ...same } = await authoritiesAt(parts, at);
    expect({ ...same, logKey: known.logKey }).toEqual(known);
    expect(logKey.id).not.toBe(known.logKey.id);
    expect((await rotateKeys(parts, at)).done).toEqual([]);
  });

  test.each(['before', 'after'] as const)(
    'a run that stopped %s any of its writes: all keys are there, and the next one ends it',
    async (when) => {
      for (let stop = 1, stopped = true; stopped; stop += 1) {
        const scene = await createScene();
        const { parts, table } = scene;
        const known = await authoritiesAt(parts, NOON);
        let writes = 0;
        const stopping: Table = {
          ...table,
          async apply(operations) {
            writes += 1;
            if (writes === stop && when === 'before') throw new Error('stopped');
            const applied = await table.apply(operations);
            if (writes === stop && when === 'after') throw new Error('stopped');
            return applied;
          },
        };
        const run = replaceAuthority(
          { ...parts, store: createKeyStore(stopping) },
          'data',
          early,
          NOON,
        );
        stopped = await run.then(
          () => false,
          () => true,
        );
        if (!stopped) expect(writes).toBeGreaterThan(10);
        const between = await opened(scene);
        expect(between.ignored).toEqual([]);
        const { logKey: _, ...rest } = await authoritiesAt(parts, NOON);
        expect(rest).toMatchObject({ version: known.version, sshUserCas: known.sshUserCas });

        const { lost, ignored } = await rotateKeys(parts, later(20 * DAY));
        expect([lost, ignored]).toEqual([[], []]);
        const after = await opened(scene, later(20 * DAY));
        expect([after.stale, after.staleMarks, after.earlierRow]).toEqual([[], [], undefined]);
        expect(keptOf(after)).toEqual(keptOf(between));
      }
    },
  );

  test('a run that read the keys before can put none under the old data key afterwards', async () => {
    const { parts, table } = await createScene();
    const at = later(8 * DAY);
    const slow = {
      ...parts,
      custody: {
        ...parts.custody,
        // While the vault signs for this run, an operator's command begins and ends.
        async signWithRoot(handle: Uint8Array, message: Uint8Array) {
          const numbers = [Number((await table.list({ partition: 'data' }))[0]?.key)];
          if (numbers[0] === 1)
            await replaceAuthority(parts, 'data', { leaked: false, numbers }, at);
          return parts.custody.signWithRoot(handle, message);
        },
      },
    };
    const { ignored, lost } = await rotateKeys(slow, at);
    expect([ignored, lost]).toEqual([[], []]);
    expect(namesOf(await table.list({ partition: 'tls' }))).toEqual([
      'tls/000000001',
      'tls/000000002',
      'tls/000000003',
      'tls/highest',
    ]);
    expect((await opened({ parts, table }, at)).stale).toEqual([]);
  });

  test('is one at a time: the one before it has to be gone', async () => {
    const { parts, table } = await createScene();
    await replaceAuthority(parts, 'data', early, NOON);
    await expect(replaceAuthority(parts, 'data', early, NOON)).rejects.toMatchObject({
      code: 'precondition_failed',
    });
    await replaceAuthority(parts, 'data', { leaked: false, numbers: [2] }, later(60));
    expect(namesOf(await table.list({ partition: 'data' }))).toEqual(['data/000000003']);
  });
});

describe('a data key that had a successor', () => {
  /** The rows of before, with an SSH authority of somebody who has the old data key. */
  async function succeeded(): Promise<Scene & { old: StoredRow; forged: Row }> {
    const scene = await createScene();
    const { parts, table } = scene;
    const { dataKey, keys } = await opened(scene);
    const old = await table.read('data', '000000001');
    const ours = keys.find(({ owner }) => owner === 'ssh-user');
    if (!old || !ours) throw new Error('keys are missing');
    const { secret, sealed: _, ...description } = ours;
    const forged = rowOf(sealKey(dataKey, { ...description, sequence: 77 }, secret));
    await replaceAuthority(parts, 'data', early, NOON);
    return { ...scene, old, forged };
  }

  test('counts for nothing when the handover is over, whoever brings it and its rows back', async () => {
    const scene = await succeeded();
    const { parts, table, old, forged } = scene;
    await putRow(table, old);
    await putRow(table, forged);
    const at = later(HANDOVER);
    const { ignored, lost } = await rotateKeys(parts, at);
    expect(ignored.toSorted()).toEqual(['data/1', 'ssh-user/77']);
    expect(lost).toEqual([]);
    expect((await opened(scene, at)).keys.map(({ sequence }) => sequence)).not.toContain(77);
  });

  test('is removed again by the next run where its row comes back during the handover', async () => {
    const { parts, table, old } = await succeeded();
    await putRow(table, old);
    await rotateKeys(parts, later(HANDOVER - 1));
    expect(namesOf(await table.list({ partition: 'data' }))).toEqual(['data/000000002']);
  });

  test('opens what it encrypted for a day only, where it leaked', async () => {
    const scene = await createScene();
    const { parts, table } = scene;
    const old = await table.read('data', '000000001');
    const probe = await table.read('probe', '000000001');
    if (!old || !probe) throw new Error('keys are missing');
    await replaceAuthority(parts, 'data', leak, NOON);
    await putRow(table, old);
    await putRow(table, probe);
    expect((await opened(scene, later(DAY - 1))).ignored).toEqual([]);
    expect((await opened(scene, later(DAY))).ignored.toSorted()).toEqual(['data/1', 'probe/1']);
  });

  test('is the very one that its successor names, and none of another authority under its number', async () => {
    const { parts } = await createScene();
    const [other] = (await parts.store.list()).keys.filter(({ owner }) => owner === 'data');
    // The same custody and cluster, after the first authority was given up.
    const table = createMemoryTable();
    const anew = { ...parts, store: createParts(table).store };
    await foundKeys(anew, NOON);
    await replaceAuthority(anew, 'data', early, NOON);
    if (other) await putRow(table, rowOf(other));
    const { earlierRow, ignored } = await opened({ table, parts: anew });
    expect([earlierRow, ignored]).toEqual([undefined, ['data/1']]);
  });

  test('takes no place while custody can not say whether the newer one is genuine', async () => {
    const { parts, table, old } = await succeeded();
    await putRow(table, old);
    const newest = (await parts.store.list()).keys.find(
      ({ owner, sequence }) => owner === 'data' && sequence === 2,
    );
    const custody = {
      ...parts.custody,
      unwrapDataKey: async (wrapped: Uint8Array, about: string) => {
        if (Buffer.compare(wrapped, newest?.sealed ?? Buffer.of()) === 0) throw new Error('down');
        return parts.custody.unwrapDataKey(wrapped, about);
      },
    };
    await expect(rotateKeys({ ...parts, custody }, NOON)).rejects.toThrow('down');
    expect(await table.list({ partition: 'data' })).toHaveLength(2);
  });

  test('is not read without the word of its successor, however new both are', async () => {
    const scene = await createScene();
    const { parts, table } = scene;
    const { dataRow } = await opened(scene);
    // As `auth init` makes one in the place of a data key that was given up.
    const { sealed: _, ...row } = { ...dataRow, sequence: 2 };
    const about = describeDataKey(row, parts.cluster);
    await putRow(
      table,
      rowOf({ ...row, sealed: await parts.custody.wrapDataKey(Buffer.alloc(32, 1), about) }),
    );
    const { keys, earlierRow } = await opened(scene);
    expect([keys, earlierRow]).toEqual([[], undefined]);
  });
});

describe('a data key that leaked', () => {
  test('takes everything with it that was encrypted under it, but no root of the vault', async () => {
    const scene = await createScene();
    const { parts } = scene;
    const before = await opened(scene);
    const { done } = await replaceAuthority(parts, 'data', leak, NOON);
    const ended = done.flatMap((action) =>
      action.kind === 'create' && action.ends ? [`${action.owner} ${action.purpose}`] : [],
    );
    expect(ended).toEqual(['tls issuing', 'ssh-user sign', 'ssh-host sign', 'probe authenticate']);
    const after = await opened(scene);
    const secrets = new Set(before.keys.map(({ secret }) => Buffer.from(secret).toString('hex')));
    const kept = after.keys.filter(({ secret }) =>
      secrets.has(Buffer.from(secret).toString('hex')),
    );
    expect(kept.map(({ purpose }) => purpose)).toEqual(['root']);
    expect((await authoritiesAt(parts, NOON)).revoked).toHaveLength(1);
    expect((await rotateKeys(parts, NOON)).done).toEqual([]);
  });
});

describe('a backup', () => {
  test('of a handover that has stopped is good after its end, too', async () => {
    const scene = await createScene();
    const { parts, table } = scene;
    let writes = 0;
    const stopping = createKeyStore({
      ...table,
      async apply(operations) {
        writes += 1;
        if (writes === 4) throw new Error('stopped');
        return table.apply(operations);
      },
    });
    await expect(
      replaceAuthority({ ...parts, store: stopping }, 'data', early, NOON),
    ).rejects.toThrow('stopped');
    expect((await opened(scene)).stale).not.toEqual([]);
    const { rows } = await backUpKeys(parts, NOON);

    const empty = createMemoryTable();
    const anew = { ...parts, store: createParts(empty).store };
    const at = later(HANDOVER + DAY);
    const wish = { rows, replace: false, giveUp: undefined };
    await restoreKeys(anew, empty, await planRestore(anew, wish, [], at), at);
    expect((await authoritiesAt(anew, at)).roots).toEqual((await authoritiesAt(parts, NOON)).roots);
  });

  test('of before is encrypted anew where a table of after it lacks a row', async () => {
    const scene = await createScene();
    const { parts, table } = scene;
    const { rows } = await backUpKeys(parts, NOON);
    const known = await authoritiesAt(parts, NOON);
    await replaceAuthority(parts, 'data', early, NOON);
    await takeRow(table, 'ssh-host', '000000001');
    const at = later(HANDOVER + DAY);
    const wish = { rows, replace: false, giveUp: undefined };
    const plan = await planRestore(parts, wish, await table.list({}), at);
    expect([namesOf(plan.write), plan.remove]).toEqual([['ssh-host/000000001'], []]);
    await restoreKeys(parts, table, plan, at);
    const after = await opened(scene, at);
    expect(after.ignored).toEqual([]);
    expect((await authoritiesAt(parts, NOON)).sshHost.publicKey).toEqual(known.sshHost.publicKey);
  });

  test('of after takes the place of a table of before: the newer data key does not give way', async () => {
    const scene = await createScene();
    const { parts, table } = scene;
    const older = await table.list({});
    await replaceAuthority(parts, 'data', leak, NOON);
    const { rows } = await backUpKeys(parts, NOON);
    const copy = createMemoryTable();
    for (const row of older) await putRow(copy, row);
    const anew = { ...parts, store: createParts(copy).store };
    const wish = { rows, replace: false, giveUp: undefined };
    const at = later(2 * DAY);
    await expect(planRestore(anew, wish, await copy.list({}), at)).rejects.toMatchObject({
      code: 'already_exists',
      message: expect.stringContaining('--replace'),
    });
    const plan = await planRestore(anew, { ...wish, replace: true }, await copy.list({}), at);
    await restoreKeys(anew, copy, plan, at);
    expect(namesOf(await copy.list({ partition: 'data' }))).toEqual(['data/000000002']);
    const { revoked } = await authoritiesAt(anew, at);
    expect(revoked).toHaveLength(1);
  });
});

describe('keys of the join log', () => {
  test('travel with the data key that comes after theirs, the newest 16', async () => {
    const scene = await createScene();
    const { parts } = scene;
    const ids = [];
    for (let number = 1; number <= 18; number += 1) {
      ids.unshift((await authoritiesAt(parts, later(number))).logKey.id);
      await replaceAuthority(parts, 'data', { leaked: false, numbers: [number] }, later(number));
    }
    const { logKey } = await authoritiesAt(parts, later(20));
    expect(logKey.former.map(({ id }) => id)).toEqual(ids.slice(0, 16));
    expect(logKey.former[0]?.until).toEqual(later(18 + DAY + 300));
  });

  test('end an hour after a leak: by then every function instance has the new one', async () => {
    const { parts } = await createScene();
    await replaceAuthority(parts, 'data', leak, NOON);
    const { logKey } = await authoritiesAt(parts, NOON);
    expect(logKey.former.map(({ until }) => until)).toEqual([later(3600 + 300)]);
  });

  test('open under their own data key only', () => {
    const until = later(0);
    const sealed = sealLogKeys(new Uint8Array(32), [
      { ...deriveLogKey(Buffer.alloc(32, 1)), until },
    ]);
    expect(openLogKeys(new Uint8Array(32), sealed)).toMatchObject([{ until }]);
    expect(() => openLogKeys(Buffer.alloc(32, 2), sealed)).toThrow();
  });
});
