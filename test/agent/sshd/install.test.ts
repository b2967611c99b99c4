/** `joinbot install sshd`, with a real `sshd` that says what it would run with; it isn't started. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Failure } from '../../../agent/failure.ts';
import {
  type MachinePrograms,
  machinePrograms,
  type ProgramOutcome,
} from '../../../agent/machine-programs.ts';
import { installSshd, reloadWay } from '../../../agent/sshd/install.ts';
import { runProgram } from '../../../local/programs.ts';
import { hasProgram } from '../../programs.ts';
import { succeeded } from '../../scenarios/scenario.ts';
import { createHostRig } from '../host-rig.ts';

const hasSsh = ['sshd', 'ssh-keygen'].map(hasProgram).every(Boolean);

interface Sshd {
  readonly folder: string;
  readonly data: string;
  readonly config: string;
  readonly snippet: string;
  readonly hostKey: string;
  /** What `sshd` is asked in the place of the real one's answer. */
  answer: MachinePrograms['run'];
  readonly hungUp: number[];
  /** Appends a line to the main configuration. */
  configure(line: string): Promise<void>;
  /** What it says; rejects with the `Failure`. */
  install(options?: { write?: boolean }): Promise<string>;
}

/** A host that has joined, and an `sshd` whose host key its certificate is for. */
async function createSshd({ include = true, certify = true } = {}): Promise<Sshd> {
  const rig = await createHostRig();
  const config = join(rig.folder, 'sshd_config');
  const hostKey = join(rig.folder, 'ssh_host_ed25519_key');
  const keygen = ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey];
  const outcome = await runProgram('ssh-keygen', keygen, { cwd: rig.folder });
  if (outcome) succeeded(outcome);
  // Debian's sshd wants this folder when root starts it.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const lines = [
    ...(include ? [`Include ${config}.d/*.conf`] : []),
    `HostKey ${hostKey}`,
    `PidFile ${join(rig.folder, 'sshd.pid')}`,
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  const flag = certify ? [`--ssh-host-key=${hostKey}.pub`] : [];
  expect(await rig.once('ssh_service', ...flag)).toBe(0);

  const sshd: Sshd = {
    folder: rig.folder,
    data: rig.data,
    config,
    snippet: join(`${config}.d`, '20-joinbot.conf'),
    hostKey,
    answer: machinePrograms.run,
    hungUp: [],
    async configure(line) {
      await writeFile(config, `${await readFile(config, 'utf8')}${line}\n`);
    },
    async install({ write = true } = {}) {
      const said: string[] = [];
      await installSshd({
        directory: rig.data,
        sshdConfig: config,
        write,
        programs: {
          run: (program, args) => sshd.answer(program, args),
          signal: (pid) => void sshd.hungUp.push(pid),
        },
        say: (text) => said.push(text),
      });
      return said.join('');
    },
  };
  return sshd;
}

/** Has `sshd` show a setting no more from the given time on that it is asked for all, as one does that doesn't know it. */
function withoutSetting(sshd: Sshd, name: string, from: number): void {
  let asked = 0;
  sshd.answer = async (program, args) => {
    const outcome = await machinePrograms.run(program, args);
    if (args[0] === '-T') asked += 1;
    if (args[0] !== '-T' || asked !== from || !outcome) return outcome;
    return { ...outcome, stdout: outcome.stdout.replaceAll(new RegExp(`^${name} .*$`, 'gm'), '') };
  };
}

/** The host keys of the main configuration, in this order. */
async function nameHostKeys(sshd: Sshd, ...paths: readonly string[]): Promise<void> {
  const text = await readFile(sshd.config, 'utf8');
  const lines = paths.map((path) => `HostKey ${path}\n`).join('');
  await writeFile(sshd.config, text.replace(/^HostKey .*\n/m, lines));
}

describe.skipIf(!hasSsh)('install sshd', () => {
  test('prints the lines, and writes nothing', async () => {
    const sshd = await createSshd();
    expect(await sshd.install({ write: false })).toBe(
      [
        '# Made by joinbot install sshd, which replaces this file: make no changes here.',
        `HostCertificate "${sshd.data}/ssh_host_key-cert.pub"`,
        `TrustedUserCAKeys "${sshd.data}/ssh_user_ca.pub"`,
        `RevokedKeys "${sshd.data}/revoked.krl"`,
        '',
      ].join('\n'),
    );
    await expect(stat(`${sshd.config}.d`)).rejects.toThrow('ENOENT');
  });

  test('names all keys where the certificate is for one of the agent', async () => {
    const sshd = await createSshd({ certify: false });
    await sshd.configure(`HostKey ${join(sshd.folder, 'gone')}`);
    expect(await sshd.install({ write: false })).toContain(
      `HostKey "${sshd.hostKey}"\nHostKey "${sshd.data}/ssh_host_key"\nHostCertificate`,
    );
    // Its own comes last, wherever sshd's configuration has it.
    const own = join(sshd.data, 'ssh_host_key');
    await nameHostKeys(sshd, own, sshd.hostKey);
    expect(await sshd.install({ write: false })).toContain(
      `make no changes here.\nHostKey "${sshd.hostKey}"\nHostKey "${own}"\nHostCertificate`,
    );
  });

  test('knows the key that is certified by its type and its bytes alone', async () => {
    const sshd = await createSshd();
    const [type, bytes] = (await readFile(`${sshd.hostKey}.pub`, 'utf8')).split(' ');
    await writeFile(`${sshd.hostKey}.pub`, `${type} ${bytes?.trim()}\n`);
    // Of one that is named before, nobody knows what it is.
    await nameHostKeys(sshd, join(sshd.folder, 'gone'), sshd.hostKey);
    expect(await sshd.install({ write: false })).not.toContain('HostKey');
  });

  test('brings its list of revoked keys to an sshd that shows none', async () => {
    const sshd = await createSshd();
    withoutSetting(sshd, 'revokedkeys', 1);
    expect(await sshd.install()).not.toContain('already');
    expect(await readFile(sshd.snippet, 'utf8')).toContain(
      `RevokedKeys "${sshd.data}/revoked.krl"\n`,
    );
  });

  test('writes them with --write, once', async () => {
    const sshd = await createSshd();
    const printed = await sshd.install({ write: false });
    expect(await sshd.install()).toContain(`Wrote ${sshd.snippet}\n`);
    expect(await readFile(sshd.snippet, 'utf8')).toBe(printed);
    expect(await readdir(`${sshd.config}.d`)).toEqual(['20-joinbot.conf']);
    const { ino } = await stat(sshd.snippet);
    expect(await sshd.install()).toBe(`${sshd.snippet} is as it should be\n`);
    expect((await stat(sshd.snippet)).ino).toBe(ino);
  });

  test('leaves another list of revoked keys in force, and says what that means', async () => {
    const sshd = await createSshd();
    const other = join(sshd.folder, 'other.krl');
    await mkdir(`${sshd.config}.d`);
    await writeFile(join(`${sshd.config}.d`, '90-other.conf'), `RevokedKeys ${other}\n`);
    expect(await sshd.install()).toContain(
      `sshd has RevokedKeys ${other} already, and takes one only: it does not learn what the broker revokes\n`,
    );
    expect(await readFile(sshd.snippet, 'utf8')).not.toContain('RevokedKeys');
  });

  test('tells the sshd of the pid file to reload, and no other process', async () => {
    const sshd = await createSshd();
    const fake = join(sshd.folder, 'sshd');
    await writeFile(fake, '#!/bin/sh\nread -r line\n', { mode: 0o755 });
    const child = spawn(fake, { stdio: ['pipe', 'ignore', 'ignore'] });
    onTestFinished(() => void child.kill());
    await once(child, 'spawn');
    await writeFile(join(sshd.folder, 'sshd.pid'), `${child.pid}\n`);
    expect(await sshd.install()).toContain('Told sshd to reload; it is told after each renewal');
    expect(sshd.hungUp).toEqual([child.pid]);

    const other = await createSshd();
    await writeFile(join(other.folder, 'sshd.pid'), `${process.pid}\n`);
    await expect(other.install()).rejects.toThrow(`process ${process.pid} is not sshd`);
    expect(other.hungUp).toEqual([]);
  });

  test('writes it, and says so, where nobody knows which sshd runs', async () => {
    const sshd = await createSshd();
    const lines = (await readFile(sshd.config, 'utf8')).replace(/PidFile .*/, 'PidFile none');
    await writeFile(sshd.config, lines);
    await expect(sshd.install()).rejects.toMatchObject({
      code: 'sshd',
      message: `${sshd.snippet} is in place, but neither systemd nor a pid file says which sshd runs: reload it by hand, now and after each renewal`,
    });
    expect(await readFile(sshd.snippet, 'utf8')).toContain('HostCertificate');
    withoutSetting(sshd, 'pidfile', 1);
    await expect(sshd.install()).rejects.toThrow('neither systemd nor a pid file says');
    await expect(stat(join(sshd.data, 'sshd.json'))).rejects.toThrow('ENOENT');
  });

  test('says that sshd reads the files when it starts, where it does not run', async () => {
    const sshd = await createSshd();
    expect(await sshd.install()).toContain('sshd does not run now');
    expect(await readFile(join(sshd.data, 'sshd.json'), 'utf8')).toBe(
      `{"version":1,"reload":{"pid_file":"${join(sshd.folder, 'sshd.pid')}"}}\n`,
    );
    await rm(join(sshd.data, 'sshd.json'));
    expect(await sshd.install()).toBe(
      `${sshd.snippet} is as it should be\nsshd does not run now; it is told after each renewal, too\n`,
    );
  });
});

describe.skipIf(!hasSsh)('install sshd leaves all as it was where', () => {
  const refused = async (sshd: Sshd, code: Failure['code'] = 'sshd'): Promise<string> => {
    const told = await sshd.install().catch((error: Failure) => {
      expect(error.code).toBe(code);
      return error.message;
    });
    await expect(stat(join(sshd.data, 'sshd.json'))).rejects.toThrow('ENOENT');
    expect(sshd.hungUp).toEqual([]);
    return told;
  };

  test('sshd refuses the lines: with an older file of ours there, and without', async () => {
    const sshd = await createSshd();
    sshd.answer = async (program, args) =>
      args[0] === '-t'
        ? { code: 255, stdout: '', stderr: 'no good\r\n' }
        : machinePrograms.run(program, args);
    const said = 'sshd does not take it, so all is as it was: no good';
    expect(await refused(sshd)).toBe(said);
    expect(await readdir(`${sshd.config}.d`)).toEqual([]);
    await writeFile(sshd.snippet, '# older\n');
    expect(await refused(sshd)).toBe(said);
    expect(await readFile(sshd.snippet, 'utf8')).toBe('# older\n');
  });

  test('the main configuration does not read the folder', async () => {
    const sshd = await createSshd({ include: false });
    expect(await refused(sshd)).toContain(
      `write as its first line: Include ${sshd.config}.d/*.conf`,
    );
    expect(await readdir(`${sshd.config}.d`)).toEqual([]);
  });

  test('another file says whom sshd trusts', async () => {
    const sshd = await createSshd();
    const other = join(sshd.folder, 'other_ca.pub');
    await writeFile(other, '');
    await mkdir(`${sshd.config}.d`);
    await writeFile(join(`${sshd.config}.d`, '10-other.conf'), `TrustedUserCAKeys ${other}\n`);
    expect(await refused(sshd)).toContain(
      `another file sets TrustedUserCAKeys to ${other} already, so all is as it was`,
    );
    expect(await readdir(`${sshd.config}.d`)).toEqual(['10-other.conf']);
  });

  test('the configuration is wrong already', async () => {
    const sshd = await createSshd();
    await sshd.configure('Nonsense yes');
    expect(await refused(sshd)).toContain('sshd does not take its configuration: ');
  });

  test('the certificate is for none of its host keys', async () => {
    const sshd = await createSshd();
    await writeFile(`${sshd.hostKey}.pub`, 'ssh-ed25519 AAAA\n');
    const other = join(sshd.folder, 'other');
    await nameHostKeys(sshd, sshd.hostKey, other);
    expect(await refused(sshd)).toContain(
      `is for none of sshd's host keys (${sshd.hostKey}, ${other}): give joinbot start the flag`,
    );
    withoutSetting(sshd, 'hostkey', 1);
    expect(await refused(sshd)).toContain("is for none of sshd's host keys (): give joinbot");
  });

  test.each([
    ['there is no list of what is revoked', (path: string) => rm(path)],
    ['the list of what is revoked is none', (path: string) => writeFile(path, 'SSHKRL')],
    ['the list of what is revoked is empty', (path: string) => writeFile(path, '')],
  ])('%s: sshd would refuse everybody', async (_, spoil) => {
    const sshd = await createSshd();
    await spoil(join(sshd.data, 'revoked.krl'));
    expect(await refused(sshd, 'files')).toBe(
      `there is no revoked.krl in ${sshd.data} that sshd can read: renew first, with joinbot start -c <file> --oneshot`,
    );
    await expect(stat(`${sshd.config}.d`)).rejects.toThrow('ENOENT');
  });

  test('sshd shows one of its settings no more with it', async () => {
    const sshd = await createSshd();
    for (const [name, said] of [
      ['trustedusercakeys', 'another file sets TrustedUserCAKeys to none already, so all is as it'],
      [
        'revokedkeys',
        `sshd has RevokedKeys none with it, not ${sshd.data}/revoked.krl, so all is as it was`,
      ],
    ] as const) {
      withoutSetting(sshd, name, 2);
      expect(await refused(sshd)).toContain(said);
      expect(await readdir(`${sshd.config}.d`)).toEqual([]);
    }
  });

  test('nobody has joined', async () => {
    const sshd = await createSshd();
    await rm(sshd.data, { recursive: true });
    expect(await refused(sshd, 'files')).toBe(
      `there are no files of a host in ${sshd.data}: join first, with joinbot start -c <file> --oneshot`,
    );
  });

  test('there is no sshd', async () => {
    const sshd = await createSshd();
    sshd.answer = async () => undefined;
    expect(await refused(sshd)).toContain('there is no sshd here');
  });

  test('others than root could put another authority in the place of ours', async () => {
    const sshd = await createSshd();
    await chmod(sshd.folder, 0o777);
    expect(await refused(sshd, 'files')).toBe(
      `${sshd.folder} can be written by others than its owner, who could so choose whom sshd trusts: put data_dir where only root may write`,
    );
  });

  test.skipIf(process.getuid?.() !== 0)('a folder above belongs to somebody else', async () => {
    const sshd = await createSshd();
    const chown = await runProgram('chown', ['65534', sshd.folder], { cwd: '/' });
    if (chown) succeeded(chown);
    expect(await refused(sshd, 'files')).toContain(
      `${sshd.folder} belongs to somebody else than root`,
    );
  });
});

describe('which sshd is told', () => {
  async function way(
    sshdConfig: string,
    shown: (unit: string) => ProgramOutcome | undefined,
    pidFile?: string,
  ) {
    const asked: string[] = [];
    const programs: MachinePrograms = {
      run: async (program, args) => {
        asked.push([program, ...args].join(' '));
        return shown(args.at(-1) ?? '');
      },
      signal: () => undefined,
    };
    return { way: await reloadWay({ sshdConfig, programs }, pidFile), asked };
  }
  const state = (stdout: string, code = 0): ProgramOutcome => ({ code, stdout, stderr: '' });
  const show = (unit: string) => `systemctl show --property=LoadState --value ${unit}`;

  test("is the system's unit, under either name, for the usual configuration", async () => {
    const first = await way('/etc/ssh/sshd_config', () => state('loaded\n'), '/run/sshd.pid');
    expect(first).toEqual({ way: { unit: 'ssh.service' }, asked: [show('ssh.service')] });
    const second = await way('/etc/ssh/sshd_config', (unit) =>
      state(unit === 'sshd.service' ? 'loaded\n' : 'not-found\n'),
    );
    expect(second).toEqual({
      way: { unit: 'sshd.service' },
      asked: ['ssh.service', 'sshd.service'].map(show),
    });
  });

  test.each([
    ['systemd has no such unit', () => state('not-found\n')],
    ['systemd does not answer', () => state('loaded\n', 1)],
    ['there is no systemd', () => undefined],
  ])('is the one of the pid file where %s', async (_, shown) => {
    const { way: found } = await way('/etc/ssh/sshd_config', shown, '/run/sshd.pid');
    expect(found).toEqual({ pid_file: '/run/sshd.pid' });
    for (const none of ['none', 'run/sshd.pid', undefined])
      expect((await way('/etc/ssh/sshd_config', shown, none)).way).toBeUndefined();
  });

  test('is no unit for another configuration', async () => {
    const { way: found, asked } = await way(
      '/srv/sshd_config',
      () => state('loaded'),
      '/run/a.pid',
    );
    expect([found, asked]).toEqual([{ pid_file: '/run/a.pid' }, []]);
  });
});
