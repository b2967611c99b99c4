/** What the world does to a running agent: it goes on, says it in one sentence, and has what it can have. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createRig, guideConfig, type Rig } from './rig.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;

const outputTo = (...paths: readonly string[]): string =>
  guideConfig(
    `outputs: [${paths.map((path) => `{type: identity, destination: {type: directory, path: ${path}}}`).join(', ')}]\n`,
  );

const certificateIn = (directory: string): Promise<string | undefined> =>
  readFile(join(directory, 'tlscert'), 'utf8').catch(() => undefined);

/** Does this before each wait, one after the other, and stops before the last one. */
function beforeWaits(rig: Rig, ...acts: readonly (() => Promise<void> | void)[]): void {
  const { sleep } = rig.clock;
  let waits = 0;
  rig.clock.sleep = async (ms, signal) => {
    await acts[waits]?.();
    waits += 1;
    if (waits === acts.length + 1) rig.stop.abort();
    await sleep(ms, signal);
  };
}

/** Whether this process may have a file system of its own, as root in most places. */
function mountsHere(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', folder], { stdio: 'ignore' });
  } catch {
    return false;
  }
  onTestFinished(() => void execFileSync('umount', [folder]));
  return true;
}

describe.skipIf(!isRoot)('a disk', () => {
  test('that is full keeps no other output from its files, and gets its own without another join once there is space', async (own) => {
    const rig = await createRig();
    const [small, other] = [join(rig.folder, 'small'), join(rig.folder, 'other')];
    await mkdir(small);
    if (!mountsHere(small)) return own.skip();
    const filling = join(small, 'filling');
    await writeFile(filling, Buffer.alloc(252 * 1024));
    const [storage, out] = [join(small, 'bot'), join(small, 'out')];
    let during: (string | undefined)[] = [];
    beforeWaits(rig, async () => {
      during = [await certificateIn(out), await certificateIn(other)];
      await rm(filling);
    });
    const config = `${outputTo(out, other)}storage: {type: directory, path: ${storage}}\n`;
    expect(await rig.start(config)).toBe(0);
    expect(during).toEqual([undefined, expect.stringContaining('CERTIFICATE')]);
    expect(await certificateIn(out)).toContain('CERTIFICATE');
    expect(rig.broker.joins).toHaveLength(1);
    const errors = rig.output.filter((line) => line.includes('ERROR'));
    expect(errors).toHaveLength(1);
    for (const path of [storage, out])
      expect(errors[0]).toContain(`the directory ${path} can't be used: the disk is full`);
    expect(await certificateIn(storage)).toContain('CERTIFICATE');
    expect((await readdir(out)).filter((name) => name.startsWith('..joinbot'))).toEqual([]);
  });

  test('that became read-only keeps what it has, and the others are renewed', async (own) => {
    const rig = await createRig();
    const [small, other] = [join(rig.folder, 'small'), join(rig.folder, 'other')];
    await mkdir(small);
    if (!mountsHere(small)) return own.skip();
    const out = join(small, 'out');
    let first: (string | undefined)[] = [];
    beforeWaits(rig, async () => {
      first = [await certificateIn(out), await certificateIn(other)];
      execFileSync('mount', ['-o', 'remount,ro', small]);
    });
    expect(await rig.start(outputTo(out, other))).toBe(0);
    expect(await certificateIn(out)).toBe(first[0]);
    expect(await certificateIn(other)).not.toBe(first[1]);
    expect(rig.output.join('')).toContain(`${out} can't be used: the file system is read-only`);
  });

  // A thread can't have another user than its process.
  test.skipIf(!isMainThread)(
    "on which the directory is somebody else's is told of, and nothing is asked for",
    async () => {
      const rig = await createRig();
      const out = join(rig.folder, 'out');
      await mkdir(out, { mode: 0o755 });
      await chmod(rig.folder, 0o755);
      const config = join(rig.folder, 'tbot.yaml');
      await writeFile(config, outputTo(out), { mode: 0o644 });
      const NOBODY = 65_534;
      process.seteuid?.(NOBODY);
      onTestFinished(() => process.seteuid?.(0));
      expect(await rig.run('start', '-c', config, '--oneshot')).toBe(1);
      process.seteuid?.(0);
      expect(rig.output.at(-1)).toBe(
        `joinbot: the directory ${out} can't be used: permission denied: give the directory to the user that joinbot runs as\n`,
      );
      expect(rig.broker.calls).toEqual([]);
    },
  );
});

describe('a directory that is deleted while the agent runs', () => {
  test('is made again by the next renewal', async () => {
    const rig = await createRig();
    const [storage, out] = [join(rig.folder, 'bot'), join(rig.folder, 'out')];
    beforeWaits(rig, async () => {
      for (const path of [storage, out]) await rm(path, { recursive: true });
    });
    const config = `${outputTo(out)}storage: {type: directory, path: ${storage}}\n`;
    expect(await rig.start(config)).toBe(0);
    expect(rig.broker.joins).toHaveLength(2);
    // It is the same instance: its key is in the agent's memory.
    expect(rig.broker.joins[1]?.body.proof).toBeDefined();
    for (const path of [storage, out]) {
      expect(await certificateIn(path)).toContain('CERTIFICATE');
      expect((await stat(join(path, 'key'))).mode & 0o777).toBe(0o600);
    }
  });
});

describe('a broker that can not be reached', () => {
  const unreachable = (code: string) => () => {
    throw Object.assign(new TypeError('fetch failed'), {
      cause: Object.assign(new Error(code), { code }),
    });
  };

  test.each([
    ['ENOTFOUND', 'there is no such host name'],
    ['EAI_AGAIN', 'the host name could not be looked up'],
    ['ECONNREFUSED', 'the connection was refused'],
  ])(
    'at the start (%s) leaves an agent with what it has stored, and it renews once there is one',
    async (code, said) => {
      const rig = await createRig();
      const [storage, out] = [join(rig.folder, 'bot'), join(rig.folder, 'out')];
      const config = `${outputTo(out)}storage: {type: directory, path: ${storage}}\n`;
      expect(await rig.start(config, '--oneshot')).toBe(0);
      const before = await certificateIn(out);
      const mishaps = rig.broker.next['/v1/join'];
      mishaps.push(...Array.from({ length: 100 }, () => unreachable(code)));
      let during: string | undefined;
      const { sleep } = rig.clock;
      rig.clock.sleep = async (ms, signal) => {
        if (rig.broker.joins.length === 1) during = await certificateIn(out);
        else rig.stop.abort();
        await sleep(ms, signal);
      };
      expect(await rig.start(config)).toBe(0);
      expect(during).toBe(before);
      expect(rig.broker.joins).toHaveLength(2);
      expect(rig.broker.joins[1]?.body.proof).toBeDefined();
      const [error = ''] = rig.output.filter((line) => line.includes('ERROR'));
      expect(error).toContain(`can't be reached: ${said}`);
      expect(error).toContain(
        '(the certificates are good until 2026-11-20T20:05:00Z); trying again',
      );
    },
  );
});

describe('a clock', () => {
  const DAY = 86_400_000;

  test.each([
    ['ahead, as after a long sleep of the machine', DAY],
    ['back', -DAY],
  ])('that jumps by a day %s: everything is renewed at once', async (_, by) => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    const seen: (string | undefined)[] = [];
    const { sleep } = rig.clock;
    rig.clock.sleep = async (ms, signal) => {
      seen.push(await certificateIn(out));
      if (seen.length === 2) rig.stop.abort();
      // It wakes up, and the clock says something else than how long it was.
      await sleep(seen.length === 1 ? by : ms, signal);
    };
    expect(await rig.start(outputTo(out))).toBe(0);
    expect(rig.broker.joins).toHaveLength(2);
    expect(rig.broker.joins[1]?.request.certificates).toHaveLength(2);
    expect(seen[1]).not.toBe(seen[0]);
  });
});

describe('a config file', () => {
  test.each([
    ['is deleted', undefined],
    ['becomes nonsense', '{'],
    ['names another broker', guideConfig().replace('broker.example.com', 'other.example.com')],
  ])('that %s while the agent runs changes nothing before its next start', async (_, text) => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    const file = join(rig.folder, 'tbot.yaml');
    beforeWaits(rig, async () => {
      if (text === undefined) await rm(file);
      else await writeFile(file, text);
      rig.renewNow();
    });
    expect(await rig.start(outputTo(out))).toBe(0);
    expect(rig.broker.joins).toHaveLength(2);
    expect(rig.output.filter((line) => line.includes('ERROR'))).toEqual([]);
  });
});
