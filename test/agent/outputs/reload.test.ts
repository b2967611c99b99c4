/** Who uses the files is told after each change, and what goes wrong then stops nobody. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type MachinePrograms, machinePrograms } from '../../../agent/machine-programs.ts';
import { createRig, guideConfig, type Rig } from '../rig.ts';

const FINE = { code: 0, stdout: '', stderr: '' };

const configOf = (rig: Rig, reload: string, path = join(rig.folder, 'out')): string =>
  guideConfig(
    `outputs: [{type: tls, reload: ${reload}, destination: {type: directory, path: ${path}}}]\n`,
  );

function recording(outcome: Partial<typeof FINE> | undefined = FINE) {
  const commands: string[][] = [];
  const programs: MachinePrograms = {
    run: async (program, args) => {
      commands.push([program, ...args]);
      return outcome && { ...FINE, ...outcome };
    },
    signal: (pid, signal) => void commands.push([signal, `${pid}`]),
  };
  return { commands, programs };
}

describe('after each change', () => {
  test('a unit of systemd is reloaded', async () => {
    const { commands, programs } = recording();
    const rig = await createRig({ programs });
    rig.stopAfterWaits(2);
    await rig.start(configOf(rig, '{systemd_unit: nginx.service}'));
    const command = ['systemctl', '--no-ask-password', 'try-reload-or-restart', 'nginx.service'];
    expect(commands).toEqual([command, command]);
    expect(rig.output.join('')).toContain('told nginx.service to reload');
  });

  test('a command is run, word by word and by no shell, when the new files are there', async () => {
    const seen: string[] = [];
    const rig = await createRig({
      programs: {
        run: async (program, args) => {
          seen.push(
            [program, ...args].join('|'),
            await readlink(join(rig.folder, 'out', '..data')),
          );
          return FINE;
        },
        signal: () => undefined,
      },
    });
    rig.stopAfterWaits(2);
    await rig.start(configOf(rig, '{command: [/usr/sbin/nginx, -s, "reload; rm -rf /"]}'));
    expect(seen[0]).toBe('/usr/sbin/nginx|-s|reload; rm -rf /');
    expect(new Set([seen[1], seen[3]]).size).toBe(2);
  });

  test('a process is sent its signal', async () => {
    const { commands, programs } = recording();
    const rig = await createRig({ programs });
    const child = spawn('sleep', ['600']);
    onTestFinished(() => void child.kill());
    await once(child, 'spawn');
    const file = join(rig.folder, 'sleep.pid');
    // As PostgreSQL writes it: more lines follow.
    writeFileSync(file, `${child.pid}\n/var/lib/postgresql\n`);
    await rig.start(
      configOf(rig, `{signal: USR1, pid_file: ${file}, program: sleep}`),
      '--oneshot',
    );
    expect(commands).toEqual([['SIGUSR1', `${child.pid}`]]);
    // The process id may be somebody else's by now.
    await rig.start(configOf(rig, `{signal: HUP, pid_file: ${file}, program: nginx}`), '--oneshot');
    expect(commands).toHaveLength(1);
    expect(rig.output.join('')).toContain(
      `process ${child.pid} is not nginx; the new files are in`,
    );
    rmSync(file);
    await rig.start(configOf(rig, `{signal: HUP, pid_file: ${file}, program: nginx}`), '--oneshot');
    expect(rig.output.join('')).toContain(`nginx does not run (${file}): nothing to reload`);
  });
});

describe('what goes wrong', () => {
  test.each([
    [
      '{systemd_unit: web}',
      { code: 1, stderr: 'Job failed.\n' },
      'web could not be reloaded: Job failed.',
    ],
    ['{command: [nope]}', undefined, 'the command "nope" failed: there is no program nope'],
    ['{command: [x, y]}', { code: 3 }, 'the command "x y" failed: exit code 3'],
  ])('with %s is said, and the agent goes on', async (reload, outcome, said) => {
    const { programs } = recording();
    const rig = await createRig({
      programs: { ...programs, run: async () => outcome && { ...FINE, ...outcome } },
    });
    rig.stopAfterWaits(2);
    expect(await rig.start(configOf(rig, reload))).toBe(0);
    expect(rig.broker.joins).toHaveLength(2);
    const out = join(rig.folder, 'out');
    expect(rig.output.join('')).toContain(
      `ERROR ${said}; the new files are in ${out}: reload it by hand`,
    );
    expect(await rig.start(configOf(rig, reload), '--oneshot')).toBe(0);
  });

  test('with a program that may not be run is said, too', async () => {
    const rig = await createRig({ programs: machinePrograms });
    const file = join(rig.folder, 'no-program');
    writeFileSync(file, '', { mode: 0o600 });
    expect(await rig.start(configOf(rig, `{command: [${file}]}`), '--oneshot')).toBe(0);
    expect(rig.output.join('')).toContain('permission denied');
  });

  test('where nothing was written, nobody is told', async () => {
    const { commands, programs } = recording();
    const rig = await createRig({ programs });
    const file = join(rig.folder, 'file');
    writeFileSync(file, '');
    const good = `{type: tls, destination: {type: directory, path: ${join(rig.folder, 'good')}}}`;
    const config = configOf(rig, '{command: [x]}', join(file, 'below'));
    rig.stopAfterWaits(1);
    await rig.start(config.replace(']\n', `, ${good}]\n`));
    expect(rig.output.join('')).toContain(`wrote ${join(rig.folder, 'good')}`);
    expect(commands).toEqual([]);
  });
});

test.each([
  ['nginx', 'expected {command: [program, argument, …]}'],
  ['{command: nginx -s reload}', 'expected {command: [program, argument, …]}'],
  ['{command: []}', 'expected at least 1 entry'],
  ['{signal: KILL, pid_file: /run/x.pid, program: x}', 'expected {command'],
  ['{signal: HUP, pid_file: x.pid, program: x}', 'expected an absolute path'],
  ['{systemd_unit: "-h"}', 'expected a unit of systemd'],
])('reload: %s is refused', async (reload, said) => {
  const rig = await createRig();
  expect(await rig.start(configOf(rig, reload), '--oneshot')).toBe(1);
  expect(rig.output.at(-1)).toContain('outputs[0].reload');
  expect(rig.output.at(-1)).toContain(said);
});
