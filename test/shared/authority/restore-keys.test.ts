import { describe, expect, test } from 'vitest';
import type { Authorities } from '../../../shared/authority/authorities.ts';
import { backUpKeys } from '../../../shared/authority/backup-keys.ts';
import { initAuthorities } from '../../../shared/authority/init-authorities.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import {
  planRestore,
  type RestorePlan,
  type RestoreWish,
  restoreKeys,
} from '../../../shared/authority/restore-keys.ts';
import { rotateKeys } from '../../../shared/authority/rotate.ts';
import { caPin } from '../../../shared/authority/trust-bundle.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Row, Table } from '../../../shared/storage/table.ts';
import { createMemoryCustody } from '../../broker/memory-custody.ts';
import {
  authoritiesAt,
  createParts,
  createScene,
  later,
  NOON,
  type Scene,
  takeRow,
} from './rotation-parts.ts';

const DAY = 24 * 3600;

/** The same broker after its table was lost. */
const emptied = ({ parts }: Scene): Scene => {
  const table = createMemoryTable();
  return { table, parts: { ...parts, store: createParts(table).store } };
};

const backUp = async ({ parts }: Scene, at: Date): Promise<readonly Row[]> =>
  (await backUpKeys(parts, at)).rows;

const wish = (rows: readonly Row[], more: Partial<RestoreWish> = {}): RestoreWish => ({
  rows,
  replace: false,
  giveUp: undefined,
  ...more,
});

const plan = async ({ table, parts }: Scene, asked: RestoreWish, at = NOON): Promise<RestorePlan> =>
  planRestore(parts, asked, await table.list({}), at);

async function restore(scene: Scene, asked: RestoreWish, at: Date): Promise<void> {
  await restoreKeys(scene.parts, scene.table, await plan(scene, asked, at), at);
}

const names = async ({ table }: Scene): Promise<string[]> =>
  (await table.list({})).map(({ partition, key }) => `${partition}/${key}`);

const highest = async ({ table }: Scene, owner: string): Promise<unknown> =>
  (await table.read(owner, 'highest'))?.values['highest'];

describe('a table that was lost', () => {
  test('comes back: the same root and SSH signers, in a bundle that is newer than any before, by a later signer', async () => {
    const scene = await createScene();
    const rows = await backUp(scene, later(DAY));
    // What happened since the backup: a successor of an SSH authority, that everybody has heard of.
    await replaceAuthority(
      scene.parts,
      'ssh-user',
      { leaked: false, numbers: [1] },
      later(DAY + 60),
    );
    const before = await authoritiesAt(scene.parts, later(DAY + 3600));

    const anew = emptied(scene);
    await restore(anew, wish(rows), later(DAY + 3600));
    const after = await authoritiesAt(anew.parts, later(DAY + 3600));
    expect(after.roots).toEqual(before.roots);
    expect(after.sshUser.publicKey).toEqual(before.sshUser.publicKey);
    expect(after.sshHost.publicKey).toEqual(before.sshHost.publicKey);
    const validFrom = ({ issuing }: Authorities): number =>
      parseCertificate(issuing.certificate).notBefore.getTime();
    expect(validFrom(after)).toBeGreaterThan(validFrom(before));
    expect(after.version).toBeGreaterThan(before.version);
    expect((await rotateKeys(anew.parts, later(DAY + 3600))).ignored).toEqual([]);
  });

  test('gives no number again that may have been given since the backup', async () => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    for (let day = 1; day < 100; day += 1) await rotateKeys(scene.parts, later(day * DAY));
    const given = Number(await highest(scene, 'probe'));
    const anew = emptied(scene);
    await restore(anew, wish(rows), later(100 * DAY));
    const made = (await anew.parts.store.list()).keys.filter(({ owner }) => owner === 'probe');
    expect(given).toBeGreaterThan(90);
    expect(Math.max(...made.map(({ sequence }) => sequence))).toBeGreaterThan(given);
  });

  test('nothing of it is there twice when it is restored again', async () => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    const anew = emptied(scene);
    await restore(anew, wish(rows), later(60));
    const before = await names(anew);
    const again = await plan(anew, wish(rows));
    expect(again).toMatchObject({ write: [], remove: [] });
    await restoreKeys(anew.parts, anew.table, again, later(120));
    expect(await names(anew)).toEqual(before);
  });

  test.each([0, 1, 2, 3, 5, 8, 9])('a restore that stops at write %i goes on', async (stop) => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    const { table, parts } = emptied(scene);
    let writes = 0;
    const stopping: Table = {
      ...table,
      apply: (operations) => {
        writes += 1;
        if (writes > stop) return Promise.reject(new Error('stopped'));
        return table.apply(operations);
      },
    };
    const first = await planRestore(parts, wish(rows), [], later(60));
    await expect(restoreKeys(parts, stopping, first, later(60))).rejects.toThrow('stopped');
    // The timer in between makes nothing that is in the way.
    await rotateKeys(parts, later(70));
    await restore({ table, parts }, wish(rows), later(80));
    expect((await authoritiesAt(parts, later(80))).roots).toEqual(
      (await authoritiesAt(scene.parts, NOON)).roots,
    );
  });
});

describe('a table that was lost in part', () => {
  test.each([
    ['data', '000000001'],
    ['tls', '000000001'],
    ['ssh-user', '000000001'],
    ['ssh-host', '000000001'],
  ])('gets %s/%s back, and what was made since stays', async (partition, key) => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    await rotateKeys(scene.parts, later(8 * DAY));
    const before = await authoritiesAt(scene.parts, later(8 * DAY));
    await takeRow(scene.table, partition, key);
    await expect(authoritiesAt(scene.parts, later(8 * DAY))).rejects.toThrow();
    await restore(scene, wish(rows), later(8 * DAY + 60));
    const after = await authoritiesAt(scene.parts, later(8 * DAY + 60));
    expect(after.issuing.certificate).toEqual(before.issuing.certificate);
    expect(after.sshUser.publicKey).toEqual(before.sshUser.publicKey);
    expect(after.version).toBeGreaterThanOrEqual(before.version);
  });

  test('a row that was changed is in the way, until it is said that it goes', async () => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    const row = await scene.table.read('ssh-user', '000000001');
    if (!row) throw new Error('no row');
    const values = { ...row.values, expires: Number(row.values['expires']) + 1 };
    await scene.table.apply([{ kind: 'put', row: { ...row, values } }]);
    await scene.table.apply([
      { kind: 'insert', row: { partition: 'strange', key: 'x\u001b', values: { a: 1 } } },
    ]);
    await expect(plan(scene, wish(rows))).rejects.toMatchObject({
      code: 'already_exists',
      message: expect.stringMatching(/not genuine: .*ssh-user\/000000001.*strange\/x\?/),
    });
    await restore(scene, wish(rows, { replace: true }), later(60));
    expect((await rotateKeys(scene.parts, later(61))).ignored).toEqual([]);
    await authoritiesAt(scene.parts, later(61));
  });

  test('a key that leaked since the backup stays dead', async () => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    const leaked = (await authoritiesAt(scene.parts, NOON)).sshUser.publicKey;
    await replaceAuthority(scene.parts, 'ssh-user', { leaked: true, numbers: [1] }, later(60));
    await takeRow(scene.table, 'ssh-host', '000000001');
    const asked = await plan(scene, wish(rows));
    expect(asked.write.map(({ partition }) => partition)).toEqual(['ssh-host']);
    await restore(scene, wish(rows), later(120));
    expect((await authoritiesAt(scene.parts, later(120))).sshUserCas).not.toContainEqual(leaked);
  });
});

test('a key of before a leak does not come back, although nobody saw it when that was answered', async () => {
  const scene = await createScene();
  await rotateKeys(scene.parts, later(24 * DAY));
  const rows = await backUp(scene, later(24 * DAY));
  await takeRow(scene.table, 'ssh-user', '000000002');
  await rotateKeys(scene.parts, later(24 * DAY));
  const wanted = { leaked: true, numbers: [1, 3] };
  await replaceAuthority(scene.parts, 'ssh-user', wanted, later(24 * DAY));
  const { write, remove } = await plan(scene, wish(rows), later(24 * DAY));
  expect([write, remove]).toEqual([[], []]);
});

describe('a plan', async () => {
  const scene = await createScene();
  const rows = await backUp(scene, NOON);
  const present = await scene.table.list({});
  const keys = ['probe', 'ssh-host', 'ssh-user', 'tls'].flatMap((owner) =>
    (owner === 'tls' ? [1, 2] : [1]).map((number) => `${owner}/00000000${number}`),
  );
  const marks = ['tls', 'ssh-user', 'ssh-host', 'probe'].map((owner) => `${owner}/highest`);
  const named = (all: readonly Row[]) => all.map(({ partition, key }) => `${partition}/${key}`);
  const planFor = (there: typeof present, asked = wish(rows), at = NOON) =>
    planRestore(scene.parts, asked, there, at);
  const without = (...gone: string[]) =>
    present.filter(({ partition, key }) => !gone.includes(`${partition}/${key}`));
  const rowOf = (name: string) => rows.find((row) => named([row])[0] === name);

  test('for an empty table has marks, keys, and the data key last', async () => {
    const { pins, write, remove, keep } = await planFor([]);
    const [root] = (await authoritiesAt(scene.parts, NOON)).roots;
    expect(pins).toEqual([caPin(root?.publicKeyInfo ?? Buffer.of())]);
    expect(named(write)).toEqual([
      ...marks,
      ...named(rows).filter((name) => keys.includes(name)),
      'data/000000001',
    ]);
    expect([remove, keep]).toEqual([[], []]);
    expect(write.slice(4)).toEqual(write.slice(4).map((row) => rowOf(named([row])[0] ?? '')));
    // As many numbers are stepped over as were ever given between two backups.
    expect(write.slice(0, 4).map(({ values }) => values['highest'])).toEqual([202, 201, 201, 201]);
  });

  test('for a table that has everything has nothing', async () => {
    const { write, remove, keep } = await planFor(present);
    expect([write, remove, keep]).toEqual([[], [], present]);
  });

  test.each([
    'data/000000001',
    'ssh-user/000000001',
    'tls/000000001',
    'tls/highest',
    'probe/highest',
  ])('for a table without %s has that alone', async (name) => {
    const { write, remove, keep } = await planFor(without(name));
    expect(named(write)).toEqual([name]);
    expect([remove, keep]).toEqual([[], without(name)]);
    if (!name.endsWith('highest')) expect(write).toEqual([rowOf(name)]);
  });

  test.each([20, 100])('has nothing of before %i days where nothing is lost', async (days) => {
    const aged = await createScene();
    const old = await backUp(aged, NOON);
    for (let day = 1; day <= days; day += 1) await rotateKeys(aged.parts, later(day * DAY));
    const { write, remove } = await plan(aged, wish(old), later(days * DAY));
    expect([write, remove]).toEqual([[], []]);
  });

  test('steps over numbers that the table knows and the backup does not', async () => {
    const later = await createScene();
    const old = await backUp(later, NOON);
    for (let number = 1; number < 4; number += 1)
      await replaceAuthority(later.parts, 'probe', { leaked: true, numbers: [number] }, NOON);
    const highestOf = async (...gone: readonly (readonly [string, string])[]) => {
      for (const [partition, key] of gone) await takeRow(later.table, partition, key);
      const { write } = await plan(later, wish(old));
      return write.find(({ partition }) => partition === 'probe')?.values['highest'];
    };
    expect(await highestOf(['probe', 'highest'])).toBe(204);
    expect(await highestOf(['probe', '000000004'])).toBe(201);
  });

  test('for a table with more in it is none, until that goes', async () => {
    const more = { partition: 'x', key: 'y', values: {}, etag: '1' };
    const there = [...without('probe/000000001'), more];
    await expect(planFor(there)).rejects.toMatchObject({
      code: 'already_exists',
      message: expect.stringContaining('not genuine: x/y. Restore with --replace'),
    });
    const { write, remove, keep } = await planFor(there, wish(rows, { replace: true }));
    expect([named(write), remove, keep]).toEqual([
      ['probe/000000001'],
      [more],
      without('probe/000000001'),
    ]);
  });

  test('for a table whose data key was changed has the genuine one in its place', async () => {
    const there = present.map((row) =>
      row.partition === 'data' ? { ...row, values: { ...row.values, created: 1 } } : row,
    );
    await expect(planFor(there)).rejects.toMatchObject({
      message: expect.stringContaining('not genuine: data/000000001.'),
    });
    const { write, remove, keep } = await planFor(there, wish(rows, { replace: true }));
    expect(write).toEqual([rowOf('data/000000001')]);
    expect(named(remove)).toEqual(['data/000000001']);
    expect(keep).toEqual(without('data/000000001'));
  });

  test('keeps the data key that is being given up, until rotation has done with it', async () => {
    const half = await createScene();
    const before = await backUp(half, NOON);
    let writes = 0;
    const apply: Table['apply'] = async (operations) => {
      writes += 1;
      if (writes === 3) throw new Error('stopped');
      return half.table.apply(operations);
    };
    const { store } = createParts({ ...half.table, apply });
    const wanted = { leaked: false, numbers: [1] };
    const stopped = replaceAuthority({ ...half.parts, store }, 'data', wanted, NOON);
    await expect(stopped).rejects.toThrow('stopped');
    const all = await names(half);
    expect(all).toEqual(expect.arrayContaining(['data/000000001', 'data/000000002']));
    const { write, remove, keep } = await plan(half, wish(before));
    expect([write, remove, named(keep)]).toEqual([[], [], all]);
  });

  test('names twenty rows that are in the way, and no more', async () => {
    const many = Array.from({ length: 30 }, (_, i) => ({
      partition: 'x',
      key: `${i}`,
      values: {},
      etag: '1',
    }));
    const refusal = await planFor([...present, ...many]).catch((error: Error) => error.message);
    expect(String(refusal).match(/x\/\d+/g)).toHaveLength(20);
    const changed = rows.map((row) =>
      row.partition === 'data' ? row : { ...row, values: { ...row.values, more: 1 } },
    );
    const strange = many.map(({ partition, key, values }) => ({ partition, key, values }));
    const other = await planFor([], wish([...changed, ...strange])).catch(
      (error: Error) => error.message,
    );
    expect(String(other)).toContain("don't authenticate");
    expect(String(other).split(', ').length).toBeLessThanOrEqual(21);
  });

  test('under a newer data key than the backup’s encrypts what it brings back anew', async () => {
    const newer = await createScene();
    const old = await backUp(newer, NOON);
    await replaceAuthority(newer.parts, 'data', { leaked: false, numbers: [1] }, NOON);
    await takeRow(newer.table, 'ssh-host', '000000001');
    const { write, remove } = await plan(newer, wish(old), later(DAY));
    expect([named(write), remove]).toEqual([['ssh-host/000000001'], []]);
    expect(write).not.toContainEqual(old.find(({ partition }) => partition === 'ssh-host'));
    await restore(newer, wish(old), later(DAY));
    expect((await rotateKeys(newer.parts, later(DAY))).ignored).toEqual([]);
  });

  test('for a table of an older data key has the newer one, beside which nothing old stays', async () => {
    const newer = await createScene();
    const older = await newer.table.list({});
    await replaceAuthority(newer.parts, 'data', { leaked: true, numbers: [1] }, NOON);
    const fresh = await backUp(newer, NOON);
    const at = later(2 * DAY);
    await expect(planRestore(newer.parts, wish(fresh), older, at)).rejects.toMatchObject({
      message: expect.stringContaining('--replace'),
    });
    const asked = wish(fresh, { replace: true });
    const { write, remove, keep } = await planRestore(newer.parts, asked, older, at);
    expect(named(write).at(-1)).toBe('data/000000002');
    expect([remove, keep]).toEqual([older, []]);
  });
});

describe('a restore makes newer', () => {
  const made = async (gone: readonly [string, string], at: Date) => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    await takeRow(scene.table, ...gone);
    const asked = await plan(scene, wish(rows), at);
    const { done } = await restoreKeys(scene.parts, scene.table, asked, at);
    return done.map((action) =>
      action.kind === 'create' ? `${action.owner} ${action.purpose}` : action.kind,
    );
  };
  const SUCCESSORS = ['ssh-user sign', 'ssh-host sign'];

  test.each<[string, readonly [string, string], readonly string[]]>([
    ['both SSH authorities', ['ssh-user', '000000001'], SUCCESSORS],
    [
      'and an issuing key, where one may be lacking',
      ['tls', '000000002'],
      [...SUCCESSORS, 'tls issuing'],
    ],
    ['both of them, where the keys are as old as a moment', ['ssh-host', '000000001'], SUCCESSORS],
    ['and none, where a root came back', ['tls', '000000001'], SUCCESSORS],
    [
      'and one, where numbers of theirs may have been given',
      ['tls', 'highest'],
      [...SUCCESSORS, 'tls issuing'],
    ],
  ])('%s', async (_, gone, expected) => {
    expect(await made(gone, gone[0] === 'ssh-host' ? NOON : later(60))).toEqual(expected);
  });

  test('no SSH authority whose successor waits already', async () => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    const wanted = { leaked: false, numbers: [1] };
    await replaceAuthority(scene.parts, 'ssh-user', wanted, later(60));
    await takeRow(scene.table, 'probe', 'highest');
    const asked = await plan(scene, wish(rows), later(120));
    const { done } = await restoreKeys(scene.parts, scene.table, asked, later(120));
    expect(done).toMatchObject([{ kind: 'create', owner: 'ssh-host' }]);
  });

  test('an issuing key, although one that signs later waits already', async () => {
    const scene = await createScene();
    const at = 8 * DAY;
    await rotateKeys(scene.parts, later(at));
    const rows = await backUp(scene, later(at));
    const waits = (await scene.parts.store.list()).keys.filter(
      ({ purpose, starts }) => purpose === 'issuing' && starts * 1000 > later(at).getTime(),
    );
    expect(waits).toHaveLength(1);
    const anew = emptied(scene);
    await restore(anew, wish(rows), later(at + 60));
    const { issuing } = await authoritiesAt(anew.parts, later(at + 60));
    const made = parseCertificate(issuing.certificate).notBefore.getTime();
    expect(made).toBeGreaterThan((waits[0]?.created ?? Number.NaN) * 1000 - 60_000);
  });

  test('nothing, where nothing was missing', async () => {
    const scene = await createScene();
    const asked = await plan(scene, wish(await backUp(scene, NOON)));
    const report = await restoreKeys(scene.parts, scene.table, asked, NOON);
    expect(report).toEqual({ done: [], ignored: [], lost: [] });
  });

  test('and stops where another change is under way', async () => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    await takeRow(scene.table, 'probe', 'highest');
    const asked = await plan(scene, wish(rows));
    const busy: Table = { ...scene.table, apply: async () => false };
    await expect(restoreKeys(scene.parts, busy, asked, NOON)).rejects.toMatchObject({
      code: 'try_again',
    });
  });
});

describe('a backup is refused', () => {
  test('of another authority, where there is one', async () => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    // Another authority of the same custody: the first one was given up.
    const anew = emptied(scene);
    const pin = (await plan(anew, wish(rows))).pins;
    await initAuthorities(anew.parts, { resume: false, giveUp: pin }, later(60));
    const before = await names(anew);
    await expect(plan(anew, wish(rows, { replace: true }))).rejects.toMatchObject({
      code: 'already_exists',
      message: expect.stringContaining('custody made a root after this backup'),
    });
    const [newer = ''] = await backUpKeys(anew.parts, later(60)).then(({ ca_pins }) => ca_pins);
    await expect(plan(anew, wish(rows, { replace: true, giveUp: newer }))).rejects.toMatchObject({
      message: expect.stringContaining('has another authority'),
    });
    expect(await names(anew)).toEqual(before);
    // Where that one was lost, too, and is given up by its name, the first comes back.
    const lost = emptied(anew);
    await restore(lost, wish(rows, { giveUp: newer }), later(120));
    expect((await authoritiesAt(lost.parts, later(120))).roots).toEqual(
      (await authoritiesAt(scene.parts, NOON)).roots,
    );
  });

  test('with a pin that need not be given up', async () => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    await expect(
      plan(emptied(scene), wish(rows, { giveUp: `sha256:${'0'.repeat(64)}` })),
    ).rejects.toMatchObject({ message: expect.stringContaining('leave it out') });
  });

  test('under another custody, or for another cluster', async () => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    const { table, parts } = emptied(scene);
    const other = { table, parts: { ...parts, custody: createMemoryCustody() } };
    await expect(plan(other, wish(rows))).rejects.toMatchObject({
      message: expect.stringContaining('does not open'),
    });
    const renamed = { table, parts: { ...parts, cluster: 'other.example.org' } };
    await expect(plan(renamed, wish(rows))).rejects.toMatchObject({
      message: expect.stringMatching(/^custody's root was made for the cluster/),
    });
  });

  test('with a pin to give up, where custody remembers no root', async () => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    const { table, parts } = emptied(scene);
    const custody = { ...parts.custody, rememberedRoot: async () => undefined };
    const forgetful = { table, parts: { ...parts, custody } };
    expect((await plan(forgetful, wish(rows))).write).toHaveLength(rows.length);
    await expect(plan(forgetful, wish(rows, { giveUp: 'sha256:x' }))).rejects.toMatchObject({
      message: expect.stringContaining('leave it out'),
    });
  });

  test('that was changed in any of its rows, or is not whole', async () => {
    const scene = await createScene();
    const rows = await backUp(scene, NOON);
    const anew = emptied(scene);
    for (const [i, row] of rows.entries()) {
      const others = rows.filter((one) => one !== row);
      const number = Object.keys(row.values).find((name) => typeof row.values[name] === 'number');
      const values = { ...row.values, [number ?? '']: Number(row.values[number ?? '']) + 1 };
      const changed = [...others.slice(0, i), { ...row, values }, ...others.slice(i)];
      await expect(plan(anew, wish(changed))).rejects.toMatchObject({
        code: 'already_exists',
        message: expect.stringMatching(/don't authenticate|does not open/),
      });
      await expect(plan(anew, wish([...rows, row]))).rejects.toMatchObject({
        code: 'bad_request',
        field: 'rows',
        message: 'a row stands there twice',
      });
    }
    const more = { partition: 'tls', key: 'x', values: {} };
    await expect(plan(anew, wish([...rows, more]))).rejects.toMatchObject({
      message: expect.stringContaining('tls/x'),
    });
    expect(await names(anew)).toEqual([]);
  });
});

test('the row of a key that replaced a leaked one comes back, and with it the leaked one on the list', async () => {
  const scene = await createScene();
  await replaceAuthority(scene.parts, 'issuing', { leaked: true, numbers: [2] }, later(60));
  const { revoked } = await authoritiesAt(scene.parts, later(60));
  const rows = await backUp(scene, later(120));
  await scene.parts.store.remove('tls', 3);
  await rotateKeys(scene.parts, later(180));
  expect((await authoritiesAt(scene.parts, later(180))).revoked).toEqual([]);
  await restore(scene, wish(rows), later(240));
  expect(revoked).toHaveLength(1);
  expect((await authoritiesAt(scene.parts, later(240))).revoked).toEqual(revoked);
});

test('a number whose row was lost before the backup is not given again', async () => {
  const early = { leaked: false, numbers: [2] };
  const [scene, other] = [await createScene(), await createScene()];
  for (const { parts } of [scene, other])
    await replaceAuthority(parts, 'issuing', early, later(60));
  await scene.parts.store.remove('tls', 3);
  const marks: unknown[] = [];
  for (const one of [scene, other]) {
    const rows = await backUp(one, later(120));
    const anew = emptied(one);
    await restore(anew, wish(rows), later(180));
    marks.push(await highest(anew, 'tls'));
  }
  expect(marks[0]).toBe(marks[1]);
});
