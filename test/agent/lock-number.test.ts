/** Who gets a lock, in every order in which two can come; the names are in memory here. */
import { describe, expect, test } from 'vitest';
import { type LockPlace, takeLock } from '../../agent/lock-number.ts';

const lock = (number: number): string => `joinbot.lock.${number}`;

/** A place with these names: of those who are alive, and of those who died. */
function placeOf({ alive = [], dead = [] }: Record<'alive' | 'dead', readonly string[]>) {
  const names = new Map<string, boolean>(dead.map((name) => [name, false]));
  for (const name of alive) names.set(name, true);
  const looks: number[] = [];
  const place = {
    names: async () => [...names.keys()],
    take: async (name: string): Promise<'mine' | 'taken' | 'lost'> => {
      if (names.has(name)) return 'taken';
      names.set(name, true);
      return 'mine';
    },
    answers: async (name: string) => names.get(name) ?? false,
    remove: async (name: string) => void names.delete(name),
    sleep: async (ms: number) => void looks.push(ms),
  } satisfies LockPlace;
  return { place, names, looks };
}

const NOBODY = { alive: [], dead: [] };

describe('gets the lock:', () => {
  test('whoever is alone', async () => {
    const { place, names } = placeOf(NOBODY);
    expect(await takeLock(place)).toBe(lock(1));
    expect([...names.keys()]).toEqual([lock(1)]);
  });

  test('whoever comes after those who died, with the number after the highest, and clears up', async () => {
    const dead = [lock(2), lock(10), 'joinbot.lock.new-0123456789ab'];
    const { place, names, looks } = placeOf({ alive: ['joinbot.lock.new-ba9876543210'], dead });
    expect(await takeLock(place)).toBe(lock(11));
    expect([...names.keys()]).toEqual(['joinbot.lock.new-ba9876543210', lock(11)]);
    expect(looks).toEqual([]);
  });

  test('whoever took a number before others did, as soon as they gave way', async () => {
    const { place, names, looks } = placeOf(NOBODY);
    const later = {
      ...place,
      take: async (name: string) => {
        const taken = await place.take(name);
        names.set(lock(2), true);
        names.set(lock(3), true);
        return taken;
      },
      sleep: async (ms: number) => {
        await place.sleep(ms);
        names.delete(lock(looks.length + 1));
      },
    };
    expect(await takeLock(later)).toBe(lock(1));
    expect(looks).toEqual([10, 10]);
  });

  test('whoever takes the next number, where another one was faster for the first', async () => {
    const { place, names } = placeOf(NOBODY);
    const slow = {
      ...place,
      take: async (name: string) => {
        if (!names.has(lock(1))) names.set(lock(1), false);
        return place.take(name);
      },
    };
    expect(await takeLock(slow)).toBe(lock(2));
  });
});

describe('does not get it, and leaves no number behind:', () => {
  test('whoever sees a lower number that answers, even beside higher ones', async () => {
    const { place, names, looks } = placeOf({ alive: [lock(1)], dead: [lock(2)] });
    const crowded = {
      ...place,
      take: async (name: string) => {
        const taken = await place.take(name);
        names.set(lock(9), true);
        return taken;
      },
    };
    expect(await takeLock(crowded)).toBeUndefined();
    expect([...names.keys()].toSorted()).toEqual([lock(1), lock(2), lock(9)]);
    expect(looks).toEqual([]);
  });

  test('whoever waited three seconds for a higher number to give way', async () => {
    const { place, names, looks } = placeOf(NOBODY);
    const stubborn = {
      ...place,
      take: async (name: string) => {
        const taken = await place.take(name);
        names.set(lock(2), true);
        return taken;
      },
      sleep: async (ms: number) => {
        await place.sleep(ms);
        if (looks.length > 1000) throw new Error('it waits for ever');
      },
    };
    expect(await takeLock(stubborn)).toBeUndefined();
    expect([...names.keys()]).toEqual([lock(2)]);
    expect(looks).toEqual(Array.from({ length: 300 }, () => 10));
  });

  test('whose name was taken for that of somebody who died', async () => {
    const { place } = placeOf(NOBODY);
    const asked: string[] = [];
    const take = async (name: string) => {
      asked.push(name);
      return 'lost' as const;
    };
    expect(await takeLock({ ...place, take })).toBeUndefined();
    expect(asked).toEqual([lock(1)]);
  });

  test('whoever others were faster than a hundred times', async () => {
    const { place } = placeOf(NOBODY);
    let tries = 0;
    const slow = {
      ...place,
      take: async () => {
        tries += 1;
        if (tries > 1000) throw new Error('it tries for ever');
        return 'taken' as const;
      },
    };
    expect(await takeLock(slow)).toBeUndefined();
    expect(tries).toBe(100);
  });
});

test.each([
  'my.joinbot.lock.1',
  'joinbot.lock.1.old',
  'joinbot.lock.1234567890123456',
  'joinbot.lock.one',
  'my.joinbot.lock.new-0123456789ab',
  'joinbot.lock.new-0123456789abc',
  'joinbot.lock.new-0123456789a',
  'joinbot.lock.new-0123456789aX',
])('leaves alone what is named like a lock and is none: %s', async (name) => {
  const { place, names } = placeOf({ alive: [], dead: [name] });
  expect(await takeLock(place)).toBe(lock(1));
  expect([...names.keys()]).toEqual([name, lock(1)]);
});
