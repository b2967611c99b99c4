/** `npm start` and `npm run demo` as processes, with their state in a folder of their own. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { hasProgram } from '../programs.ts';

/** These wait for several whole programs one after the other: a busy machine takes longer than other tests may. */
const LONG = { timeout: 120_000 };

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** An empty checkout, as far as joinctl can tell. */
async function checkout() {
  const folder = await mkdtemp(join(tmpdir(), 'checkout-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'package.json'), '{"name":"join-broker"}');
  return folder;
}

/** Starts a program of local/, in another folder than the project's. */
function start(program: string, folder: string) {
  const { NO_COLOR, FORCE_COLOR, ...env } = process.env;
  const child = spawn(process.execPath, [join(ROOT, 'local', program), folder], {
    cwd: tmpdir(),
    env,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  const waiting: { text: string; resolve: () => void }[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      output += text;
      for (const { text, resolve } of waiting) if (output.includes(text)) resolve();
    });
  }
  const ended = new Promise<{ code: number | null; output: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, output })),
  );
  const says = async (text: string) => {
    const said = new Promise<void>((resolve) => waiting.push({ text, resolve }));
    if (!output.includes(text)) await Promise.race([said, ended]);
    expect(output).toContain(text);
  };
  return { child, ended, says };
}

test('npm start shows the addresses, refuses a second start, and stops cleanly', LONG, async () => {
  const folder = await checkout();
  const first = start('start.ts', folder);
  await first.says('Ctrl-C stops everything');
  const endpoints = JSON.parse(await readFile(join(folder, '.local/endpoints.json'), 'utf8'));
  await first.says(endpoints.broker);
  await first.says(endpoints.machines['vm-user'].imds);

  const second = await start('start.ts', folder).ended;
  expect(second.code).toBe(1);
  expect(second.output).toMatch(/^A stack runs here already, as process \d+: stop it first .*\n$/);

  first.child.kill('SIGINT');
  first.child.kill('SIGTERM');
  expect((await first.ended).code).toBe(0);
  expect((await readdir(join(folder, '.local'))).sort()).toEqual([
    'key-encryption-key',
    'simulated-cloud.json',
  ]);
});

test.skipIf(!hasProgram('openssl') || !hasProgram('ssh-keygen'))(
  'npm run demo proves every step and leaves what it made',
  LONG,
  async () => {
    const folder = await checkout();
    const { code, output } = await start('demo.ts', folder).ended;
    expect(output).toContain('Every step proved what it says.');
    expect(code).toBe(0);
    expect(output).toContain('tlscert: OK');
    expect(output).toMatch(/Reason +rule_mismatch/);
    expect(output).not.toContain('✗');
    expect(output).not.toContain('\x1b');
    const made = await readdir(join(folder, '.local/demo'));
    expect(made.sort()).toEqual(['broker.log', 'vm-user']);
    expect(existsSync(join(folder, '.local/endpoints.json'))).toBe(false);
  },
);

test('npm run demo fails with one sentence where a stack runs already', LONG, async () => {
  const folder = await checkout();
  const running = start('start.ts', folder);
  await running.says('Ctrl-C stops everything');
  const { code, output } = await start('demo.ts', folder).ended;
  expect(code).toBe(1);
  expect(output).toContain('✗ A stack runs here already');
  running.child.kill('SIGTERM');
  expect((await running.ended).code).toBe(0);
});

test('npm run demo can be interrupted, and leaves nothing that runs', async () => {
  const folder = await checkout();
  const demo = start('demo.ts', folder);
  await demo.says('2. An operator');
  demo.child.kill('SIGINT');
  const { code, output } = await demo.ended;
  expect(code).toBe(1);
  expect(output).toContain('✗ Interrupted by SIGINT.');
  expect(existsSync(join(folder, '.local/endpoints.json'))).toBe(false);
});
