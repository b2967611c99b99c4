import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createFunctionsHost } from '../../local/functions-host.ts';
import { settingsMarkdown } from '../../shared/settings-schema.ts';
import { metricsMarkdown } from '../../shared/telemetry/metrics-document.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the function app', () => {
  /** Its main bundle in an empty folder: neither packages nor the heavy parts are there. */
  async function mainBundleAlone() {
    const folder = await mkdtemp(join(tmpdir(), 'alone-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await mkdir(join(folder, 'dist/functions'), { recursive: true });
    for (const file of ['package.json', 'host.json', 'dist/functions/main.cjs']) {
      await copyFile(join(ROOT, file), join(folder, file));
    }
    return folder;
  }

  test('registers exactly these functions, from its main bundle alone', async () => {
    const host = await createFunctionsHost(await mainBundleAlone(), { log: () => {} });
    onTestFinished(host.close);
    const listed = host.functions.map((fn) =>
      fn.trigger === 'http'
        ? `${fn.name}: ${fn.authLevel} ${fn.methods.join(',')} /${fn.route}`
        : `${fn.name}: ${fn.schedule}${fn.runOnStartup ? ' and at the start' : ''}`,
    );
    expect(listed.sort()).toEqual([
      'delete-instance: anonymous DELETE /v1/instances/{owner}/{id}',
      'delete-name: anonymous DELETE /v1/names/{name}',
      'delete-resource: anonymous DELETE /v1/resources/{kind}/{name}',
      'get-instance: anonymous GET /v1/instances/{owner}/{id}',
      'get-join: anonymous GET /v1/joins/{id}',
      'get-name: anonymous GET /v1/names/{name}',
      'get-resource: anonymous GET /v1/resources/{kind}/{name}',
      'healthz: anonymous GET /healthz',
      'join: anonymous POST /v1/join',
      'list-instances: anonymous GET /v1/instances',
      'list-resources: anonymous GET /v1/resources/{kind}',
      'not-found: anonymous GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS /{*path}',
      'openapi: anonymous GET /v1/openapi.json',
      'probe: 0 3,18,33,48 * * * *',
      'put-resource: anonymous PUT /v1/resources/{kind}/{name}',
      'readyz: anonymous GET /readyz',
      'rotate-keys: 0 7 * * * *',
      'sweep: 0 37 * * * *',
      'trust-form: anonymous GET /v1/trust/{form}',
      'trust: anonymous GET /v1/trust',
      'webapi-find: anonymous GET /v1/webapi/find',
      'webapi-ping: anonymous GET /v1/webapi/ping',
      'webapi-version: anonymous GET /v1/webapi/automaticupgrades/channel/{channel}/version',
    ]);
  });

  test('has the description of its API beside it', async () => {
    const text = await readFile(join(ROOT, 'dist/functions/openapi.json'), 'utf8');
    const { openapi, paths } = JSON.parse(text);
    expect(openapi).toMatch(/^3\.1\./);
    expect(Object.keys(paths)).toContain('/v1/join');
  });
});

test.each(['joinbot', 'joinctl'])('%s is one command that knows its version', async (name) => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const file = join(ROOT, `dist/${name}.cjs`);
  const text = await readFile(file, 'utf8');
  expect(text.startsWith('#!/usr/bin/env node\n')).toBe(true);
  expect((await stat(file)).mode & 0o111).toBe(0o111);
  const said = execFileSync(process.execPath, [file, 'version'], { encoding: 'utf8' });
  expect(said).toBe(`${name} ${version}\n`);
});

test.each([
  ['docs/settings.md is what the settings say', 'docs/settings.md', settingsMarkdown()],
  ['docs/metrics.md is what the catalogue says', 'docs/metrics.md', metricsMarkdown()],
])('%s: else run npm run build', async (_, file, made) => {
  expect(await readFile(join(ROOT, file), 'utf8')).toBe(made);
});
