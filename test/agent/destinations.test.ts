import { rmSync } from 'node:fs';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { problemAnswer } from './fake-broker.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';

const output = (path: string) =>
  `  - {type: identity, destination: {type: directory, path: "${path}"}}\n`;
const storage = (path: string) => `storage: {type: directory, path: "${path}"}\n`;
const visible = async (folder: string) =>
  (await readdir(folder)).filter((name) => !name.startsWith('..'));
const askedFor = (rig: Rig) => rig.broker.calls.map(({ path }) => path);

/** A path below a file: nothing can be made there, whoever tries. */
async function blocked(rig: Rig): Promise<{ path: string; free: () => void }> {
  const file = join(rig.folder, 'file');
  await writeFile(file, '');
  return { path: join(file, 'below'), free: () => rmSync(file) };
}

describe('a storage directory that can not be made', () => {
  test('keeps no output from its files, and is tried again with one sentence', async () => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    const { path } = await blocked(rig);
    rig.stopAfterWaits(2);
    expect(await rig.start(guideConfig(`${storage(path)}outputs:\n${output(out)}`))).toBe(0);
    expect(await visible(out)).toContain('tlscert');
    const why = `the directory ${path} can't be used: a part of the path is not a directory`;
    const text = rig.output.join('');
    expect(text).toContain(`WARN  joining afresh: ${why}`);
    expect(text).toContain(
      `WARN  downloaded certificates can't be kept in ${path} (a part of the path is not a directory)`,
    );
    expect(text).toContain(
      `ERROR ${why} (the certificates are good until 2026-11-20T20:05:00Z); trying again in`,
    );
  });

  test('gets the certificates that are there, without another join, as soon as it can be made', async () => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    const { path, free } = await blocked(rig);
    rig.stopAfterWaits(2);
    const { onSleep } = rig.clock;
    rig.clock.onSleep = (ms) => {
      if (rig.clock.sleeps.length === 1) free();
      onSleep(ms);
    };
    await rig.start(guideConfig(`${storage(path)}outputs:\n${output(out)}`));
    expect(rig.broker.joins).toHaveLength(1);
    expect(await visible(path)).toContain('state.json');
  });
});

describe('where nothing can be written', () => {
  test('nothing is asked for, once and as a service', async () => {
    const rig = await createRig();
    const { path } = await blocked(rig);
    const config = guideConfig(`${storage(path)}outputs:\n${output(`${path}/out`)}`);
    expect(await rig.start(config, '--oneshot')).toBe(1);
    rig.stopAfterWaits(3);
    expect(await rig.start(config)).toBe(0);
    expect(askedFor(rig)).toEqual([]);
    expect(rig.output.join('').match(/ERROR the directory .* can't be used/g)).toHaveLength(3);
  });

  test("nothing is asked for where the names are somebody else's", async () => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    await mkdir(join(out, 'key'), { recursive: true });
    expect(await rig.start(guideConfig(`outputs:\n${output(out)}`), '--oneshot')).toBe(1);
    expect(askedFor(rig)).toEqual([]);
    expect(rig.output.at(-1)).toContain(
      `${join(out, 'key')} is there already and was not made by joinbot`,
    );
  });
});

test('the check leaves nothing behind', async () => {
  const rig = await createRig();
  const out = join(rig.folder, 'out');
  await mkdir(out);
  rig.broker.next['/v1/join'].push(() => problemAnswer('access_denied'));
  expect(await rig.start(guideConfig(`outputs:\n${output(out)}`), '--oneshot')).toBe(1);
  expect(await readdir(out)).toEqual([]);
});

test.each(['/', '/proc/1', '/dev', '/tmp/../sys'])('refuses %s as a destination', async (path) => {
  const rig = await createRig();
  expect(await rig.start(guideConfig(`outputs:\n${output(path)}`), '--oneshot')).toBe(1);
  expect(rig.output.at(-1)).toContain('outputs: expected a directory of its own, got /');
  expect(await rig.start(guideConfig(storage(path)), '--oneshot')).toBe(1);
  expect(rig.output.at(-1)).toContain('storage: expected a directory of its own, got /');
});

test('warns of a directory that everybody may write to', async () => {
  const rig = await createRig();
  const out = join(rig.folder, 'out');
  await mkdir(out);
  await chmod(out, 0o777);
  expect(await rig.start(guideConfig(`outputs:\n${output(out)}`), '--oneshot')).toBe(0);
  expect(rig.output.join('')).toContain(
    `WARN  everybody on this machine may replace what is written to ${out}`,
  );
  await chmod(out, 0o755);
  rig.output.length = 0;
  await rig.start(guideConfig(`outputs:\n${output(out)}`), '--oneshot');
  expect(rig.output.join('')).not.toContain('WARN  everybody');
});

describe('the log', () => {
  test.each([[['--log-format=json']], [['--log-format', 'json']]])(
    'is JSON to its last line with %j, also where the command line or the file is wrong',
    async (flags) => {
      const rig = await createRig();
      rig.broker.next['/v1/join'].push(() => problemAnswer('access_denied'));
      await rig.start(guideConfig(), '--oneshot', ...flags);
      await rig.start('version: v9', '--oneshot', ...flags);
      await rig.start(guideConfig(), '--no-such-flag', ...flags);
      const lines = rig.output.join('').trimEnd().split('\n');
      const levels = lines.map((line) => JSON.parse(line).level);
      expect(levels.filter((level) => level === 'error')).toHaveLength(3);
    },
  );

  test('has one line for each wait while the broker can not work', async () => {
    const rig = await createRig();
    rig.broker.next['/v1/join'].push(...Array(12).fill(() => problemAnswer('unavailable')));
    rig.stopAfterWaits(12);
    await rig.start(guideConfig());
    const waits = rig.output.join('').match(/ (?:WARN {2}|ERROR ).*trying again in \d/g);
    expect(waits).toHaveLength(12);
  });
});
