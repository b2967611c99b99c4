import { describe, expect, test } from 'vitest';
import type { KeyStore } from '../../../shared/authority/key-store.ts';
import { stateOf } from '../../../shared/authority/published-keys.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import { type RotationParts, rotateKeys } from '../../../shared/authority/rotate.ts';
import { retirement } from '../../../shared/authority/rotation-policy.ts';
import type { SealedKey } from '../../../shared/authority/signing-key.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import type { Value } from '../../../shared/storage/table.ts';
import { authoritiesAt, createScene, later, NOON, takeRow } from './rotation-parts.ts';

const DAY = 24 * 3600;

const leaked = (...numbers: number[]) => ({ leaked: true, numbers });
const early = (...numbers: number[]) => ({ leaked: false, numbers });

const rows = async ({ store }: RotationParts): Promise<readonly SealedKey[]> =>
  (await store.list()).keys;
const numbersOf = async (parts: RotationParts, owner: string): Promise<number[]> =>
  (await rows(parts)).filter((key) => key.owner === owner).map(({ sequence }) => sequence);

describe('a successor before it is due', () => {
  test('of an SSH authority is published first, and signs when everybody has heard of it', async () => {
    const { parts } = await createScene();
    const before = await authoritiesAt(parts, NOON);
    await rotateKeys(parts, later(DAY));
    const { done } = await replaceAuthority(parts, 'ssh-user', early(1), later(DAY));
    expect(done).toMatchObject([{ kind: 'create', owner: 'ssh-user', sequence: 2 }]);
    const after = await authoritiesAt(parts, later(DAY));
    expect(after.sshUser.publicKey).toEqual(before.sshUser.publicKey);
    expect(after.sshUserCas).toHaveLength(2);
    expect(after.version).toBeGreaterThan(before.version);
    const keys = (await rows(parts)).filter(({ owner }) => owner === 'ssh-user');
    const states = (at: Date) =>
      keys.map((key) => stateOf(key, keys, parts.policy, at.getTime() / 1000));
    expect(states(later(8 * DAY - 1))).toEqual(['signing', 'upcoming']);
    expect(states(later(8 * DAY))).toEqual(['retiring', 'signing']);
  });

  test('waits while a key leaves the bundle: its time would count as no change for everybody', async () => {
    const { parts } = await createScene();
    await replaceAuthority(parts, 'ssh-user', early(1), later(DAY));
    const leaves = 8 * DAY + retirement(parts.policy);
    const { skew } = parts.policy;
    for (const at of [leaves - 2 * skew, leaves - 1])
      await expect(
        replaceAuthority(parts, 'ssh-user', early(1, 2), later(at)),
      ).rejects.toMatchObject({ code: 'try_again', retryAfter: 900 });
    const at = later(leaves);
    await rotateKeys(parts, at);
    const { version } = await authoritiesAt(parts, at);
    await replaceAuthority(parts, 'ssh-user', early(2), at);
    expect((await authoritiesAt(parts, at)).version).toBeGreaterThan(version);
  });

  test.each([
    ['issuing', 2],
    ['probe', 1],
  ] as const)(
    'of %s signs at once, and what the old one signed stays good',
    async (name, number) => {
      const { parts } = await createScene();
      await replaceAuthority(parts, name, early(number), later(60));
      const { revoked, probeKeys } = await authoritiesAt(parts, later(60));
      expect(revoked).toEqual([]);
      if (name === 'probe') expect(probeKeys.map(({ sequence }) => sequence)).toEqual([2, 1]);
      expect(await numbersOf(parts, name === 'probe' ? 'probe' : 'tls')).toHaveLength(
        name === 'probe' ? 2 : 3,
      );
    },
  );

  test('is refused while one waits already', async () => {
    const { parts } = await createScene();
    await replaceAuthority(parts, 'ssh-host', early(1), later(60));
    await expect(
      replaceAuthority(parts, 'ssh-host', early(1, 2), later(120)),
    ).rejects.toMatchObject({
      code: 'already_exists',
      message: expect.stringContaining('number 2'),
    });
  });

  test('is refused where there are so many that relying parties would lose sight', async () => {
    const { parts } = await createScene();
    const numbers = [2];
    for (let next = 3; next <= 7; next += 1) {
      await replaceAuthority(parts, 'issuing', early(...numbers), later(next));
      numbers.push(next);
    }
    await expect(
      replaceAuthority(parts, 'issuing', early(...numbers), later(8)),
    ).rejects.toMatchObject({ code: 'in_use' });
    // A leak is answered all the same.
    await replaceAuthority(parts, 'issuing', leaked(...numbers), later(9));
    expect(await numbersOf(parts, 'tls')).toEqual([1, 8]);
  });
});

describe('after a leak', () => {
  test.each(['ssh-user', 'ssh-host'] as const)(
    '%s: the new key signs at once, alone in the bundle, whose version grows',
    async (name) => {
      const { parts } = await createScene();
      await rotateKeys(parts, later(23 * DAY));
      const before = await authoritiesAt(parts, later(24 * DAY));
      await replaceAuthority(parts, name, leaked(1, 2), later(24 * DAY));
      expect(await numbersOf(parts, name)).toEqual([3]);
      const after = await authoritiesAt(parts, later(24 * DAY));
      const [signer, listed] =
        name === 'ssh-user'
          ? ([after.sshUser, after.sshUserCas] as const)
          : ([after.sshHost, after.sshHostCas] as const);
      expect(listed).toEqual([signer.publicKey]);
      expect(before.sshUserCas).not.toContainEqual(signer.publicKey);
      expect(after.version).toBeGreaterThan(before.version);
      // And nothing later makes it fall: the next change counts on.
      let version = after.version;
      for (let day = 25; day < 70; day += 1) {
        await rotateKeys(parts, later(day * DAY));
        const next = (await authoritiesAt(parts, later(day * DAY))).version;
        expect(next).toBeGreaterThanOrEqual(version);
        version = next;
      }
    },
  );

  test('issuing: another key signs under the same root, and the old serials are on its list', async () => {
    const { parts } = await createScene();
    await rotateKeys(parts, later(8 * DAY));
    const old = (await rows(parts)).filter(({ purpose }) => purpose === 'issuing');
    const before = await authoritiesAt(parts, later(8 * DAY));
    await replaceAuthority(parts, 'issuing', leaked(2, 3), later(9 * DAY));
    const after = await authoritiesAt(parts, later(9 * DAY));
    expect(after.issuing.certificate).not.toEqual(before.issuing.certificate);
    expect(after.issuing.root).toEqual(before.issuing.root);
    expect(after.version).toBe(before.version);
    expect(after.revoked).toEqual(
      old.map(({ certificate }) => ({
        root: before.issuing.root,
        serialNumber: Buffer.from(parseCertificate(certificate).serialNumber),
        at: later(9 * DAY),
      })),
    );
    // They are listed until both would be over anyway.
    await rotateKeys(parts, later(22 * DAY));
    expect((await authoritiesAt(parts, later(22 * DAY))).revoked).toHaveLength(2);
    await rotateKeys(parts, later(24 * DAY));
    expect((await authoritiesAt(parts, later(24 * DAY))).revoked).toEqual([]);
  });

  test.each(['ssh-user', 'ssh-host'] as const)(
    '%s: its keys are told of as revoked for good, whatever becomes of the one that replaced them',
    async (name) => {
      const { parts } = await createScene();
      await rotateKeys(parts, later(23 * DAY));
      const before = await authoritiesAt(parts, later(24 * DAY));
      const old = name === 'ssh-user' ? before.sshUserCas : before.sshHostCas;
      expect([old.length, before.revokedSsh]).toEqual([2, []]);
      await replaceAuthority(parts, name, leaked(1, 2), later(24 * DAY));
      const leaks = old.map((key) => ({ key, at: later(24 * DAY) }));
      expect((await authoritiesAt(parts, later(24 * DAY))).revokedSsh).toEqual(leaks);
      const owners = new Set<string>();
      for (let day = 25; day < 120; day += 1) {
        await rotateKeys(parts, later(day * DAY));
        const { revokedSsh, sshUser, sshHost } = await authoritiesAt(parts, later(day * DAY));
        expect(revokedSsh).toEqual(leaks);
        owners.add((name === 'ssh-user' ? sshUser : sshHost).publicKey.fields.toString());
      }
      expect(owners.size).toBeGreaterThan(2);
    },
  );

  test('the sixteen SSH authorities that leaked last are remembered', async () => {
    const { parts } = await createScene();
    for (let i = 1; i <= 18; i += 1)
      await replaceAuthority(parts, 'ssh-user', leaked(i), later(i * 3600));
    const { revokedSsh } = await authoritiesAt(parts, later(19 * 3600));
    expect(revokedSsh.map(({ at }) => at)).toEqual(
      Array.from({ length: 16 }, (_, i) => later((i + 3) * 3600)),
    );
  });

  test('an authority after one that leaked is published before it signs, and the bundle says when the other leaves', async () => {
    const { parts } = await createScene();
    // On other days than those of the hosts' authority: its changes count, too.
    await replaceAuthority(parts, 'ssh-user', leaked(1), later(5 * DAY));
    let before = await authoritiesAt(parts, later(5 * DAY));
    const changes: number[] = [];
    for (let day = 6; day < 45; day += 1) {
      await rotateKeys(parts, later(day * DAY));
      const now = await authoritiesAt(parts, later(day * DAY));
      if (now.sshUserCas.length !== before.sshUserCas.length) {
        changes.push(now.sshUserCas.length);
        expect(now.version).toBeGreaterThan(before.version);
      }
      before = now;
    }
    expect(changes).toEqual([2, 1]);
  });

  test('of the key that replaced a leaked one: both stay revoked, whoever brings their rows back', async () => {
    const { table, parts } = await createScene();
    const row = await table.read('ssh-user', '000000001');
    if (!row) throw new Error('no row');
    await replaceAuthority(parts, 'ssh-user', leaked(1), later(60));
    await replaceAuthority(parts, 'ssh-user', leaked(2), later(120));
    await table.apply([{ kind: 'insert', row }]);
    const { sshUser, sshUserCas, revokedSsh } = await authoritiesAt(parts, later(120));
    expect(sshUserCas).toEqual([sshUser.publicKey]);
    expect(revokedSsh.map(({ at }) => at)).toEqual([later(60), later(120)]);
    expect((await rotateKeys(parts, later(180))).done).toMatchObject([
      { kind: 'remove', owner: 'ssh-user', sequence: 1 },
    ]);
  });

  test('of the issuing key that replaced a leaked one: the serials of both are on the list', async () => {
    const { parts } = await createScene();
    await replaceAuthority(parts, 'issuing', leaked(2), later(60));
    await replaceAuthority(parts, 'issuing', leaked(3), later(120));
    expect((await authoritiesAt(parts, later(120))).revoked).toHaveLength(2);
  });

  test('the prober: no mark of an old key counts', async () => {
    const { parts } = await createScene();
    await replaceAuthority(parts, 'probe', leaked(1), later(60));
    const { probeKeys } = await authoritiesAt(parts, later(60));
    expect(probeKeys.map(({ sequence }) => sequence)).toEqual([2]);
  });

  test.each(['issuing', 'ssh-user', 'probe'] as const)(
    '%s: the row of a leaked key counts for nothing when somebody brings it back, and goes again',
    async (name) => {
      const { table, parts } = await createScene();
      const owner = name === 'issuing' ? 'tls' : name;
      const number = name === 'issuing' ? 2 : 1;
      const row = await table.read(owner, String(number).padStart(9, '0'));
      if (!row) throw new Error('no row');
      await replaceAuthority(parts, name, leaked(number), later(60));
      const before = await authoritiesAt(parts, later(61));
      await table.apply([{ kind: 'insert', row }]);
      const after = await authoritiesAt(parts, later(61));
      expect(after.version).toBe(before.version);
      expect(after.sshUserCas).toEqual(before.sshUserCas);
      expect(after.probeKeys.map(({ sequence }) => sequence)).toEqual(
        before.probeKeys.map(({ sequence }) => sequence),
      );
      expect((await rotateKeys(parts, later(62))).done).toMatchObject([
        { kind: 'remove', owner, sequence: number },
      ]);
    },
  );

  test('nor does a row that somebody had taken away while it was answered', async () => {
    const { table, parts } = await createScene();
    await rotateKeys(parts, later(24 * DAY));
    // One signs, and one waits.
    expect(await numbersOf(parts, 'ssh-user')).toEqual([1, 2]);
    const row = await takeRow(table, 'ssh-user', '000000002');
    await rotateKeys(parts, later(24 * DAY));
    await replaceAuthority(parts, 'ssh-user', leaked(1, 3), later(24 * DAY));
    const before = await authoritiesAt(parts, later(24 * DAY));
    if (row) await table.apply([{ kind: 'insert', row }]);
    const after = await authoritiesAt(parts, later(24 * DAY));
    expect(after.sshUserCas).toEqual(before.sshUserCas);
    expect((await rotateKeys(parts, later(24 * DAY))).done).toMatchObject([
      { kind: 'remove', owner: 'ssh-user', sequence: 2 },
    ]);
  });

  test('nor an issuing key whose root was lost while it was answered, and came back', async () => {
    const { table, parts } = await createScene();
    await replaceAuthority(parts, 'tls', early(1), later(60));
    for (let day = 0; day <= 40; day += 3) await rotateKeys(parts, later(day * DAY));
    const under = (await rows(parts)).filter(({ purpose }) => purpose === 'issuing');
    const root = (await rows(parts)).find(({ cross }) => cross);
    const row = await takeRow(table, 'tls', String(root?.sequence).padStart(9, '0'));
    await rotateKeys(parts, later(41 * DAY));
    const { issuing } = await authoritiesAt(parts, later(41 * DAY));
    const numbers = (await rows(parts))
      .filter((key) => Buffer.from(key.certificate).equals(issuing.certificate))
      .map(({ sequence }) => sequence);
    expect(root && under.length > 0 && numbers.length === 1).toBe(true);
    await replaceAuthority(parts, 'issuing', leaked(...numbers), later(41 * DAY));
    if (row) await table.apply([{ kind: 'insert', row }]);
    const { issuers } = await authoritiesAt(parts, later(41 * DAY));
    for (const { certificate } of under)
      expect(issuers.map((one) => one.certificate)).not.toContainEqual(certificate);
  });

  test('which keys it ends is authenticated: no other word in its place is believed', async () => {
    const { table, parts } = await createScene();
    const before = await table.read('ssh-user', '000000001');
    await replaceAuthority(parts, 'ssh-user', leaked(1), later(60));
    const row = await table.read('ssh-user', '000000002');
    if (!row || !before) throw new Error('no row');
    const { ended, ...without } = row.values;
    expect(JSON.parse(String(ended))).toEqual([
      { sequence: 1, at: later(60).getTime() / 1000, publicKey: before.values['publicKey'] },
    ]);
    const [word] = JSON.parse(String(ended));
    const others: readonly Record<string, Value>[] = [
      without as Record<string, Value>,
      ...[
        ...['', '[]', 'x', 'null', '{}', '3', ` ${ended}`],
        ...[
          { ...word, sequence: 3 },
          { ...word, at: 1 },
          { ...word, publicKey: row.values['publicKey'] },
          { ...word, publicKey: undefined },
        ].map((other) => JSON.stringify([other])),
      ].map((text) => ({ ...without, ended: text })),
    ];
    for (const values of others) {
      await table.apply([{ kind: 'put', row: { ...row, values } }]);
      const { lost, ignored } = await rotateKeys(parts, later(61));
      expect(lost).toEqual([{ owner: 'ssh-user', purpose: 'sign' }]);
      expect(ignored.join()).toMatch(/^ssh-user\/0*2$/);
    }
  });

  test('a key that had no such word gets none by somebody else', async () => {
    const { table, parts } = await createScene();
    const row = await table.read('ssh-user', '000000001');
    if (!row) throw new Error('no row');
    const values = { ...row.values, ended: '[{"sequence":9,"at":1}]' };
    await table.apply([{ kind: 'put', row: { ...row, values } }]);
    expect((await rotateKeys(parts, NOON)).lost).toEqual([{ owner: 'ssh-user', purpose: 'sign' }]);
  });
});

describe('a root', () => {
  test('gets a successor under the next number, and no second one beside it', async () => {
    const { parts } = await createScene();
    const { done } = await replaceAuthority(parts, 'tls', early(1), later(60));
    expect(done[0]).toMatchObject({ kind: 'create', owner: 'tls', purpose: 'root', sequence: 3 });
    const start = parts.policy.rootPublication + 120;
    await expect(replaceAuthority(parts, 'tls', early(1, 3), later(start))).rejects.toMatchObject({
      code: 'in_use',
      message: 'the root before is still published: retire it first',
    });
    // Of other authorities there may be several.
    await replaceAuthority(
      parts,
      'issuing',
      early(...(await alive(parts, later(start)))),
      later(start),
    );
  });

  const alive = async (parts: RotationParts, at: Date): Promise<number[]> =>
    (await rows(parts))
      .filter(({ purpose, expires }) => purpose === 'issuing' && expires * 1000 > at.getTime())
      .map(({ sequence }) => sequence);
});

describe('a data key that leaked takes with it', () => {
  test('every key that was encrypted under it, and no root', async () => {
    const { parts } = await createScene();
    const { done } = await replaceAuthority(parts, 'data', leaked(1), later(60));
    const ended = done.flatMap((action) =>
      action.kind === 'create' && action.ends ? [`${action.owner} ${action.purpose}`] : [],
    );
    expect(ended).toEqual(['tls issuing', 'ssh-user sign', 'ssh-host sign', 'probe authenticate']);
    expect(done[0]).toMatchObject({ kind: 'create', owner: 'data', sequence: 2 });
  });

  test('none, where it only has a successor', async () => {
    const { parts } = await createScene();
    const { done } = await replaceAuthority(parts, 'data', early(1), later(60));
    expect(done.flatMap((action) => (action.kind === 'create' ? [action.owner] : []))).toEqual([
      'data',
    ]);
  });

  test('no key that another change makes meanwhile: who asked is told to try again', async () => {
    const { parts } = await createScene();
    const insert: KeyStore['insert'] = async (row, ...more) =>
      row.owner === 'ssh-user' ? false : parts.store.insert(row, ...more);
    const faster = { ...parts, store: { ...parts.store, insert } };
    await expect(replaceAuthority(faster, 'data', leaked(1), later(60))).rejects.toMatchObject({
      code: 'try_again',
      message: 'another change of the keys is under way',
    });
  });
});

describe('one of many', () => {
  test('operators at once is carried out; the others are told', async () => {
    const { parts } = await createScene();
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 4].map(() => replaceAuthority(parts, 'ssh-user', leaked(1), later(60))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        expect(outcome.reason.code).toMatch(/^(?:try_again|precondition_failed)$/);
    expect(await numbersOf(parts, 'ssh-user')).toEqual([2]);
  });

  test.each([[[]], [[2]], [[1, 2]], [[1, 1]]])(
    'with the numbers %j that are not those there',
    async (numbers) => {
      const { parts } = await createScene();
      await expect(
        replaceAuthority(parts, 'ssh-user', leaked(...numbers), later(60)),
      ).rejects.toMatchObject({ code: 'precondition_failed' });
      expect(await numbersOf(parts, 'ssh-user')).toEqual([1]);
    },
  );

  test('with two numbers of which one is there', async () => {
    const { parts } = await createScene();
    await replaceAuthority(parts, 'ssh-user', early(1), NOON);
    await expect(
      replaceAuthority(parts, 'ssh-user', leaked(1, 7), later(60)),
    ).rejects.toMatchObject({ code: 'precondition_failed' });
    expect(await numbersOf(parts, 'ssh-user')).toEqual([1, 2]);
  });

  test('that stopped after its write: the leaked row is gone with it', async () => {
    const { parts } = await createScene();
    const stop = () => Promise.reject(new Error('stopped'));
    const insert: KeyStore['insert'] = async (...args) => {
      await parts.store.insert(...args);
      return stop();
    };
    const stopping = { ...parts, store: { ...parts.store, insert, remove: stop } };
    await expect(replaceAuthority(stopping, 'ssh-user', leaked(1), later(60))).rejects.toThrow(
      'stopped',
    );
    expect(await numbersOf(parts, 'ssh-user')).toEqual([2]);
  });
});

test('a leaked key does not come back where the row of the one that replaced it is lost', async () => {
  const { parts } = await createScene();
  await replaceAuthority(parts, 'issuing', leaked(2), later(60));
  await parts.store.remove('tls', 3);
  await rotateKeys(parts, later(120));
  expect(await numbersOf(parts, 'tls')).toEqual([1, 4]);
});

test('a key that is over is not among those that an operator has to have seen', async () => {
  const { parts } = await createScene();
  const [one] = (await rows(parts)).filter(({ owner }) => owner === 'ssh-user');
  const end = (one?.expires ?? 0) - NOON.getTime() / 1000;
  await rotateKeys(parts, later(end));
  expect(await numbersOf(parts, 'ssh-user')).toEqual([1, 2]);
  await expect(replaceAuthority(parts, 'ssh-user', leaked(1, 2), later(end))).rejects.toMatchObject(
    { code: 'precondition_failed' },
  );
  await replaceAuthority(parts, 'ssh-user', leaked(2), later(end));
});

test('a key that begins to sign just now is no successor that waits', async () => {
  const { parts } = await createScene();
  await replaceAuthority(parts, 'ssh-user', early(1), NOON);
  const second = (await rows(parts)).find((key) => key.owner === 'ssh-user' && key.sequence === 2);
  const start = (second?.starts ?? 0) - NOON.getTime() / 1000;
  await expect(
    replaceAuthority(parts, 'ssh-user', early(1, 2), later(start - 1)),
  ).rejects.toMatchObject({ code: 'already_exists' });
  await replaceAuthority(parts, 'ssh-user', early(1, 2), later(start));
  expect(await numbersOf(parts, 'ssh-user')).toEqual([1, 2, 3]);
});

test('without the data key nothing is made: nobody can say what is there', async () => {
  const { parts } = await createScene();
  await parts.store.remove('data', 1);
  await expect(replaceAuthority(parts, 'probe', leaked(), later(60))).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('data (encrypt)'),
  });
});

test('what is lost is restored first: nothing is made in its place', async () => {
  const { parts } = await createScene();
  await parts.store.remove('ssh-user', 1);
  await expect(replaceAuthority(parts, 'ssh-user', leaked(), later(60))).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('ssh-user'),
  });
  // Another kind is none of its concern.
  await replaceAuthority(parts, 'issuing', leaked(2), later(60));
  expect(await numbersOf(parts, 'tls')).toEqual([1, 3]);
});

test('a data key that leaked takes nothing with it that is lost: that is restored first', async () => {
  const { parts } = await createScene();
  await parts.store.remove('ssh-user', 1);
  await expect(replaceAuthority(parts, 'data', leaked(1), later(60))).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('ssh-user'),
  });
  expect(await numbersOf(parts, 'data')).toEqual([1]);
  // A successor alone takes the place of no other key.
  await replaceAuthority(parts, 'data', early(1), later(60));
  expect(await numbersOf(parts, 'data')).toEqual([2]);
});

test('a number that was lost with its row and its mark is not given to the new key', async () => {
  const { table, parts } = await createScene();
  const mark = await table.read('ssh-user', 'highest');
  if (mark)
    await table.apply([{ kind: 'remove', partition: 'ssh-user', key: 'highest', etag: mark.etag }]);
  await replaceAuthority(parts, 'ssh-user', leaked(1), later(60));
  expect(await numbersOf(parts, 'ssh-user')).toEqual([2]);
});
