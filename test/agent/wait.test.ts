/** What tells a script, or systemd, that the certificates are there. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runJoinbot } from '../../agent/joinbot.ts';
import { noPrograms } from './machine-programs.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';

const outConfig = (rig: Rig) =>
  guideConfig(
    `outputs: [{type: identity, destination: {type: directory, path: ${join(rig.folder, 'out')}}}]\n`,
  );

/** Runs `joinbot wait` on the machine of the rig. */
async function wait(rig: Rig, ...flags: readonly string[]) {
  const said: string[] = [];
  const unasked = () => Promise.reject(new Error('something was asked for'));
  const code = await runJoinbot(['wait', ...flags], {
    env: {},
    clock: rig.clock,
    random: () => 0,
    web: unasked,
    imds: unasked,
    stop: rig.stop.signal,
    nextWake: () => rig.stop.signal,
    programs: noPrograms(),
    stdout: (text) => said.push(text),
    stderr: (text) => said.push(text),
  });
  return { code, said: said.join('') };
}

describe('joinbot wait', () => {
  test.each(['by the config', 'by its path'])(
    'ends once a directory, named %s, has its certificate',
    async (named) => {
      const rig = await createRig();
      const flags =
        named === 'by the config'
          ? ['-c', join(rig.folder, 'tbot.yaml')]
          : [`--destination-dir=${join(rig.folder, 'out')}`];
      let started: Promise<unknown> | undefined;
      const { sleep } = rig.clock;
      rig.clock.sleep = async (ms, signal) => {
        // Another process joins meanwhile.
        if (rig.clock.sleeps.length === 2) started ??= rig.start(outConfig(rig), '--oneshot');
        await started;
        await sleep(ms, signal);
      };
      await writeFile(join(rig.folder, 'tbot.yaml'), outConfig(rig));
      expect(await wait(rig, ...flags)).toEqual({ code: 0, said: '' });
      expect(rig.clock.sleeps.length).toBeGreaterThan(1);
    },
  );

  test('ends with a failure when the time is up', async () => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    const { code, said } = await wait(rig, `--destination-dir=${out}`, '--timeout=3s');
    expect(code).toBe(1);
    expect(said).toBe(
      `joinbot: there is no certificate in ${out} that is good now, after 3 s: what does the agent say?\n`,
    );
    expect(rig.clock.sleeps).toEqual([1000, 1000, 1000]);
  });

  test('waits for each directory, and names the first that has none', async () => {
    const rig = await createRig();
    await rig.start(outConfig(rig), '--oneshot');
    const out = (name: string) => `--destination-dir=${join(rig.folder, name)}`;
    const own = `--data-dir=${join(rig.folder, 'own')}`;
    const { code, said } = await wait(rig, own, out('out'), '--timeout=1s');
    expect(code).toBe(1);
    expect(said).toContain(`there is no certificate in ${join(rig.folder, 'own')} that is good`);
    expect((await wait(rig, out('out'), '--timeout=1s')).code).toBe(0);
  });

  test('ends when it is told to', async () => {
    const rig = await createRig();
    rig.stopAfterWaits(2);
    const { code, said } = await wait(rig, `--destination-dir=${join(rig.folder, 'out')}`);
    expect(code).toBe(1);
    expect(said).toBe('joinbot: joinbot was told to stop\n');
    expect(rig.clock.sleeps).toEqual([1000, 1000]);
  });

  test('takes no certificate that has expired', async () => {
    const rig = await createRig();
    await rig.start(outConfig(rig), '--oneshot');
    const flags = [`--destination-dir=${join(rig.folder, 'out')}`, '--timeout=1s'];
    expect((await wait(rig, ...flags)).code).toBe(0);
    await rig.clock.sleep(2 * 3600_000, new AbortController().signal);
    expect((await wait(rig, ...flags)).code).toBe(1);
  });

  test.each([
    [[], 'expected --destination-dir, or a config file (-c) that names one'],
    [['--destination-dir=/x', '--timeout=1d'], '--timeout: expected a duration such as 5m, got 1d'],
    [['--destination-dir=/x', '--oneshot'], '--oneshot is no flag of wait'],
    [['/x'], 'unexpected argument /x'],
  ])('%j is wrong usage', async (flags, said) => {
    const result = await wait(await createRig(), ...flags);
    expect(result.code).toBe(2);
    expect(result.said).toContain(said);
  });
});

describe('systemd', () => {
  test('is told once that the service is ready, when everything is written', async () => {
    const commands: string[] = [];
    const rig = await createRig({
      programs: noPrograms(commands),
      env: { NOTIFY_SOCKET: '/run/systemd/notify' },
    });
    rig.stopAfterWaits(2);
    expect(await rig.start(outConfig(rig))).toBe(0);
    expect(rig.broker.joins).toHaveLength(2);
    expect(commands).toEqual(['systemd-notify --ready']);
    expect(rig.output.join('')).toContain(
      "WARN  systemd can't be told that the certificates are there: systemd-notify: there is no such program",
    );
  });

  test('that does not ask is told nothing', async () => {
    const commands: string[] = [];
    const rig = await createRig({ programs: noPrograms(commands) });
    await rig.start(outConfig(rig), '--oneshot');
    expect(commands).toEqual([]);
  });
});
