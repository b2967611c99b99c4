import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AzureNamedKeyCredential, TableClient } from '@azure/data-tables';
import { expect, onTestFinished, test } from 'vitest';
import { startTables } from '../../local/tables.ts';

async function start() {
  const tables = await startTables();
  onTestFinished(tables.close);
  return tables;
}

const client = (url: string, key: string) =>
  new TableClient(url, 'things', new AzureNamedKeyCredential(new URL(url).pathname.slice(1), key), {
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 0 },
  });

const entity = { partitionKey: 'p', rowKey: 'r', text: 'kept' };

test('keeps entities for whoever has the key', async () => {
  const { url, key } = await start();
  const things = client(url, key);
  await things.createTable();
  await things.createEntity(entity);
  expect(await things.getEntity('p', 'r')).toMatchObject(entity);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\w+$/);
});

test('two servers share neither key nor entities', async () => {
  const [first, second] = [await start(), await start()];
  await expect(client(second.url, first.key).createTable()).rejects.toMatchObject({
    statusCode: 403,
  });
  await client(first.url, first.key).createTable();
  await expect(client(second.url, second.key).getEntity('p', 'r')).rejects.toMatchObject({
    statusCode: 404,
  });
});

test('leaves neither files nor its key in the environment', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tables-'));
  const { execFile } = await import('node:child_process');
  const source = new URL('../../local/tables.ts', import.meta.url).href;
  const script = `
    const { startTables } = await import(${JSON.stringify(source)});
    const tables = await startTables();
    console.log(JSON.stringify(process.env).includes(tables.key));
    await tables.close();`;
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile(process.execPath, ['--input-type=module', '-e', script], { cwd: folder }, (_, out) =>
    resolve(out),
  );
  expect(await promise).toBe('false\n');
  expect(await readdir(folder)).toEqual([]);
  await rm(folder, { recursive: true });
});

test('a closed server answers no more', async () => {
  const { url, close } = await startTables();
  await close();
  await expect(fetch(url)).rejects.toThrow();
});
