import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

const SCRIPTS = fileURLToPath(new URL('../../scripts', import.meta.url));

const LOCK = {
  packages: {
    '': { name: 'join-broker' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/other-platform': { version: '1.0.0', integrity: 'sha512-o', optional: true },
  },
};

/** What `npm ci` does here: it says what it was asked for and leaves the packages that the lock file wants. */
const NPM = `
const { cpSync, mkdirSync, symlinkSync, writeFileSync, readFileSync, rmSync } = require('node:fs');
writeFileSync('npm-arguments', process.argv.slice(2).join(' '));
if (process.env.NPM_FAILS) process.exit(7);
rmSync('node_modules', { recursive: true, force: true });
mkdirSync('node_modules', { recursive: true });
const lock = JSON.parse(readFileSync('package-lock.json'));
delete lock.packages['node_modules/other-platform'];
writeFileSync('node_modules/.package-lock.json', JSON.stringify(lock));
if (process.env.NO_SCRIPTS) process.exit(0);
mkdirSync('node_modules/node/bin', { recursive: true });
symlinkSync(${JSON.stringify(process.execPath)}, 'node_modules/node/bin/node');
`;

/** A project of which only the scripts are real. Its program for `npm run demo` is `demo`. */
async function project(demo = '') {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'setup-')));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(SCRIPTS, join(folder, 'scripts'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(LOCK));
  await writeFile(join(folder, 'npm-cli.cjs'), NPM);
  await mkdir(join(folder, 'local'));
  await writeFile(join(folder, 'local/demo.ts'), demo);
  return folder;
}

async function installed(demo: string) {
  const folder = await project(demo);
  await mkdir(join(folder, 'node_modules/node/bin'), { recursive: true });
  await symlink(process.execPath, join(folder, 'node_modules/node/bin/node'));
  await writeFile(join(folder, 'node_modules/.package-lock.json'), JSON.stringify(LOCK));
  return folder;
}

function start(folder: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(folder, 'scripts/setup.mjs'), ...args], {
    cwd: folder,
    env: { PATH: '', npm_execpath: join(folder, 'npm-cli.cjs'), ...env },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.on('data', (text) => {
    output.stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, ended: ended.then((code) => ({ code, ...output })) };
}

const run = (...args: Parameters<typeof start>) => start(...args).ended;

test('installs first where nothing is installed, quietly, and says so', async () => {
  const folder = await project('console.log("the demo ran")');
  const { code, stdout, stderr } = await run(folder, ['demo']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'the demo ran\n' });
  expect(stderr).toContain('Installing the packages');
  expect(await readFile(join(folder, 'npm-arguments'), 'utf8')).toBe(
    'ci --no-audit --no-fund --loglevel=error',
  );
});

test('installs again after the lock file asks for another version', async () => {
  const folder = await installed('');
  const changed = structuredClone(LOCK);
  changed.packages['node_modules/a'].version = '1.0.1';
  await writeFile(join(folder, 'package-lock.json'), JSON.stringify(changed));
  expect((await run(folder, ['demo'])).stderr).toContain('Installing');
  expect((await run(folder, ['demo'])).stderr).toBe('');
});

test('says when the installation fails', async () => {
  const { code, stderr } = await run(await project(), ['demo'], { NPM_FAILS: '1' });
  expect(code).toBe(1);
  expect(stderr).toContain('failed (exit code 7)');
});

test('says what to do where install scripts did not run', async () => {
  const { code, stderr } = await run(await project(), ['demo'], { NO_SCRIPTS: '1' });
  expect(code).toBe(1);
  expect(stderr).toContain('npm ci --ignore-scripts=false');
});

test('passes arguments, the caller’s folder and the exit code through', async () => {
  const folder = await installed(
    'console.log(process.argv.slice(2).join("|"), process.cwd()); process.exit(42)',
  );
  const { code, stdout } = await run(folder, ['demo', '-f', 'a b'], {
    INIT_CWD: join(folder, 'local'),
  });
  expect({ code, stdout }).toEqual({ code: 42, stdout: `-f|a b ${join(folder, 'local')}\n` });
});

test('passes signals through and lets the program end in its own way', async () => {
  const folder = await installed(`
    process.on('SIGTERM', () => { console.log('ended'); process.exit(3); });
    setInterval(() => {}, 1000);
    console.log('ready');`);
  const { child, ended } = start(folder, ['demo']);
  child.stdout.on('data', (text) => {
    if (String(text).includes('ready')) child.kill('SIGTERM');
  });
  expect(await ended).toEqual({ code: 3, stdout: 'ready\nended\n', stderr: '' });
});

test('ends with 128 and the signal’s number when a signal ended the program', async () => {
  const folder = await installed('process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 9)');
  expect((await run(folder, ['demo'])).code).toBe(137);
});

test('names the commands where it is given none of them', async () => {
  const { code, stderr } = await run(await project(), ['toString']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^Expected one of build, demo, start, .*; got "toString"\.\n$/);
});
