/** One suite for every implementation: what a test in memory shows holds for Azure's storage too. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Query, Row, Table, Value } from '../../../shared/storage/table.ts';

/** A partition that no other test uses. */
const newPartition = (): string => `p${randomBytes(6).toString('hex')}`;

export const describeTable = (name: string, open: () => Table) =>
  describe(`a table ${name}`, () => {
    const row = (partition: string, key: string, values: Row['values'] = { text: 'a' }): Row => ({
      partition,
      key,
      values,
    });
    const insert = (one: Row) => open().apply([{ kind: 'insert', row: one }]);
    const replace = (one: Row, etag: string) => open().apply([{ kind: 'replace', row: one, etag }]);
    const remove = (partition: string, key: string, etag: string) =>
      open().apply([{ kind: 'remove', partition, key, etag }]);
    const etagOf = async (partition: string, key: string): Promise<string> =>
      (await open().read(partition, key))?.etag ?? 'there is no row';
    const keysOf = async (partition: string): Promise<string[]> =>
      (await open().list({ partition })).map(({ key }) => key).toSorted();

    describe('a row', () => {
      test('comes back as it was inserted', async () => {
        const p = newPartition();
        const values = { text: 'a "quoted" ✓ text', empty: '', number: 5 };
        expect(await open().read(p, 'a')).toBeUndefined();
        expect(await insert(row(p, 'a', values))).toBe(true);
        expect(await open().read(p, 'a')).toEqual({
          ...row(p, 'a', values),
          etag: expect.any(String),
        });
      });

      test.each<[string, Value]>([
        ['zero', 0],
        ['a negative number', -1],
        ['more than 31 bits', 2 ** 31],
        ['a time in seconds', 1_795_176_000],
        ['the largest number', Number.MAX_SAFE_INTEGER],
        ['digits as text', '123'],
        ['text that looks like a date', '2026-11-20T12:00:00Z'],
        ['text that looks like a GUID', '11111111-1111-4111-8111-111111111111'],
        ['the longest text', 'ü'.repeat(32_768)],
      ])('keeps %s', async (_, value) => {
        const p = newPartition();
        await insert(row(p, 'a', { value }));
        expect((await open().read(p, 'a'))?.values).toEqual({ value });
      });

      test('is inserted once', async () => {
        const p = newPartition();
        const answers = await Promise.all([1, 2, 3, 4].map((n) => insert(row(p, 'a', { n }))));
        expect(answers.filter(Boolean)).toHaveLength(1);
        expect((await open().read(p, 'a'))?.values).toEqual({ n: answers.indexOf(true) + 1 });
      });

      test('is replaced whole, by its ETag', async () => {
        const p = newPartition();
        await insert(row(p, 'a', { one: 1, two: 2 }));
        const etag = await etagOf(p, 'a');
        expect(await replace(row(p, 'a', { two: 3 }), etag)).toBe(true);
        expect((await open().read(p, 'a'))?.values).toEqual({ two: 3 });
      });

      test('is not replaced by an ETag that it had, or where it is gone', async () => {
        const p = newPartition();
        await insert(row(p, 'a', { n: 1 }));
        const etag = await etagOf(p, 'a');
        await replace(row(p, 'a', { n: 2 }), etag);
        expect(await replace(row(p, 'a', { n: 3 }), etag)).toBe(false);
        expect((await open().read(p, 'a'))?.values).toEqual({ n: 2 });
        expect(await replace(row(p, 'b'), etag)).toBe(false);
        expect(await replace(row(p, 'b'), '*')).toBe(false);
        expect(await keysOf(p)).toEqual(['a']);
      });

      test('has another ETag after every write, even of the same values', async () => {
        const p = newPartition();
        const etags = new Set<string>();
        for (let i = 0; i < 3; i += 1) {
          await open().apply([{ kind: 'put', row: row(p, 'a') }]);
          etags.add(await etagOf(p, 'a'));
        }
        expect(etags.size).toBe(3);
      });

      test('is put, whatever is there', async () => {
        const p = newPartition();
        expect(await open().apply([{ kind: 'put', row: row(p, 'a', { n: 1 }) }])).toBe(true);
        expect(await open().apply([{ kind: 'put', row: row(p, 'a', { m: 2 }) }])).toBe(true);
        expect((await open().read(p, 'a'))?.values).toEqual({ m: 2 });
      });

      test('is removed by its ETag', async () => {
        const p = newPartition();
        await insert(row(p, 'a'));
        const old = await etagOf(p, 'a');
        await replace(row(p, 'a'), old);
        expect(await remove(p, 'a', old)).toBe(false);
        expect(await remove(p, 'a', await etagOf(p, 'a'))).toBe(true);
        expect(await remove(p, 'a', '*')).toBe(false);
        expect(await open().read(p, 'a')).toBeUndefined();
      });

      test('any ETag stands for whatever is there', async () => {
        const p = newPartition();
        await insert(row(p, 'a'));
        expect(await replace(row(p, 'a', { n: 1 }), '*')).toBe(true);
        expect(await remove(p, 'a', '*')).toBe(true);
      });

      test('of many that replace it at once one wins', async () => {
        const p = newPartition();
        await insert(row(p, 'a'));
        const etag = await etagOf(p, 'a');
        const answers = await Promise.all([1, 2, 3].map((n) => replace(row(p, 'a', { n }), etag)));
        expect(answers.filter(Boolean)).toHaveLength(1);
      });
    });

    describe('a transaction', () => {
      const operations = (p: string, etag: string) => [
        { kind: 'insert', row: row(p, 'new') } as const,
        { kind: 'replace', row: row(p, 'old', { n: 2 }), etag } as const,
        { kind: 'put', row: row(p, 'put') } as const,
        { kind: 'remove', partition: p, key: 'gone', etag: '*' } as const,
      ];
      const prepare = async (): Promise<{ p: string; etag: string }> => {
        const p = newPartition();
        await insert(row(p, 'old', { n: 1 }));
        await insert(row(p, 'gone'));
        return { p, etag: await etagOf(p, 'old') };
      };

      test('does everything', async () => {
        const { p, etag } = await prepare();
        expect(await open().apply(operations(p, etag))).toBe(true);
        expect(await keysOf(p)).toEqual(['new', 'old', 'put']);
        expect((await open().read(p, 'old'))?.values).toEqual({ n: 2 });
      });

      test.each<[string, (p: string) => Promise<unknown>]>([
        ['a row to insert exists', (p) => insert(row(p, 'new', { n: 1 }))],
        ['a row to replace has changed', (p) => replace(row(p, 'old', { n: 1 }), '*')],
        ['a row to replace is gone', (p) => remove(p, 'old', '*')],
        ['a row to remove is gone', (p) => remove(p, 'gone', '*')],
      ])('does nothing where %s', async (_, change) => {
        const { p, etag } = await prepare();
        await change(p);
        const before = await open().list({ partition: p });
        expect(await open().apply(operations(p, etag))).toBe(false);
        expect(await open().list({ partition: p })).toEqual(before);
      });
    });

    describe('a list', () => {
      test('is of one partition, or of all', async () => {
        const [p, q] = [newPartition(), `${newPartition()}o'clock`];
        for (const one of [row(p, 'b'), row(p, 'a'), row(q, 'c')]) await insert(one);
        expect(await keysOf(p)).toEqual(['a', 'b']);
        expect(await keysOf(q)).toEqual(['c']);
        expect(await keysOf(newPartition())).toEqual([]);
        const all = await open().list({});
        expect(all.filter(({ partition }) => [p, q].includes(partition))).toHaveLength(3);
        expect(all.find(({ partition }) => partition === q)).toEqual(await open().read(q, 'c'));
      });

      test('goes on to its second page, unless fewer rows are enough', async () => {
        const p = newPartition();
        const rows = Array.from({ length: 1100 }, (_, i) => row(p, `k${i}`));
        for (let i = 0; i < rows.length; i += 100)
          await open().apply(
            rows.slice(i, i + 100).map((one) => ({ kind: 'insert', row: one }) as const),
          );
        const all = await open().list({ partition: p });
        expect(new Set(all.map(({ key }) => key)).size).toBe(1100);
        for (const most of [1, 1000, 1050])
          expect(await open().list({ partition: p, most })).toHaveLength(most);
      });

      test('is of the partitions between two texts, neither of them included', async () => {
        const p = newPartition();
        for (const end of ['-1', '-2', '-3', '-4']) await insert(row(p + end, 'k'));
        const between = { partitionAfter: `${p}-1`, partitionBelow: `${p}-4` };
        const partitions = (await open().list(between)).map(({ partition }) => partition);
        expect(partitions).toEqual([`${p}-2`, `${p}-3`]);
      });

      test('is of the keys between two texts, neither of them included, in their order', async () => {
        const p = newPartition();
        for (const key of ['d', 'b', 'a', 'c', "b'"]) await insert(row(p, key));
        const keysIn = async (query: Query) =>
          (await open().list({ partition: p, ...query })).map(({ key }) => key);
        expect(await keysIn({ keyAfter: 'a', keyBelow: 'd' })).toEqual(['b', "b'", 'c']);
        expect(await keysIn({ keyAfter: 'b' })).toEqual(["b'", 'c', 'd']);
        expect(await keysIn({ keyBelow: "b'" })).toEqual(['a', 'b']);
        expect(await keysIn({ keyAfter: 'd' })).toEqual([]);
      });

      test('has the columns that are asked for, and no others', async () => {
        const p = newPartition();
        await insert(row(p, 'a', { one: 1, two: 'b', three: 3 }));
        const [found] = await open().list({ partition: p, columns: ['one', 'two', 'none'] });
        expect(found).toEqual({ ...row(p, 'a', { one: 1, two: 'b' }), etag: expect.any(String) });
      });

      test('is of the rows whose number is below a value', async () => {
        const p = newPartition();
        for (const n of [9, 10, 11, Number.MAX_SAFE_INTEGER]) await insert(row(p, `k${n}`, { n }));
        await insert(row(p, 'without', { other: 1 }));
        const below = async (value: number): Promise<string[]> =>
          (await open().list({ partition: p, below: { column: 'n', value } }))
            .map(({ key }) => key)
            .toSorted();
        expect(await below(9)).toEqual([]);
        expect(await below(11)).toEqual(['k10', 'k9']);
        expect(await below(Number.MAX_SAFE_INTEGER)).toEqual(['k10', 'k11', 'k9']);
      });
    });

    test('refuses what is too large for a row, and writes nothing', async () => {
      const p = newPartition();
      const tooLong = row(p, 'a', { text: 'a'.repeat(32_769) });
      for (const kind of ['insert', 'put'] as const)
        await expect(open().apply([{ kind, row: tooLong }])).rejects.toThrow(
          'a row is too large: text is longer than 32768 characters',
        );
      await expect(
        open().apply([
          { kind: 'insert', row: row(p, 'b') },
          { kind: 'insert', row: tooLong },
        ]),
      ).rejects.toThrow('a row is too large');
      expect(await keysOf(p)).toEqual([]);
    });

    test('applies 100 operations at once, and refuses one more', async () => {
      const p = newPartition();
      const rows = (count: number) =>
        Array.from({ length: count }, (_, i) => ({ kind: 'put', row: row(p, `k${i}`) }) as const);
      await expect(open().apply(rows(101))).rejects.toThrow('more than 100 operations at once');
      expect(await keysOf(p)).toEqual([]);
      expect(await open().apply(rows(100))).toBe(true);
      expect(await keysOf(p)).toHaveLength(100);
    });

    test('refuses operations on two partitions at once, whatever they do', async () => {
      const [p, q] = [newPartition(), newPartition()];
      await insert(row(p, 'a'));
      const put = { kind: 'put', row: row(q, 'a') } as const;
      const remove = { kind: 'remove', partition: p, key: 'a', etag: '*' } as const;
      for (const operations of [
        [put, remove],
        [put, { ...put, row: row(p, 'b') }],
      ])
        await expect(open().apply(operations)).rejects.toThrow('more than one partition');
      expect(await keysOf(q)).toEqual([]);
      expect(await keysOf(p)).toEqual(['a']);
    });

    test('a row that was read is not the stored one', async () => {
      const p = newPartition();
      const values: Record<string, Value> = { n: 1 };
      await insert(row(p, 'a', values));
      values['n'] = 2;
      const read = await open().read(p, 'a');
      Object.assign(read?.values ?? {}, { n: 3 });
      expect((await open().read(p, 'a'))?.values).toEqual({ n: 1 });
    });
  });
