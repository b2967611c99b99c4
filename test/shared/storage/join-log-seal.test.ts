import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { deriveLogKey } from '../../../shared/authority/log-key.ts';
import { makeRequestId } from '../../../shared/request-id.ts';
import { ANCHORS, partitionOf, WRITERS } from '../../../shared/storage/join-log-places.ts';
import { checkSeal, type LogKey, seal } from '../../../shared/storage/join-log-seal.ts';
import type { Row, StoredRow } from '../../../shared/storage/table.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const KEY = deriveLogKey(new Uint8Array(32));
const ID = makeRequestId(NOON);
const ROW: Row = { partition: partitionOf(ID), key: ID, values: { json: '{"bot":"example"}' } };
const BEFORE = { partition: '20261120T1159-0', key: 'before', mac: 'ab'.repeat(32) };

const stored = (row: Row): StoredRow => ({ ...row, etag: '"1"' });
const sealed = (row = ROW, key = KEY, previous: typeof BEFORE | undefined = BEFORE): StoredRow =>
  stored(seal(row, previous, key).row);

describe('a sealed row', () => {
  test.each([
    ['the first of its writer', undefined],
    ['a later one', BEFORE],
  ])('tells where it is, and which one was before it: %s', (_, previous) => {
    const made = seal(ROW, previous, KEY);
    expect(made.row).toMatchObject({ ...ROW, values: ROW.values });
    expect(checkSeal(stored(made.row), KEY)).toEqual({ ok: true, sealed: made.sealed, previous });
    expect(made.sealed).toMatchObject({ partition: ROW.partition, key: ID });
  });

  test.each([
    [undefined, null],
    [BEFORE, [BEFORE.partition, BEFORE.key, BEFORE.mac]],
  ])('has the HMAC of its place, its JSON and the row before it: %j', (previous, before) => {
    const text = ['join-broker join log 1', ROW.partition, ID, ROW.values['json'], before];
    const mac = createHmac('sha256', KEY.secret).update(JSON.stringify(text)).digest('hex');
    const made = seal(ROW, previous, KEY);
    expect(made.sealed.mac).toBe(mac);
    expect(JSON.parse(String(made.row.values['seal']))).toEqual([KEY.id, mac, before]);
  });

  test('is good in another place only for who says where it was', () => {
    const copy = { ...sealed(), partition: 'refused-20261120T1200' };
    expect(checkSeal(copy, KEY)).toEqual({ ok: false, why: 'wrong seal' });
    expect(checkSeal(copy, KEY, ROW.partition)).toMatchObject({
      ok: true,
      sealed: { partition: ROW.partition },
    });
  });

  const [id, mac, before] = JSON.parse(String(sealed().values['seal']));
  test.each<[string, string, unknown]>([
    ['a row before it that is not the one', 'wrong seal', [id, mac, ['other', ...before.slice(1)]]],
    ['no row before it', 'wrong seal', [id, mac, null]],
    ['a seal that was changed', 'wrong seal', [id, mac.replace(/^./, 'x'), before]],
    ['a seal that was cut', 'wrong seal', [id, mac.slice(1), before]],
    ['another key', 'other key', ['another', mac, before]],
    ['half a place', 'no seal', [id, mac, before.slice(1)]],
    ['no list', 'no seal', { id, mac, before }],
  ])('counts for nothing with %s', (_, why, text) => {
    const row = { ...sealed(), values: { ...ROW.values, seal: JSON.stringify(text) } };
    expect(checkSeal(row, KEY)).toEqual({ ok: false, why });
  });

  test('that has none is told from one that was changed', () => {
    expect(checkSeal(stored(ROW), KEY)).toEqual({ ok: false, why: 'no seal' });
  });
});

describe('under a key that has a successor', () => {
  const [old, older] = [1, 2].map((n) => deriveLogKey(new Uint8Array(32).fill(n))) as [
    LogKey,
    LogKey,
  ];
  const until = new Date(NOON.getTime() + 1);
  const now: LogKey = {
    ...KEY,
    former: [
      { ...older, until: NOON },
      { ...old, until },
    ],
  };
  const told = (partition: string, json: object | string): Row => ({
    partition,
    key: 'one',
    values: { json: typeof json === 'string' ? json : JSON.stringify(json) },
  });

  test.each<[string, Row, LogKey, boolean]>([
    ['a row of before its end', ROW, old, true],
    ['a row of its very end', ROW, older, false],
    ['a row in the place of another time', { ...ROW, partition: '20261120T1159-0' }, old, false],
    ['a mark of before its end', told(WRITERS, { time: '2026-11-20T12:00:00Z' }), old, true],
    ['a mark of its very end', told(WRITERS, { time: '2026-11-20T12:00:00Z' }), older, false],
    ['an anchor of before its end', told(ANCHORS, { time: '2026-11-20T12:00:00Z' }), old, true],
    ['an anchor of after it', told(ANCHORS, { time: '2026-11-20T12:00:01Z' }), old, false],
    ['an anchor without a time', told(ANCHORS, {}), old, false],
    ['an anchor that is no JSON', told(ANCHORS, 'no JSON'), old, false],
    ['a row of a key that nobody knows', ROW, deriveLogKey(new Uint8Array(32).fill(3)), false],
  ])('%s', (_, row, key, good) => {
    const answer = checkSeal(sealed(row, key), now);
    expect(answer).toMatchObject(good ? { ok: true } : { ok: false, why: 'other key' });
  });

  test('a row that was changed is no good', () => {
    const row = sealed(ROW, old);
    const changed = { ...row, values: { ...row.values, json: '{"bot":"another"}' } };
    expect(checkSeal(changed, now)).toEqual({ ok: false, why: 'wrong seal' });
  });
});
