/** Conformance: generations, where answers are lost and renewals race (rows G2 and G6). */
import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createMemoryTables } from '../../shared/storage/memory-tables.ts';
import type { Table, Tables } from '../../shared/storage/table.ts';
import { createScene } from '../broker/fixtures.ts';
import { join, joined, makeJoin } from '../broker/joiner.ts';
import type { Answer } from '../broker/test-broker.ts';
import { watchTables } from '../broker/watched-tables.ts';

/** What must be the same in every answer to one request. */
const outcome = (answer: Answer): object => {
  const { instance_id, generation, certificates } = joined(answer);
  const leaves = certificates.map(({ tls, issued, expires }) => {
    const { serialNumber, validFrom, validTo } = new X509Certificate(tls);
    return { serialNumber, validFrom, validTo, issued, expires };
  });
  return { instance_id, generation, leaves };
};

describe('G2 where the answer is lost, the same request again gets the same', () => {
  test('first join, by another function instance, also after a renewal', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm);
    const repeat = (by = api) => by.request('POST', '/v1/join', { body: first.sent });
    expect(outcome(await repeat(api.another()))).toEqual(outcome(first));
    expect(await join(api, vm, { renews: first })).toBeAdmitted();
    expect(outcome(await repeat())).toEqual(outcome(first));
  });

  test('renewal, by another function instance, also after the next renewal', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm);
    const second = await join(api, vm, { renews: first });
    const repeat = (by = api) => by.request('POST', '/v1/join', { body: second.sent });
    expect(outcome(await repeat())).toEqual(outcome(second));
    expect(outcome(await repeat(api.another()))).toEqual(outcome(second));
    expect(outcome(second)).toMatchObject({
      generation: 2,
      instance_id: joined(first).instance_id,
    });
    const third = await join(api, vm, { renews: second });
    expect(joined(third).generation).toBe(3);
    expect(outcome(await repeat())).toEqual(outcome(second));
  });

  test('renewal, although time has passed', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm);
    const second = await join(api, vm, { renews: first });
    api.clock.advance(200);
    const again = await api.request('POST', '/v1/join', { body: second.sent });
    expect(outcome(again)).toEqual(outcome(second));
  });

  test('renewal by another request of the generation that was replaced: 409, and nobody is locked', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm);
    expect(await join(api, vm, { renews: first })).toBeAdmitted();
    api.clock.advance(3000);
    expect(await join(api, vm, { renews: first })).toBeProblem('instance_unknown');
    expect(await join(api, vm, { renews: first, instance: { generation: 3 } })).toBeProblem(
      'instance_unknown',
    );
    const locks = (await api.tables.resources.list({})).filter(({ key }) =>
      key.startsWith('lock!'),
    );
    expect(locks).toEqual([]);
  });
});

describe('G2 where storage', () => {
  /** A joined machine, and what its next renewal sends. */
  async function beforeRenewal() {
    const storage = watchTables();
    const { api, vm } = await createScene({ tables: storage.tables });
    const first = await join(api, vm);
    return { storage, api, vm, body: await makeJoin(api, vm, { renews: first }) };
  }

  test('does the write of a first join and its answer is lost: 503, and the same request is admitted once', async () => {
    const storage = watchTables();
    const { api, vm } = await createScene({ tables: storage.tables });
    const body = await makeJoin(api, vm);
    storage.fail('instances', 'answer_lost');
    expect(await api.request('POST', '/v1/join', { body })).toBeProblem('unavailable');
    storage.heal();
    const again = await api.request('POST', '/v1/join', { body });
    expect(joined(again).generation).toBe(1);
    expect(await api.tables.instances.list({})).toHaveLength(1);
  });

  test('does the write of a renewal and its answer is lost: 503, and the same request is admitted once', async () => {
    const { storage, api, body } = await beforeRenewal();
    storage.fail('instances', 'answer_lost');
    expect(await api.request('POST', '/v1/join', { body })).toBeProblem('unavailable');
    storage.heal();
    expect(joined(await api.request('POST', '/v1/join', { body })).generation).toBe(2);
    expect(joined(await api.request('POST', '/v1/join', { body })).generation).toBe(2);
  });

  test("meets the SDK's own second try of a first join: admitted", async () => {
    const storage = watchTables();
    const { api, vm } = await createScene({ tables: storage.tables });
    storage.fail('instances', 'tried_twice');
    const attempt = await join(api, vm);
    expect(joined(attempt).generation).toBe(1);
    storage.heal();
    const again = await api.request('POST', '/v1/join', { body: attempt.sent });
    expect(outcome(again)).toEqual(outcome(attempt));
  });

  test("meets the SDK's own second try of a renewal: admitted", async () => {
    const { storage, api, body } = await beforeRenewal();
    storage.fail('instances', 'tried_twice');
    const attempt = await api.request('POST', '/v1/join', { body });
    expect(joined(attempt).generation).toBe(2);
    storage.heal();
    expect(outcome(await api.request('POST', '/v1/join', { body }))).toEqual(outcome(attempt));
  });

  test('is down: 503, no certificate, and nothing is used up', async () => {
    const { storage, api, body } = await beforeRenewal();
    storage.fail('instances', 'down');
    const attempt = await api.request('POST', '/v1/join', { body });
    expect(attempt).toBeProblem('unavailable');
    expect(attempt.headers.get('retry-after')).toBe('5');
    storage.heal();
    expect(joined(await api.request('POST', '/v1/join', { body })).generation).toBe(2);
  });
});

/** Tables in which reads of an instance wait until so many of them have come: whoever reads then races. */
function tablesWhereReadersMeet(): { tables: Tables; meet: (readers: number) => void } {
  const memory = createMemoryTables();
  let waiting = 0;
  let { promise, resolve } = Promise.withResolvers<void>();
  resolve();
  const instances: Table = {
    ...memory.instances,
    async read(partition, key) {
      const row = await memory.instances.read(partition, key);
      waiting -= 1;
      if (waiting <= 0) resolve();
      await promise;
      return row;
    },
  };
  return {
    tables: { ...memory, instances },
    meet(readers) {
      waiting = readers;
      ({ promise, resolve } = Promise.withResolvers<void>());
    },
  };
}

describe('G6 two renewals that race from one healthy agent', () => {
  test('one is admitted, the other gets 409 try_again, nobody is locked, and the next one works', async () => {
    const { tables, meet } = tablesWhereReadersMeet();
    const { api, vm } = await createScene({ tables });
    const first = await join(api, vm);
    const bodies = [api, api.another()].map(async (by) => ({
      by,
      body: await makeJoin(by, vm, { renews: first, key: first.key }),
    }));
    const prepared = await Promise.all(bodies);
    meet(2);
    const answers = await Promise.all(
      prepared.map(({ by, body }) => by.request('POST', '/v1/join', { body })),
    );
    const [admitted, put_off] = answers.toSorted((a, b) => a.status - b.status);
    if (!admitted || !put_off) throw new Error('no answers');
    expect(joined(admitted).generation).toBe(2);
    expect(put_off).toBeProblem('try_again');
    const locks = (await api.tables.resources.list({})).filter(({ key }) =>
      key.startsWith('lock!'),
    );
    expect(locks).toEqual([]);
    const next = await join(api, vm, { renews: first, instance: { generation: 2 } });
    expect(joined(next).generation).toBe(3);
  });

  test('with one and the same request, both get the same generation', async () => {
    const { tables, meet } = tablesWhereReadersMeet();
    const { api, vm } = await createScene({ tables });
    const first = await join(api, vm);
    const body = await makeJoin(api, vm, { renews: first });
    meet(2);
    const answers = await Promise.all(
      [api, api.another()].map((by) => by.request('POST', '/v1/join', { body })),
    );
    const [one, other] = answers.map(outcome);
    expect(one).toEqual(other);
    expect(one).toMatchObject({ generation: 2 });
  });
});
