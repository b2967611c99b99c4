/** A place among a join token's machines: each test has its own rows, and instances that live or are over. */
import { describe, expect, test } from 'vitest';
import { areOver, claimPlace, type Newcomer } from '../../../shared/joining/claim-place.ts';
import type { Report } from '../../../shared/joining/report.ts';
import type { Instance, StoredInstance, Tombstone } from '../../../shared/storage/instances.ts';
import { createMachines, type Machines } from '../../../shared/storage/machines.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const noon = NOON.getTime() / 1000;
const OWNER = 'bot:example';

function createScene() {
  const machines = createMachines(createMemoryTable());
  const stored = new Map<string, StoredInstance | Tombstone>();
  const asked: string[] = [];
  const read = async (owner: string, id: string) => {
    asked.push(id);
    return stored.get(`${owner} ${id}`);
  };
  /** A first join that is carried out: its certificates live for an hour, or as long as is said. */
  const live = (id: string, expires = noon + 3600, owner = OWNER): void => {
    const instance = { id, owner, serials: [{ serial: 'a', expires }] } as unknown as Instance;
    stored.set(`${owner} ${id}`, { instance, etag: 'etag' });
  };
  /** What is told beside the join; throws where there is no place. */
  async function claim(
    machine: string,
    instance: string,
    changes: Partial<Newcomer> = {},
    store: Machines = machines,
  ): Promise<readonly string[] | undefined> {
    let beside: readonly string[] | undefined;
    const report: Report = (facts) => {
      ({ beside } = facts);
    };
    const newcomer = {
      joinToken: 'token',
      limit: undefined,
      machine,
      incarnation: 'i',
      owner: OWNER,
      instance,
      at: NOON,
      ...changes,
    };
    await claimPlace(newcomer, { machines: store, instances: { read } }, report);
    return beside;
  }
  /** Claims, and is carried out. */
  async function join(machine: string, instance: string, changes: Partial<Newcomer> = {}) {
    const beside = await claim(machine, instance, changes);
    live(instance, (changes.at ?? NOON).getTime() / 1000 + 3600, changes.owner);
    return beside;
  }
  const made = async (machine: string) =>
    (await machines.read('token', machine))?.made.map(({ id }) => id);
  return { machines, stored, read, asked, live, claim, join, made };
}

const later = (seconds: number): Pick<Newcomer, 'at'> => ({
  at: new Date(NOON.getTime() + seconds * 1000),
});
const TOO_MANY = expect.objectContaining({ code: 'access_denied', reason: 'too_many_machines' });

describe("a machine's other live instances are told of", () => {
  test('all of them, and none where there is none', async () => {
    const { join } = createScene();
    expect(await join('m', '1')).toBeUndefined();
    expect(await join('m', '2')).toEqual(['1']);
    expect(await join('m', '3')).toEqual(['1', '2']);
    expect(await join('other', '4')).toBeUndefined();
  });

  test('not those of another owner, nor of what the machine was before', async () => {
    const { join } = createScene();
    await join('m', '1', { owner: 'host:Node' });
    await join('m', '2', { incarnation: 'before' });
    expect(await join('m', '3')).toBeUndefined();
    expect(await join('m', '4', { owner: 'host:Node' })).toEqual(['1']);
  });

  test('not those that are over, to the second, nor those that were removed', async () => {
    const { join, stored, made } = createScene();
    await join('m', '1');
    expect(await join('m', '2', later(3599))).toEqual(['1']);
    stored.set(`${OWNER} 2`, { removed: true, madeBy: '2' });
    expect(await join('m', '3', later(3600))).toBeUndefined();
    expect(await made('m')).toEqual(['3']);
  });

  test('also those whose join is under way, for a minute', async () => {
    const { claim } = createScene();
    await claim('m', '1');
    expect(await claim('m', '2', later(59))).toEqual(['1']);
    expect(await claim('m', '3', later(60))).toEqual(['2']);
  });

  test('by the same request again, of those that came before it', async () => {
    const { join, claim, made } = createScene();
    await join('m', '1');
    await join('m', '2');
    await join('m', '3');
    expect(await claim('m', '2')).toEqual(['1']);
    expect(await made('m')).toEqual(['1', '2', '3']);
  });

  test('the newest eight, where there is no limit', async () => {
    const { join, made } = createScene();
    for (let i = 1; i <= 9; i += 1) await join('m', `${i}`, later(2 * i));
    expect(await made('m')).toEqual(['2', '3', '4', '5', '6', '7', '8', '9']);
  });
});

describe('of so many places', () => {
  const limit = 2;

  test('all are taken, and the next machine learns by whose instances', async () => {
    const { join, claim, made } = createScene();
    await join('a', '1', { limit });
    await join('a', '2', { limit });
    await join('b', '3', { limit });
    await expect(claim('c', '4', { limit })).rejects.toThrow(TOO_MANY);
    await expect(claim('c', '4', { limit })).rejects.toThrow(
      'join token token has max_machines 2, and so many have live instances: ',
    );
    // Of a machine the newest one is named.
    await expect(claim('c', '4', { limit })).rejects.toThrow(/a \(instance 2\)/);
    expect(await made('c')).toBeUndefined();
    await join('b', '5', { limit });
    await join('c', '6', { limit: 3 });
  });

  test('five are named, and how many more there are', async () => {
    const { join, claim } = createScene();
    for (let i = 0; i < 7; i += 1) await join(`m${i}`, `${i}`, { limit: 7 });
    await expect(claim('n', 'x', { limit: 7 })).rejects.toThrow(
      /instances: (?:m\d \(instance \d\), ){4}m\d \(instance \d\) and 2 more$/,
    );
    const five = createScene();
    for (let i = 0; i < 5; i += 1) await five.join(`m${i}`, `${i}`, { limit: 5 });
    await expect(five.claim('n', 'x', { limit: 5 })).rejects.toThrow(/\(instance \d\)$/);
  });

  test('one is free when the machine has no instance that lives: its row goes', async () => {
    const { join, claim, made, machines } = createScene();
    await join('a', '1', { limit: 1 });
    await expect(claim('b', '2', { limit: 1, ...later(3599) })).rejects.toThrow(TOO_MANY);
    // In one transaction with the new one.
    const takeOff = () => expect.unreachable();
    await claim('b', '2', { limit: 1, ...later(3600) }, { ...machines, takeOff });
    expect(await made('a')).toBeUndefined();
    expect(await made('b')).toEqual(['2']);
    // It is under way.
    await expect(claim('a', '3', { limit: 1, ...later(3659) })).rejects.toThrow(TOO_MANY);
    await claim('a', '3', { limit: 1, ...later(3660) });
  });

  test('that are enough for all nobody else is looked at', async () => {
    const { join, claim, asked } = createScene();
    await join('a', '1', { limit });
    asked.length = 0;
    await claim('b', '2', { limit });
    expect(asked).toEqual([]);
  });

  test('no more than are needed to know that none is free are looked at', async () => {
    const { join, claim, asked } = createScene();
    for (let i = 0; i < 5; i += 1) await join(`m${i}`, `${i}`);
    asked.length = 0;
    await expect(claim('n', 'x', { limit })).rejects.toThrow(TOO_MANY);
    expect(asked).toHaveLength(limit);
  });

  test('a machine takes its own again, although all that it had is over', async () => {
    const { join, claim, made } = createScene();
    await join('a', '1', { limit: 1 });
    await claim('a', '2', { limit: 1, ...later(3600) });
    expect(await made('a')).toEqual(['2']);
    await claim('a', '1', { limit: 1, ...later(3600) });
    expect(await made('a')).toEqual(['2', '1']);
  });

  test('one is held as long as any certificate of an instance lives', async () => {
    const { join, claim, stored } = createScene();
    await join('a', '1', { limit: 1 });
    const serials = [
      { serial: 'a', expires: noon },
      { serial: 'b', expires: noon + 60 },
    ];
    stored.set(`${OWNER} 1`, { instance: { serials } as unknown as Instance, etag: 'etag' });
    await expect(claim('b', '2', { limit: 1 })).rejects.toThrow(TOO_MANY);
  });

  test('a machine that has one is never in its own way', async () => {
    const { join, claim } = createScene();
    await join('a', '1');
    await join('b', '2');
    await claim('a', '3', { limit: 1 });
    await claim('a', '1', { limit: 1 });
  });

  test('a request that had one before needs one again once its instance is over', async () => {
    const { join, claim } = createScene();
    await join('a', '1', { limit: 1 });
    await join('b', '2', { limit: 1, ...later(3600) });
    await expect(claim('a', '1', { limit: 1, ...later(3600) })).rejects.toThrow(TOO_MANY);
  });

  test('sixty-four instances live in one', async () => {
    const { join, claim } = createScene();
    for (let i = 0; i < 64; i += 1) await join('a', `${i}`, { limit, ...later(2 * i) });
    await expect(claim('a', 'x', { limit, ...later(128) })).rejects.toThrow(
      expect.objectContaining({
        code: 'try_again',
        retryAfter: 300,
        message: 'too many instances of this machine live: try again when some are over',
      }),
    );
    await claim('a', 'x', { limit, ...later(3600) });
  });

  test('of more machines than are looked at, those that are over go first', async () => {
    const { join, claim, machines } = createScene();
    for (let i = 0; i < 210; i += 1) await join(`m${i}`, `${i}`);
    await claim('n', 'x', { limit: 1, ...later(3600) });
    expect((await machines.roll('token', 1000)).machines.length).toBeLessThan(210 - 98);
    await expect(claim('o', 'y', { limit: 1, ...later(3600) })).rejects.toThrow(TOO_MANY);
  });
});

describe('a machine makes eight instances of a join token in ten seconds', () => {
  const WAIT = (retryAfter: number) => expect.objectContaining({ code: 'throttled', retryAfter });

  test.each([undefined, 1])('and no more, to the second (limit %s)', async (limit) => {
    const { join, claim } = createScene();
    for (let i = 0; i < 8; i += 1) await join('a', `${i}`, { limit, ...later(i) });
    await expect(claim('a', 'x', { limit, ...later(7) })).rejects.toThrow(WAIT(3));
    await expect(claim('a', 'x', { limit, ...later(9) })).rejects.toThrow(WAIT(1));
    await join('a', 'x', { limit, ...later(10) });
    await expect(claim('a', 'y', { limit, ...later(10) })).rejects.toThrow(WAIT(1));
  });

  test('of each join token, and the very same one again', async () => {
    const { join, claim } = createScene();
    for (let i = 0; i < 8; i += 1) await join('a', `${i}`);
    await claim('a', '3');
    await claim('a', 'x', { joinToken: 'other' });
  });
});

describe('where others are always faster', () => {
  test.each([
    [1, 'add'],
    [undefined, 'write'],
  ] as const)(
    'a place is asked for again later, after eight tries (limit %s, by %s): nobody makes instances that are not written down',
    async (limit, way) => {
      const { machines, claim } = createScene();
      let tries = 0;
      const beaten = async (): Promise<boolean> => {
        tries += 1;
        return false;
      };
      await expect(claim('a', '1', { limit }, { ...machines, [way]: beaten })).rejects.toThrow(
        expect.objectContaining({ code: 'try_again', retryAfter: 1 }),
      );
      expect(tries).toBe(8);
    },
  );

  test.each([undefined, 1])(
    "and the write was one's own, tried again: it is found, also where the instance was over before (limit %s)",
    async (limit) => {
      const { machines, claim, live, made } = createScene();
      await claim('a', '1', { limit });
      live('1', noon + 60);
      const refused = async (written: Promise<boolean>): Promise<boolean> => {
        await written;
        return false;
      };
      const store: Machines = {
        ...machines,
        write: (...given) => refused(machines.write(...given)),
        add: (...given) => refused(machines.add(...given)),
      };
      await claim('a', '1', { limit, ...later(300) }, store);
      expect(await made('a')).toEqual(['1']);
    },
  );

  test('seven times, the eighth try is good', async () => {
    const { machines, claim, made } = createScene();
    let left = 7;
    const add: Machines['add'] = async (...given) => {
      left -= 1;
      return left < 0 && machines.add(...given);
    };
    await claim('a', '1', { limit: 1 }, { ...machines, add });
    expect(await made('a')).toEqual(['1']);
  });
});

test('the sweep learns whether none of them lives', async () => {
  const { live, read } = createScene();
  live('1');
  live('2', noon);
  const isOver = areOver({ read }, NOON);
  const of = (id: string, at = noon - 60) => ({ id, owner: OWNER, incarnation: 'i', at });
  expect(await isOver([of('2'), of('3')])).toBe(true);
  expect(await isOver([of('2'), of('1')])).toBe(false);
  expect(await isOver([of('3', noon - 59)])).toBe(false);
});
