/** Others who may read an output, from the first time on and after every renewal. */
import { existsSync, statSync } from 'node:fs';
import { chmod, mkdir, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { MachinePrograms, ProgramOutcome } from '../../agent/machine-programs.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';

const FINE: ProgramOutcome = { code: 0, stdout: '', stderr: '' };

/** Programs that do nothing but say this; `commands` are what was run. */
function programs(outcomes: Readonly<Record<string, Partial<ProgramOutcome>>>) {
  const commands: string[] = [];
  const machine: MachinePrograms = {
    run: async (program, args) => {
      commands.push([program, ...args].join(' '));
      const outcome = outcomes[program];
      return outcome && { ...FINE, ...outcome };
    },
    signal: () => undefined,
  };
  return { machine, commands };
}

const configOf = (rig: Rig, access: string) =>
  guideConfig(
    `outputs: [{type: identity, destination: {type: directory, path: ${join(rig.folder, 'out')}, ${access}}}]\n`,
  );
const READERS = 'readers: [{user: jenkins}, {group: www-data}]';
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('readers', () => {
  test('are let in before a version becomes the current one, at each renewal', async () => {
    const { machine, commands } = programs({ getent: {}, setfacl: {} });
    const seen: boolean[] = [];
    const run: MachinePrograms['run'] = (program, args) => {
      const [version] = args.slice(-1);
      if (args[0] === '-R') seen.push(existsSync(join(version ?? '', '../..data')));
      return machine.run(program, args);
    };
    const rig = await createRig({ programs: { ...machine, run } });
    rig.stopAfterWaits(2);
    expect(await rig.start(configOf(rig, READERS))).toBe(0);
    const out = join(rig.folder, 'out');
    expect(commands.slice(0, 3)).toEqual([
      'getent passwd jenkins',
      'getent group www-data',
      `setfacl -m u:jenkins:r-x,g:www-data:r-x -- ${out}`,
    ]);
    const versions = commands.filter((command) => command.startsWith('setfacl -R'));
    expect(versions).toHaveLength(2);
    expect(versions[1]).toBe(
      `setfacl -R -m u:jenkins:r-X,g:www-data:r-X -- ${await realpath(join(out, '..data'))}`,
    );
    // The first time there was no current version yet.
    expect(seen).toEqual([false, true]);
  });

  test('that the machine does not know are refused before anything is asked for', async () => {
    const rig = await createRig({ programs: programs({ getent: { code: 2 } }).machine });
    expect(await rig.start(configOf(rig, READERS))).toBe(1);
    expect(rig.output.at(-1)).toBe('joinbot: readers: there is no user jenkins on this machine\n');
    expect(rig.broker.calls).toEqual([]);
  });

  test.each([
    ['a machine without setfacl', {}, 'there is no program setfacl: install the package acl'],
    [
      'a file system without lists',
      { setfacl: { code: 1, stderr: 'Operation not supported' } },
      'setfacl says: Operation not supported',
    ],
  ])('on %s get nothing, and nobody else does', async (_, outcomes, said) => {
    const rig = await createRig({ programs: programs({ getent: {}, ...outcomes }).machine });
    expect(await rig.start(configOf(rig, READERS), '--oneshot')).toBe(1);
    expect(rig.output.at(-1)).toContain(`can't be let in: ${said}`);
    expect(existsSync(join(rig.folder, 'out', '..data'))).toBe(false);
  });
});

describe.skipIf(process.platform === 'win32')('a mode', () => {
  test.each([
    ['0640', '640', '750'],
    ['0644', '644', '755'],
    ['0600', '600', '700'],
  ])('of %s is that of each file, also after a renewal', async (mode, files, folders) => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    rig.stopAfterWaits(2);
    expect(await rig.start(configOf(rig, `mode: "${mode}"`))).toBe(0);
    expect(rig.broker.joins).toHaveLength(2);
    const version = await realpath(join(out, '..data'));
    const modes = (await readdir(version)).map((name) => modeOf(join(version, name)));
    expect(new Set(modes)).toEqual(new Set([files]));
    expect([modeOf(version), modeOf(out)]).toEqual([folders, folders]);
  });

  test('takes nothing away that an operator allowed on the directory', async () => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    await mkdir(out);
    await chmod(out, 0o755);
    await rig.start(configOf(rig, 'mode: "0640"'), '--oneshot');
    expect(modeOf(out)).toBe('755');
  });

  test.each(['0660', '0666', '0400', '0755', '640x'])('of %s is refused', async (mode) => {
    const rig = await createRig();
    expect(await rig.start(configOf(rig, `mode: "${mode}"`), '--oneshot')).toBe(1);
    expect(rig.output.at(-1)).toContain(
      'outputs[0].destination.mode: expected a mode that lets others read at most, such as "0640"',
    );
  });
});

test.each(['{user: "a b"}', '{user: "x:rwx,o"}', '{user: -R}', '{other: x}', 'jenkins'])(
  'a reader %s is refused',
  async (reader) => {
    const rig = await createRig();
    expect(await rig.start(configOf(rig, `readers: [${reader}]`), '--oneshot')).toBe(1);
    expect(rig.output.at(-1)).toContain('outputs[0].destination.readers[0]');
  },
);
