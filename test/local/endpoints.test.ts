import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { removeEndpoints, writeEndpoints } from '../../local/endpoints.ts';

test('is for its owner only, replaced as a whole, and removed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'endpoints-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'endpoints.json');
  const endpoints = {
    broker: 'http://127.0.0.1:1',
    tables: 'http://127.0.0.1:2/account',
    directory: 'http://127.0.0.1:3',
    management: 'http://127.0.0.1:4',
    pki: 'http://127.0.0.1:5',
    machines: { vm: { imds: 'http://127.0.0.1:6' } },
  };
  await writeEndpoints(file, { ...endpoints, machines: {} });
  await writeEndpoints(file, endpoints);
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(endpoints);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['endpoints.json']);
  await removeEndpoints(file);
  await removeEndpoints(file);
  expect(await readdir(folder)).toEqual([]);
});
