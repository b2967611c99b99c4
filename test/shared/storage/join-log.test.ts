import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { deriveLogKey } from '../../../shared/authority/log-key.ts';
import type { JoinFacts } from '../../../shared/protocol/join-record.ts';
import { unavailable } from '../../../shared/refusal.ts';
import { makeRequestId } from '../../../shared/request-id.ts';
import { createJoinLog, type JoinLog } from '../../../shared/storage/join-log.ts';
import type { IndexedBy } from '../../../shared/storage/join-log-index.ts';
import { JOIN_LOG_DAYS } from '../../../shared/storage/join-log-places.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Table } from '../../../shared/storage/table.ts';
import { askedTable } from './asked-table.ts';

const KEY = deriveLogKey(new Uint8Array(32));
const NOON = new Date('2026-11-20T12:00:00Z');
const DAY_MS = 24 * 3600 * 1000;
const VM = '1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11';

const denied: JoinFacts = {
  outcome: 'denied',
  code: 'access_denied',
  reason: 'rule_mismatch',
  detail: 'azure.allow[0].resource_groups did not match',
  vm_id: VM,
};

const admitted: JoinFacts = { outcome: 'admitted', vm_id: VM };

function setUp(table = createMemoryTable(), now = () => NOON) {
  const tasks: (() => void)[] = [];
  const failures: string[] = [];
  const log = createJoinLog({
    table,
    later: (task) => tasks.push(task),
    onFailure: (why) => failures.push(why),
    key: async () => KEY,
    now,
  });
  return { log, table, tasks, failures };
}

test('an attempt is found by its request id alone, once its batch is written', async () => {
  const { log, tasks } = setUp();
  const id = makeRequestId(NOON);
  await log.record(id, denied);
  expect(await log.find(id)).toBeUndefined();
  expect(tasks).toHaveLength(1);
  await log.flush();
  expect(await log.find(id)).toEqual({
    request_id: id,
    time: '2026-11-20T12:00:00Z',
    outcome: 'denied',
    code: 'access_denied',
    reason: 'rule_mismatch',
    detail: 'azure.allow[0].resource_groups did not match',
    vm_id: VM,
  });
  expect(await log.find(makeRequestId(NOON))).toBeUndefined();
});

test('an attempt of which too much is known for a row is kept in short, and holds up no other', async () => {
  const { log, failures } = setUp();
  const [long, other] = [makeRequestId(NOON), makeRequestId(NOON)];
  const logins = Array.from({ length: 300 }, (_, i) => String(i).padEnd(120, 'x'));
  await log.record(long, { ...admitted, logins });
  await log.record(other, admitted);
  await log.flush();
  expect(await log.find(long)).toMatchObject({
    outcome: 'admitted',
    detail: 'too long to be kept',
  });
  expect(await log.find(other)).toMatchObject(admitted);
  expect(failures).toEqual([]);
});

test('what was kept is written by the task that runs when the answer is out', async () => {
  const { log, tasks } = setUp();
  const id = makeRequestId(NOON);
  await log.record(id, denied);
  tasks[0]?.();
  await setImmediate();
  expect(await log.find(id)).toBeDefined();
});

test('an attempt that names no machine and no bot is in no index', async () => {
  const { log, table } = setUp();
  await log.record(makeRequestId(NOON), { outcome: 'denied', reason: 'rule_mismatch' });
  await log.flush();
  const partitions = (await table.list({})).map(({ partition }) => partition);
  expect(partitions).toEqual([
    expect.stringMatching(/^20261120T1200-[0-9a-f]$/),
    'refused-20261120T1200',
  ]);
});

test('a thousand attempts are one task, few writes, and all found', async () => {
  const memory = createMemoryTable();
  let writes = 0;
  const { log, tasks } = setUp({
    ...memory,
    apply: (operations) => {
      writes += 1;
      return memory.apply(operations);
    },
  });
  const ids = Array.from({ length: 1000 }, () => makeRequestId(NOON));
  for (const id of ids) await log.record(id, denied);
  await log.flush();
  expect(tasks).toHaveLength(1);
  expect(writes).toBeLessThanOrEqual(32);
  expect((await Promise.all(ids.map(log.find))).every(Boolean)).toBe(true);
});

test('storage that is down is told of, and stops nothing', async () => {
  const { log, failures, tasks } = setUp({
    ...createMemoryTable(),
    apply: () => Promise.reject(unavailable('storage can not be asked now')),
  });
  await log.record(makeRequestId(NOON), denied);
  await log.flush();
  const told =
    '1 joins could not be written to the join log: Refusal: storage can not be asked now';
  expect(failures).toEqual([told]);
  expect(tasks).toHaveLength(1);
});

test('denials that can not be kept are counted and told', async () => {
  const { log, failures } = setUp();
  for (let i = 0; i < 5003; i += 1) await log.record(makeRequestId(NOON), denied);
  await log.flush();
  expect(failures).toEqual(['3 joins were not kept in the join log']);
});

test('an admission waits until there is room: however many denials come, it is found', async () => {
  const { log, failures } = setUp();
  for (let i = 0; i < 5000; i += 1) await log.record(makeRequestId(NOON), denied);
  const id = makeRequestId(NOON);
  await log.record(id, admitted);
  await log.flush();
  expect(await log.find(id)).toMatchObject(admitted);
  expect(failures).toEqual([]);
});

test('an admission that could not be written is written later; what was denied is told as lost', async () => {
  const memory = createMemoryTable();
  let down = true;
  const { log, tasks } = setUp({
    ...memory,
    apply: (operations) =>
      down ? Promise.reject(unavailable('storage can not be asked now')) : memory.apply(operations),
  });
  const ids = [makeRequestId(NOON), makeRequestId(NOON)];
  await log.record(ids[0] ?? '', admitted);
  await log.record(ids[1] ?? '', denied);
  await log.flush();
  down = false;
  expect(tasks).toHaveLength(2);
  tasks[1]?.();
  await log.flush();
  expect((await Promise.all(ids.map(log.find))).map(Boolean)).toEqual([true, false]);
});

describe('what storage refuses for what it says', () => {
  const refusing = (status: number, isRefused: (json: string) => boolean) => {
    const memory = createMemoryTable();
    let asked = 0;
    const apply: Table['apply'] = async (operations) => {
      asked += 1;
      const texts = operations.map((one) => ('row' in one ? String(one.row.values['json']) : ''));
      if (texts.some(isRefused))
        throw unavailable('storage can not be asked now', 5, { statusCode: status });
      return memory.apply(operations);
    };
    return { ...setUp({ ...memory, apply }), asked: () => asked };
  };
  const ids = [0, 1, 2, 3].map(() => makeRequestId(NOON));
  const bad = { ...admitted, bot: 'refused' };
  const recordAll = async (log: JoinLog) => {
    for (const [i, id] of ids.entries()) await log.record(id, i === 1 ? bad : admitted);
    await log.flush();
  };

  test.each([400, 413])('(%i) is kept in short, and holds up no other', async (status) => {
    const { log, tasks, failures } = refusing(status, (json) => json.includes('"refused"'));
    await recordAll(log);
    const found = await Promise.all(ids.map(log.find));
    expect(found.map((one) => one?.detail)).toEqual([
      undefined,
      'refused by storage, as it was',
      undefined,
      undefined,
    ]);
    expect(found[1]).toMatchObject({ outcome: 'admitted' });
    // The batch, and the one.
    expect(failures.map((why) => why.slice(0, 2))).toEqual(['4 ', '1 ']);
    // Nothing waits.
    expect(tasks).toHaveLength(1);
    const { problems } = await log.verify({ since: NOON, until: NOON, after: undefined });
    expect(problems).toEqual([]);
  });

  test('waits alone, where it is refused in short, too', async () => {
    const { log, tasks } = refusing(400, (json) => json.includes(ids[1] ?? ''));
    await recordAll(log);
    const found = await Promise.all(ids.map(log.find));
    expect(found.map(Boolean)).toEqual([true, false, true, true]);
    expect(tasks).toHaveLength(2);
  });

  test('is told from a key that can not be had: all wait as they are', async () => {
    const memory = createMemoryTable();
    const failing = unavailable('the keys can not be loaded now', 5, { statusCode: 400 });
    let key: () => Promise<typeof KEY> = () => Promise.reject(failing);
    const log = createJoinLog({
      table: memory,
      later: () => {},
      onFailure: () => {},
      key: () => key(),
      now: () => NOON,
    });
    await recordAll(log);
    key = async () => KEY;
    await log.flush();
    const found = await Promise.all(ids.map(log.find));
    expect(found.map((one) => one?.bot)).toEqual([undefined, 'refused', undefined, undefined]);
  });

  test.each([403, 429, 503])('is told from what ails storage (%i): all wait', async (status) => {
    const { log, asked } = refusing(status, () => true);
    await recordAll(log);
    expect(asked()).toBe(1);
  });
});

test('where the log can not be written at all, an admission fails rather than leave no trace', async () => {
  const table = {
    ...createMemoryTable(),
    apply: () => Promise.reject(unavailable('storage can not be asked now')),
  };
  const log = createJoinLog({
    table,
    later: () => {},
    onFailure: () => {},
    most: 2,
    key: async () => KEY,
    now: () => NOON,
  });
  await log.record(makeRequestId(NOON), admitted);
  await log.record(makeRequestId(NOON), admitted);
  await expect(log.record(makeRequestId(NOON), admitted)).rejects.toMatchObject({
    code: 'unavailable',
  });
});

describe('where a function instance is, is written down', () => {
  function watched(isDown = () => false) {
    const table = createMemoryTable();
    let time = NOON.getTime();
    let marks = 0;
    const parts = setUp(
      {
        ...table,
        async apply(operations) {
          const [first] = operations;
          const isMark = first && 'row' in first && first.row.partition === 'writers';
          if (isMark && isDown()) throw unavailable('storage can not be asked now');
          if (isMark) marks += 1;
          return table.apply(operations);
        },
      },
      () => new Date(time),
    );
    const record = async (): Promise<string> => {
      const id = makeRequestId(new Date(time));
      await parts.log.record(id, admitted);
      await parts.log.flush();
      return id;
    };
    /** The last row that its mark names. */
    const told = async (): Promise<string | undefined> => {
      const rows = await table.list({ partition: 'writers' });
      expect(rows.length).toBeLessThanOrEqual(1);
      return rows[0] && JSON.parse(String(rows[0].values['json'])).last.key;
    };
    const at = (seconds: number): void => {
      time = NOON.getTime() + seconds * 1000;
    };
    return { ...parts, record, told, at, now: () => new Date(time), marks: () => marks };
  }

  test('every ten minutes, as far as it has written anything', async () => {
    const { record, told, at } = watched();
    at(599.999);
    await record();
    expect(await told()).toBeUndefined();
    at(600);
    const first = await record();
    expect(await told()).toBe(first);
    at(1199.999);
    await record();
    expect(await told()).toBe(first);
    at(1200);
    expect(await told()).toBe(first);
    const last = await record();
    expect(await told()).toBe(last);
  });

  test('when it ends, once', async () => {
    const { log, record, told, marks } = watched();
    await log.end();
    expect(marks()).toBe(0);
    const id = await record();
    await log.end();
    expect(await told()).toBe(id);
    await log.end();
    expect(marks()).toBe(1);
  });

  test('before an anchor, which names it', async () => {
    const { log, table, record, now } = watched();
    expect(await log.anchor(now())).toBeUndefined();
    const id = await record();
    expect(await log.anchor(now())).toMatchObject({ key: '2026-11-20T12:00:00Z-0' });
    const [anchor] = await table.list({ partition: 'anchors' });
    expect(JSON.parse(String(anchor?.values['json'])).last).toMatchObject([{ key: id }]);
  });

  test('and where it can not be, that is told, and tried again', async () => {
    let down = true;
    const { log, record, told, failures } = watched(() => down);
    const id = await record();
    await log.end();
    expect(failures).toEqual([
      expect.stringMatching(/^the end of the join log could not be written/),
    ]);
    down = false;
    await log.end();
    expect(await told()).toBe(id);
  });
});

test('sweeping removes what is older than the retention, and nothing else', async () => {
  const { log } = setUp();
  const at = (days: number): Date => new Date(NOON.getTime() + days * DAY_MS);
  const ids = [0, 1, JOIN_LOG_DAYS].map((days) => makeRequestId(at(days)));
  for (const id of ids) await log.record(id, denied);
  await log.flush();
  expect(await log.sweep(at(JOIN_LOG_DAYS))).toBe(0);
  // Of a refusal there are two rows, and one that finds it by its machine; and the day's.
  expect(await log.sweep(at(JOIN_LOG_DAYS + 1))).toBe(4);
  expect((await Promise.all(ids.map(log.find))).map(Boolean)).toEqual([false, true, true]);
});

test('sweeping removes more rows than a transaction takes, refusals and attempts alike', async () => {
  const { log, table } = setUp();
  for (let i = 0; i < 250; i += 1) await log.record(makeRequestId(NOON), denied);
  await log.flush();
  expect(await log.sweep(new Date(NOON.getTime() + (JOIN_LOG_DAYS + 1) * DAY_MS))).toBe(751);
  expect(await table.list({})).toEqual([]);
});

/** Attempts that are found by five names each: of 1,100 of them a sweep removes 7,701 rows, and reads 5,000 at once. */
async function fill({ record, flush }: Pick<JoinLog, 'record' | 'flush'>): Promise<void> {
  for (let i = 0; i < 1100; i += 1)
    await record(makeRequestId(NOON), {
      ...denied,
      bot: 'example',
      resource_id: `/vm-${i}`,
      instance_id: `i-${i}`,
      aws_arn: `arn-${i}`,
    });
  await flush();
}

test('one sweep removes more than it reads at once, and leaves no row that finds nothing', async () => {
  const { log, table } = setUp();
  await fill(log);
  const over = new Date(NOON.getTime() + (JOIN_LOG_DAYS + 1) * DAY_MS);
  expect(await log.sweep(over)).toBe(7701);
  expect(await table.list({})).toEqual([]);
});

test('a sweep that takes too long ends, and the next one goes on', async () => {
  const table = createMemoryTable();
  let time = NOON.getTime() + (JOIN_LOG_DAYS + 1) * DAY_MS;
  const log = createJoinLog({
    table,
    later: () => {},
    onFailure: () => {},
    key: async () => KEY,
    now: () => {
      time += 200_000;
      return new Date(time);
    },
  });
  await fill(log);
  expect(await log.sweep(new Date(time))).toBe(6100);
  expect(await log.sweep(new Date(time))).toBe(1601);
});

describe('a list', () => {
  const at = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);
  const admitted: JoinFacts = { outcome: 'admitted', vm_id: VM };
  const all = { since: NOON, until: at(3600), after: undefined, refusedOnly: false };

  /** Counts what is asked of the table. */
  function watched() {
    const { table, queries } = askedTable();
    return { ...setUp(table), queries };
  }

  async function filled(count: number, secondsBetween: number) {
    const parts = watched();
    const ids: string[] = [];
    for (let i = 0; i < count; i += 1) {
      const id = makeRequestId(at(i * secondsBetween));
      ids.push(id);
      await parts.log.record(id, i % 10 === 0 ? denied : admitted);
      if (i % 1000 === 999) await parts.log.flush();
    }
    await parts.log.flush();
    return { ...parts, ids };
  }

  test('has the attempts of a time, oldest first', async () => {
    const { log, ids } = await filled(100, 30);
    const idsOf = async (query: object) =>
      (await log.list({ ...all, ...query })).items.map(({ request_id }) => request_id);
    expect(await idsOf({})).toEqual(ids);
    expect(await idsOf({ since: at(60), until: at(90) })).toEqual(ids.slice(2, 4));
    expect(await idsOf({ since: at(59), until: at(59) })).toEqual([]);
    expect(await idsOf({ refusedOnly: true })).toEqual(ids.filter((_, i) => i % 10 === 0));
  });

  test.each([false, true])(
    'goes on page by page, each of them in two questions (refused: %s)',
    async (refusedOnly) => {
      const { log, ids, queries } = await filled(refusedOnly ? 4500 : 2500, 0.5);
      const wanted = refusedOnly ? ids.filter((_, i) => i % 10 === 0) : ids;
      const seen: string[] = [];
      let after: string | undefined;
      do {
        queries.length = 0;
        const page = await log.list({ ...all, after, refusedOnly });
        expect(queries.length).toBeLessThanOrEqual(2);
        for (const { most } of queries) expect(most).toBeLessThanOrEqual(1000);
        seen.push(...page.items.map(({ request_id }) => request_id));
        after = page.next;
      } while (after !== undefined);
      expect(seen.toSorted()).toEqual(wanted);
      expect(new Set(seen).size).toBe(seen.length);
    },
  );

  test('has every refusal of a minute that had more of them than a transaction takes', async () => {
    const { log } = watched();
    const ids = Array.from({ length: 250 }, () => makeRequestId(NOON));
    for (const id of ids) await log.record(id, denied);
    await log.flush();
    const { items } = await log.list({ ...all, refusedOnly: true });
    expect(items.map(({ request_id }) => request_id)).toEqual(ids.toSorted());
  });

  test('who asks for refusals reads no rows of those who were admitted', async () => {
    const { log, queries } = await filled(10, 1);
    await log.list({ ...all, refusedOnly: true });
    expect(queries).toEqual([
      {
        partitionAfter: 'refused-20261120T120/~',
        partitionBelow: 'refused-20261120T1300~',
        most: 1000,
      },
    ]);
  });

  describe('of one machine or bot', () => {
    const ARN = 'arn:aws:sts::111111111111:assumed-role/example/i-1';
    const INSTANCE = '8e7a4f0c-5d0b-4b39-a8f3-3a4d1f0c9b7e';
    const resource = (name: string) =>
      `/subscriptions/1/resourcegroups/g/providers/microsoft.compute/virtualmachines/${name}`;
    const mine: JoinFacts = {
      outcome: 'admitted',
      bot: 'robot',
      join_token: 'robot-token',
      vm_id: VM,
      resource_id: resource('vm-a'),
      instance_id: INSTANCE,
    };

    const others: JoinFacts = {
      ...admitted,
      vm_id: undefined,
      bot: 'other',
      join_token: 'other-token',
    };

    /** Attempts of three days, every tenth of which is mine. */
    async function crowded(facts: JoinFacts = mine) {
      const parts = watched();
      const own: string[] = [];
      for (let i = 0; i < 300; i += 1) {
        const id = makeRequestId(at(i * 900));
        const isOwn = i % 10 === 0;
        if (isOwn) own.push(id);
        await parts.log.record(id, isOwn ? facts : others);
      }
      await parts.log.flush();
      return { ...parts, own };
    }
    const whole = { ...all, until: at(300 * 900) };
    const idsOf = ({ items }: { readonly items: readonly { request_id: string }[] }) =>
      items.map(({ request_id }) => request_id);

    test.each<[IndexedBy, string, string, JoinFacts]>([
      ['machine', 'its vmId, in any case', VM.toUpperCase(), mine],
      ['machine', 'its name, in any case', 'VM-A', mine],
      ['machine', 'its resource id', resource('vm-a').toUpperCase(), mine],
      ['machine', 'its instance', INSTANCE, mine],
      ['machine', 'its ARN', ARN, { outcome: 'admitted', aws_arn: ARN }],
      [
        'machine',
        'the vmId that it claims',
        VM,
        { ...denied, vm_id: undefined, claimed_vm_id: VM },
      ],
      ['bot', 'its name', 'robot', mine],
      ['token', 'its name', 'robot-token', mine],
    ])(
      '%s by %s has them all, oldest first, and reads no rows of others',
      async (by, _, value, facts) => {
        const { log, own, queries } = await crowded(facts);
        queries.length = 0;
        expect(idsOf(await log.list({ ...whole, of: { by, value } }))).toEqual(own);
        // One question for the days, and one for each part of the four days that this time is of.
        expect(queries).toHaveLength(1 + 4 * 4);
        for (const { keyAfter = '', keyBelow = '', partition } of queries.slice(1))
          expect({ partition, same: keyAfter.slice(0, 30) === keyBelow.slice(0, 30) }).toEqual({
            partition: expect.stringMatching(/^index-202611\d\d-[0-3]$/),
            same: true,
          });
      },
    );

    test('is of the time that is asked, to the millisecond', async () => {
      const { log, own } = await crowded();
      const of = { by: 'machine', value: VM } as const;
      const [, second = '', third = ''] = own;
      const times = [second, third].map((id) => at(own.indexOf(id) * 9000));
      const [since = NOON, until = NOON] = times;
      expect(idsOf(await log.list({ ...whole, since, until, of }))).toEqual([second, third]);
      const later = new Date(since.getTime() + 1);
      expect(idsOf(await log.list({ ...whole, since: later, until, of }))).toEqual([third]);
    });

    test('goes on page by page', async () => {
      const { log } = watched();
      const ids = Array.from({ length: 450 }, (_, i) => makeRequestId(at(i)));
      for (const id of ids) await log.record(id, mine);
      await log.flush();
      const seen: string[] = [];
      const sizes: number[] = [];
      let after: string | undefined;
      do {
        const page = await log.list({ ...all, after, of: { by: 'bot', value: 'robot' } });
        seen.push(...idsOf(page));
        sizes.push(page.items.length);
        after = page.next;
      } while (after !== undefined);
      expect({ seen, sizes }).toEqual({ seen: ids, sizes: [200, 200, 50] });
    });

    test('a copy that somebody changed is not believed: the attempt itself is asked', async () => {
      const { log, table, own } = await crowded();
      const rows = (await table.list({})).filter(({ key }) => key.startsWith('bot-'));
      for (const { etag: _, ...row } of rows) {
        const json = String(row.values['json']).replace('"admitted"', '"denied"');
        await table.apply([{ kind: 'put', row: { ...row, values: { ...row.values, json } } }]);
      }
      const { items } = await log.list({ ...whole, of: { by: 'bot', value: 'robot' } });
      expect(items.map(({ outcome }) => outcome)).toEqual(own.map(() => 'admitted'));
      const { problems } = await log.verify({ since: NOON, until: whole.until, after: undefined });
      expect(problems).toEqual([]);
    });

    test('rows that cannot be written beside the attempts are told of, and the attempts stand', async () => {
      const memory = createMemoryTable();
      const { log, failures } = setUp({
        ...memory,
        apply: (operations) =>
          JSON.stringify(operations).includes('"partition":"index-')
            ? Promise.reject(unavailable('storage can not be asked now'))
            : memory.apply(operations),
      });
      const id = makeRequestId(NOON);
      await log.record(id, mine);
      await log.flush();
      expect(await log.find(id)).toMatchObject({ bot: 'robot' });
      expect(failures).toEqual([
        expect.stringMatching(/^5 rows could not be written by which joins are found/),
        expect.stringMatching(/^1 days of joins could not be listed/),
      ]);
    });
  });

  test('what is written at once costs one transaction more, for what finds it', async () => {
    const memory = createMemoryTable();
    const sizes: number[] = [];
    const { log } = setUp({
      ...memory,
      apply: (operations) => {
        sizes.push(operations.length);
        return memory.apply(operations);
      },
    });
    const facts: JoinFacts = { ...admitted, bot: 'robot' };
    await log.record(makeRequestId(NOON), facts);
    await log.flush();
    sizes.length = 0;
    for (let i = 0; i < 40; i += 1) await log.record(makeRequestId(NOON), facts);
    await log.flush();
    expect(sizes).toEqual([40, 80]);
  });
});
