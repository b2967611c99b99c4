import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTables, type Tables as TableServer } from '../../../local/tables.ts';
import { openAzureTables } from '../../../shared/storage/azure-tables.ts';
import type { Table } from '../../../shared/storage/table.ts';
import { describeTable } from './described-table.ts';

let server: TableServer;
beforeAll(async () => {
  server = await startTables();
});
afterAll(() => server.close());

const openServer = ({ url, key } = server) => openAzureTables({ url, credential: { key } });

describeTable('on a table server', () => openServer().resources);

describe('a table on a table server', () => {
  test('is made when it is first used, by any number of calls at once', async () => {
    const own = await startTables();
    try {
      const { keys, instances } = openServer(own);
      expect(await keys.list({})).toEqual([]);
      expect(await openServer(own).instances.read('a', 'b')).toBeUndefined();
      const rows = [1, 2, 3].map((n) => ({ partition: 'p', key: `k${n}`, values: { n } }));
      const written = await Promise.all([
        ...rows.slice(0, 2).map((row) => instances.apply([{ kind: 'insert', row }])),
        ...rows.slice(2).map((row) => openServer(own).instances.apply([{ kind: 'insert', row }])),
      ]);
      expect(written).toEqual([true, true, true]);
      expect(await instances.list({})).toHaveLength(3);
      expect(await keys.list({})).toEqual([]);
    } finally {
      await own.close();
    }
  });

  test('is made by a transaction, too', async () => {
    const own = await startTables();
    try {
      const rows = ['a', 'b'].map((key) => ({ partition: 'p', key, values: {} }));
      const operations = rows.map((row) => ({ kind: 'insert', row }) as const);
      expect(await openServer(own).resources.apply(operations)).toBe(true);
    } finally {
      await own.close();
    }
  });

  test.each<[string, (table: Table) => Promise<unknown>]>([
    ['reading', (table) => table.read('p', 'k')],
    ['listing', (table) => table.list({})],
    [
      'writing',
      (table) => table.apply([{ kind: 'put', row: { partition: 'p', key: 'k', values: {} } }]),
    ],
    [
      'a transaction',
      (table) =>
        table.apply(
          [1, 2].map((n) => ({ kind: 'put', row: { partition: 'p', key: `k${n}`, values: {} } })),
        ),
    ],
  ])('that is down: %s is unavailable for now', async (_, call) => {
    const own = await startTables();
    const { resources } = openServer(own);
    await own.close();
    await expect(call(resources)).rejects.toMatchObject({
      name: 'Refusal',
      code: 'unavailable',
      message: 'table storage can not be asked now',
      retryAfter: 5,
      cause: expect.anything(),
    });
  });

  test.each([
    [409, 'EntityAlreadyExists', false],
    [412, 'UpdateConditionNotSatisfied', false],
    [412, 'ConditionNotMet', false],
    [404, 'ResourceNotFound', false],
    [404, 'EntityNotFound', false],
    [409, 'TableBeingDeleted', 'unavailable'],
    [412, 'AnythingElse', 'unavailable'],
    [403, 'AuthorizationFailure', 'unavailable'],
  ])('that answers %i %s: %s', async (status, code, said) => {
    const answering = createServer((_, response) => {
      const error = { 'odata.error': { code, message: { lang: 'en', value: code } } };
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(error));
    });
    await once(answering.listen(0, '127.0.0.1'), 'listening');
    const { port } = answering.address() as AddressInfo;
    try {
      const url = `http://127.0.0.1:${port}/account`;
      const { resources } = openServer({ ...server, url });
      const row = { partition: 'p', key: 'k', values: {} };
      const answer = resources.apply([{ kind: 'replace', row, etag: '"1"' }]);
      expect(await answer.catch((error: { code: string }) => error.code)).toBe(said);
    } finally {
      answering.closeAllConnections();
      answering.close();
    }
  });

  test('that refuses a transaction for what it says tells that status', async () => {
    const operations = ['a/1', 'a/2'].map(
      (key) => ({ kind: 'put', row: { partition: 'p', key, values: {} } }) as const,
    );
    await expect(openServer().resources.apply(operations)).rejects.toMatchObject({
      code: 'unavailable',
      cause: { statusCode: 400 },
    });
  });

  test('that knows another key is unavailable, and nothing shows ours', async () => {
    const key = randomBytes(64).toString('base64');
    const { resources } = openServer({ ...server, key });
    const refusal = await resources.read('p', 'k').catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'unavailable' });
    expect(String((refusal as Error).cause)).not.toContain(key);
  });
});
