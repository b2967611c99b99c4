import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createFunctionsHost } from '../../local/functions-host.ts';
import { referenceFiles } from '../../scripts/reference/reference-files.ts';
import { settingsMarkdown } from '../../shared/settings-about.ts';
import { metricsMarkdown } from '../../shared/telemetry/metrics-document.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the function app', () => {
  /** Its main bundle in an empty folder: neither packages nor the heavy parts are there. */
  async function mainBundleAlone() {
    const folder = await emptyFolder();
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
      'back-up-authorities: anonymous GET,HEAD /v1/authorities/backup',
      'back-up: 0 22 3 * * *',
      'config-schema: anonymous GET,HEAD /v1/joinbot.schema.json',
      'delete-instance: anonymous DELETE /v1/instances/{owner}/{id}',
      'delete-name: anonymous DELETE /v1/names/{name}',
      'delete-resource: anonymous DELETE /v1/resources/{kind}/{name}',
      'explain: anonymous POST /v1/explain',
      'get-audit: anonymous GET,HEAD /v1/audit/{id}',
      'get-authorities: anonymous GET,HEAD /v1/authorities',
      'get-instance: anonymous GET,HEAD /v1/instances/{owner}/{id}',
      'get-join: anonymous GET,HEAD /v1/joins/{id}',
      'get-name: anonymous GET,HEAD /v1/names/{name}',
      'get-resource: anonymous GET,HEAD /v1/resources/{kind}/{name}',
      'healthz: anonymous GET,HEAD /healthz',
      'heartbeat: anonymous POST /v1/heartbeat',
      'init-authorities: anonymous POST /v1/authorities/init',
      'install-script: anonymous GET,HEAD /scripts/install.sh',
      'join: anonymous POST /v1/join',
      'list-audit: anonymous GET,HEAD /v1/audit',
      'list-azure-roots: anonymous GET,HEAD /v1/azure-roots',
      'list-instances: anonymous GET,HEAD /v1/instances',
      'list-joins: anonymous GET,HEAD /v1/joins',
      'list-names: anonymous GET,HEAD /v1/names',
      'list-resources: anonymous GET,HEAD /v1/resources/{kind}',
      'not-found: anonymous GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS /{*path}',
      'openapi: anonymous GET,HEAD /v1/openapi.json',
      'probe: 0 3,18,33,48 * * * *',
      'put-resource: anonymous PUT /v1/resources/{kind}/{name}',
      'readyz: anonymous GET,HEAD /readyz',
      'restore-authorities: anonymous POST /v1/authorities/restore',
      'restore-names: anonymous POST /v1/names',
      'retire-root: anonymous POST /v1/authorities/tls/retire',
      'revoke: 20 * * * * *',
      'rotate-authority: anonymous POST /v1/authorities/{name}/rotate',
      'rotate-keys: 0 7 * * * *',
      'sweep: 0 37 * * * *',
      'tool: anonymous GET,HEAD /scripts/{tool}',
      'trust-form: anonymous GET,HEAD /v1/trust/{form}',
      'trust: anonymous GET,HEAD /v1/trust',
      'verify-joins: anonymous GET,HEAD /v1/join-log/verification',
      'webapi-find: anonymous GET,HEAD /v1/webapi/find',
      'webapi-ping: anonymous GET,HEAD /v1/webapi/ping',
      'webapi-version: anonymous GET,HEAD /v1/webapi/automaticupgrades/channel/{channel}/version',
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

test.each(['joinbot', 'joinctl'])('%s tells an old Node.js in one sentence', async (name) => {
  const before = join(await emptyFolder(), 'old.cjs');
  await writeFile(
    before,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });`,
  );
  const program = ['--require', before, join(ROOT, `dist/${name}.cjs`), 'version'];
  const { status, stdout, stderr } = spawnSync(process.execPath, program, { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({
    status: 1,
    stdout: '',
    stderr: `${name} needs Node.js 20 or later, and this is 18.20.8.\n`,
  });
});

/** `.ci/run` brings one along, where there is one for the machine. */
const oldNode = process.env['OLD_NODE'];
const mustHave = process.env['CI'] !== undefined && process.arch === 'x64';

test.skipIf(oldNode === undefined && !mustHave).each(['joinbot', 'joinctl'])(
  '%s is written so that an old Node.js can read it',
  (name) => {
    const program = [join(ROOT, `dist/${name}.cjs`), 'version'];
    const { status, stdout, stderr } = spawnSync(oldNode ?? '', program, { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^\w+ needs Node\.js 20 or later, and this is 10\.\d+\.\d+\.\n$/);
  },
);

test('joinctl says so where what it prints can not be written', async () => {
  const full = await open('/dev/full', 'w');
  onTestFinished(() => full.close());
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'dist/joinctl.cjs'), 'version'],
    {
      encoding: 'utf8',
      stdio: ['ignore', full.fd, 'pipe'],
    },
  );
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: "joinctl: The output can't be written: there is no space left.\n",
  });
});

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'alone-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

describe('the tools, which machines download, too', () => {
  const folder = join(ROOT, 'dist/functions/install');

  test.each(['joinbot', 'joinctl'])('%s is one file that needs no other', async (name) => {
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    const download = await readFile(join(folder, `${name}.cjs`));
    expect(download.equals(await readFile(join(ROOT, `dist/${name}.cjs`)))).toBe(true);
    const alone = await emptyFolder();
    await copyFile(join(folder, `${name}.cjs`), join(alone, `${name}.cjs`));
    const said = execFileSync(process.execPath, [join(alone, `${name}.cjs`), 'version'], {
      encoding: 'utf8',
    });
    expect(said).toBe(`${name} ${version}\n`);
    const text = await readFile(join(alone, `${name}.cjs`), 'utf8');
    expect(text).not.toMatch(/require\("\.[^"]*"\)/);
  });

  test('joinctl has the sign-in in it, and the licences of what it is made of', async () => {
    const text = await readFile(join(folder, 'joinctl.cjs'), 'utf8');
    expect(text).toContain('signInWithEntra');
    expect(text).toContain('Bundled license information:');
  });

  test('is named with its SHA-256, and fits the limit of the install script', async () => {
    const { sha256 } = JSON.parse(await readFile(join(folder, 'tools.json'), 'utf8'));
    const script = await readFile(join(folder, 'install.sh'), 'utf8');
    const most = Number(/^most_bytes=(\d+)$/m.exec(script)?.[1]);
    for (const name of ['joinbot.cjs', 'joinctl.cjs']) {
      const contents = await readFile(join(folder, name));
      expect(sha256[name]).toBe(createHash('sha256').update(contents).digest('hex'));
      expect(contents.length).toBeLessThan(most / 4);
    }
  });
});

test.each<readonly [string, string, string]>([
  ['docs/settings.md is what the settings say', 'docs/settings.md', settingsMarkdown()],
  ['docs/metrics.md is what the catalogue says', 'docs/metrics.md', metricsMarkdown()],
  ...referenceFiles().map(
    ([path, text]) => [`${path} is what the sources say`, path, text] as const,
  ),
])('%s: else run npm run build', async (_, file, made) => {
  expect(await readFile(join(ROOT, file), 'utf8')).toBe(made);
});
