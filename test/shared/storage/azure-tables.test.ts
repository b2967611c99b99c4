import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { startTables, type Tables as TableServer } from '../../../local/tables.ts';
import { DEADLINE_MS } from '../../../shared/deadline.ts';
import { openAzureTables } from '../../../shared/storage/azure-tables.ts';
import type { Table } from '../../../shared/storage/table.ts';
import { describeTable } from './described-table.ts';

let server: TableServer;
beforeAll(async () => {
  server = await startTables();
});
afterAll(() => server.close());

const openServer = ({ url, key } = server) => openAzureTables({ url, credential: { key } });

const ends: (() => void)[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const end of ends.splice(0)) end();
});

/** Tables of a server that answers as it is told, what it was asked, and how many still wait for an answer. */
async function answering(answer: RequestListener) {
  const asked: string[] = [];
  const waiting = new Set<unknown>();
  const answers = createServer((request, response) => {
    asked.push(`${request.method} ${decodeURIComponent(request.url ?? '')}`);
    waiting.add(response);
    response.on('close', () => waiting.delete(response));
    request.resume();
    answer(request, response);
  });
  await once(answers.listen(0, '127.0.0.1'), 'listening');
  ends.push(() => {
    answers.closeAllConnections();
    answers.close();
  });
  const { port } = answers.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/account`;
  return { ...openServer({ ...server, url }), url, asked, waiting };
}

/** An error as the service says it. */
const saying =
  (status: number, code: string, headers: Record<string, string> = {}): RequestListener =>
  (_, response) => {
    const error = { 'odata.error': { code, message: { lang: 'en', value: code } } };
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(error));
  };

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
    const { resources } = await answering(saying(status, code));
    const row = { partition: 'p', key: 'k', values: {} };
    const answer = resources.apply([{ kind: 'replace', row, etag: '"1"' }]);
    expect(await answer.catch((error: { code: string }) => error.code)).toBe(said);
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

const row = { partition: 'p', key: 'k', values: {} };
const CALLS: readonly [string, (table: Table) => Promise<unknown>][] = [
  ['a read', (table) => table.read('p', 'k')],
  ['a list', (table) => table.list({})],
  ['an insertion', (table) => table.apply([{ kind: 'insert', row }])],
  ['a row that is put', (table) => table.apply([{ kind: 'put', row }])],
  ['a replacement', (table) => table.apply([{ kind: 'replace', row, etag: '*' }])],
  ['a removal', (table) => table.apply([{ kind: 'remove', partition: 'p', key: 'k', etag: '*' }])],
  [
    'a transaction',
    (table) =>
      table.apply([
        { kind: 'put', row },
        { kind: 'put', row: { ...row, key: 'l' } },
      ]),
  ],
];

describe('a call', () => {
  const UNAVAILABLE = { name: 'Refusal', code: 'unavailable' };
  const never: RequestListener = () => {};
  const missing = saying(404, 'TableNotFound');
  type Ended = [string, (table: Table) => Promise<unknown>, RequestListener];
  const isMaking = (url: string | undefined): boolean => url?.includes('/Tables') === true;

  test.each<Ended>([
    ...CALLS.map(([name, call]): Ended => [name, call, never]),
    [
      'the making of a table',
      (table) => table.read('p', 'k'),
      (request, response) => (isMaking(request.url) ? never : missing)(request, response),
    ],
  ])('is given up in the end, and closed: %s', async (_, call, answer) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { resources, waiting } = await answering(answer);
    const refused = expect(call(resources)).rejects.toMatchObject({
      ...UNAVAILABLE,
      message: 'table storage does not answer',
    });
    while (waiting.size === 0) await new Promise(setImmediate);
    await vi.advanceTimersByTimeAsync(DEADLINE_MS);
    await refused;
    vi.useRealTimers();
    await vi.waitFor(() => expect(waiting.size).toBe(0), { interval: 5 });
  });

  test.each(CALLS)(
    'that is asked for a pause ends there, and passes it on: %s',
    async (_, call) => {
      const { resources, asked } = await answering(
        saying(503, 'ServerBusy', { 'retry-after': '1' }),
      );
      await expect(call(resources)).rejects.toMatchObject({
        ...UNAVAILABLE,
        message: 'Azure asks for a pause',
        retryAfter: 1,
      });
      expect(asked).toHaveLength(1);
    },
  );

  test('that fails is tried three times', async () => {
    const { resources, asked } = await answering(saying(500, 'InternalError'));
    await expect(resources.read('p', 'k')).rejects.toMatchObject(UNAVAILABLE);
    expect(asked).toHaveLength(3);
  });

  test.each([
    ['no JSON', 'text/plain', 'no'],
    ['JSON of another kind', 'application/json', '{"error":{"code":"AuthorizationFailure"}}'],
  ])('that is refused in another form is unavailable: %s', async (_, type, text) => {
    const { resources, asked } = await answering((_, response) => {
      response.writeHead(403, { 'content-type': type });
      response.end(text);
    });
    await expect(resources.read('p', 'k')).rejects.toMatchObject({
      ...UNAVAILABLE,
      cause: { name: 'RestError', statusCode: 403 },
    });
    expect(asked).toHaveLength(1);
  });

  test('makes no table where it is not told that there is none', async () => {
    const { resources, asked } = await answering(saying(403, 'AuthorizationFailure'));
    await expect(resources.read('p', 'k')).rejects.toMatchObject(UNAVAILABLE);
    expect(asked.filter(isMaking)).toEqual([]);
  });

  test('that can not make its table says so, and the next one tries again', async () => {
    const { resources, asked } = await answering((request, response) =>
      (isMaking(request.url) ? saying(403, 'AuthorizationFailure') : missing)(request, response),
    );
    for (const times of [1, 2]) {
      await expect(resources.read('p', 'k')).rejects.toMatchObject(UNAVAILABLE);
      expect(asked.filter(isMaking)).toHaveLength(times);
    }
  });

  test('has a filter only where not everything is asked for', async () => {
    const { resources, asked } = await answering((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"value":[]}');
    });
    await resources.list({});
    await resources.list({ partition: 'p' });
    expect(asked).toEqual([
      expect.not.stringContaining('$filter'),
      expect.stringContaining("$filter=PartitionKey eq 'p'"),
    ]);
  });

  test('with a token is never made in the clear', async () => {
    const { url, asked } = await answering(never);
    const credential = { getToken: async () => ({ token: 'secret', expiresOnTimestamp: 9e15 }) };
    const { resources } = openAzureTables({ url, credential });
    await expect(resources.read('p', 'k')).rejects.toMatchObject(UNAVAILABLE);
    expect(asked).toEqual([]);
  });
});
