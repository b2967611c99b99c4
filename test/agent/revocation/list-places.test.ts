/** When lists are written again between renewals: where they say something new, their time is half over, or they are gone. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeFileSet } from '../../../agent/file-set.ts';
import type { AcceptedLists } from '../../../agent/revocation/accept-lists.ts';
import { KRL_FILE, keptLists, type ListFile } from '../../../agent/revocation/list-files.ts';
import { listsIn } from '../../../agent/revocation/list-places.ts';
import { createClock, START } from '../clock.ts';
import { temporaryFolder } from '../folder.ts';

const HOUR = 3600_000;
const NAMES = [KRL_FILE, 'tls.crl'] as const;

/** Lists of this hour, good for two, that say this; their contents are told apart by the hour. */
const listsOf = (
  hour: number,
  says = 'nobody',
  more: Partial<AcceptedLists> = {},
): AcceptedLists => ({
  version: hour,
  thisUpdate: new Date(START.getTime() + hour * HOUR),
  nextUpdate: new Date(START.getTime() + (hour + 2) * HOUR),
  krl: { content: Buffer.from(`krl of ${hour}`), says },
  crls: { content: `crls of ${hour}`, says },
  ...more,
});

async function setUp(names: readonly ListFile[] = NAMES) {
  const clock = createClock();
  const folder = await temporaryFolder();
  const prepared: string[] = [];
  const lists = listsIn(folder, names, async (version) => void prepared.push(version), { clock });
  const first = listsOf(0);
  await writeFileSet(folder, new Map([['key', '1'], ...lists.files(first)]), START);
  lists.written(first);
  const at = (hour: number) =>
    clock.sleep(
      START.getTime() + hour * HOUR - clock.now().getTime(),
      new AbortController().signal,
    );
  const texts = () =>
    Promise.all(names.map((name) => readFile(join(folder, name), 'utf8').catch(() => undefined)));
  return { ...lists, folder, first, at, texts, prepared };
}

test('a place without lists has nothing to write', async () => {
  const { place, files, first } = await setUp([]);
  expect(place).toEqual({});
  expect(files(first).size).toBe(0);
});

describe('lists are', () => {
  test('left alone where they say the same and less than half of their time is over', async () => {
    const { place, at, first, prepared } = await setUp();
    expect(place.hasLists).toBe(true);
    await at(0.999);
    for (const lists of [first, listsOf(1), undefined])
      expect(await place.amend?.(lists)).toBe(false);
    expect(prepared).toEqual([]);
  });

  test('written as soon as they say something new, and once', async () => {
    const { place, texts, prepared, folder } = await setUp();
    const lists = listsOf(0.5, 'somebody');
    expect(await place.amend?.(lists)).toBe(true);
    expect(await texts()).toEqual(['krl of 0.5', 'crls of 0.5']);
    expect(await readFile(join(folder, 'key'), 'utf8')).toBe('1');
    expect(await place.amend?.(lists)).toBe(false);
    expect(prepared).toHaveLength(1);
  });

  test("written when half of their time is over, where newer ones are there, but for sshd's", async () => {
    const { place, texts, at, first } = await setUp();
    await at(1);
    const longer = { ...first, thisUpdate: new Date(START.getTime() + HOUR) };
    expect(await place.amend?.(longer)).toBe(false);
    expect(await place.amend?.(listsOf(1))).toBe(true);
    expect(await texts()).toEqual(['krl of 0', 'crls of 1']);
    await at(1.999);
    expect(await place.amend?.(listsOf(1.9))).toBe(false);
    await at(2);
    expect(await place.amend?.(listsOf(2))).toBe(true);
  });

  test('written where they are gone, with what is known, else with what stands in for them', async () => {
    const { place, texts, folder } = await setUp();
    await rm(join(folder, '..data', KRL_FILE));
    await rm(join(folder, '..data', 'tls.crl'));
    expect(await place.amend?.(undefined)).toBe(true);
    const empty = keptLists([KRL_FILE]).get(KRL_FILE);
    expect(await texts()).toEqual([Buffer.from(empty ?? '').toString(), undefined]);
    expect(await place.amend?.(listsOf(0))).toBe(true);
    expect((await texts())[1]).toBe('crls of 0');
  });

  test('not written before there is one, and not again for want of any', async () => {
    const { place, first, written } = await setUp();
    written(undefined);
    expect(await place.amend?.(first)).toBe(false);
    const clock = createClock();
    const anew = listsIn(await temporaryFolder(), ['tls.crl'], undefined, { clock });
    expect(await anew.place.amend?.({ ...first, crls: undefined })).toBe(false);
  });

  test('not written where there are no certificates', async () => {
    const { place, folder } = await setUp();
    await rm(join(folder, '..data'));
    expect(await place.amend?.(listsOf(1, 'somebody'))).toBe(false);
  });
});
