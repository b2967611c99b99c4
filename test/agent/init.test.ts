/** `joinbot init`: a directory for the agent's user, and readers in it. As root with real accounts; else what is refused. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { machinePrograms } from '../../agent/machine-programs.ts';
import { hasProgram } from '../programs.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65534;

async function rigOf(): Promise<Rig> {
  const rig = await createRig({ programs: machinePrograms });
  chmodSync(rig.folder, 0o755);
  return rig;
}

const flagsFor = (path: string, reader = 'daemon') => [
  ...['init', `--destination-dir=${path}`, `--reader-user=${reader}`, '--bot-user=nobody'],
];

describe.skipIf(!isRoot || !hasProgram('setfacl'))('as root', () => {
  test('makes the directory for the agent, and lets the reader in, also twice', async () => {
    const rig = await rigOf();
    const path = join(rig.folder, 'a/out');
    for (let times = 0; times < 2; times += 1) {
      expect(await rig.run(...flagsFor(path))).toBe(0);
      expect(statSync(path).uid).toBe(NOBODY);
      const list = execFileSync('getfacl', ['-cp', path], { encoding: 'utf8' });
      expect(list).toContain('user:daemon:r-x');
      expect(list).toContain('other::---');
    }
    expect(rig.output.join('')).toContain(
      `destination: {type: directory, path: ${path}, readers: [{user: daemon}]}`,
    );
  });

  test('what the agent writes there the reader can read, and no other, over renewals', async () => {
    const rig = await rigOf();
    const path = join(rig.folder, 'out');
    await rig.run(...flagsFor(path));
    const config = guideConfig(
      `outputs: [{type: tls, destination: {type: directory, path: ${path}, readers: [{user: daemon}]}}]\n`,
    );
    rig.stopAfterWaits(2);
    expect(await rig.start(config)).toBe(0);
    const readAs = (user: string): string =>
      execFileSync('setpriv', [`--reuid=${user}`, '--clear-groups', 'cat', join(path, 'tls.key')], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    expect(readAs('daemon')).toContain('PRIVATE KEY');
    expect(() => readAs('bin')).toThrow();
  });

  test('sets up what a config file names readers for', async () => {
    const rig = await rigOf();
    const [a, b] = [join(rig.folder, 'a'), join(rig.folder, 'b')];
    const config = join(rig.folder, 'c.yaml');
    const outputs = [
      `{type: tls, destination: {type: directory, path: ${a}, readers: [{group: daemon}]}}`,
      `{type: tls, destination: {type: directory, path: ${b}}}`,
    ];
    writeFileSync(config, guideConfig(`outputs: [${outputs.join(', ')}]\n`));
    expect(await rig.run('init', '-c', config, '--bot-user=nobody')).toBe(0);
    expect(statSync(a).uid).toBe(NOBODY);
    expect(existsSync(b)).toBe(false);
  });

  test("gives away nothing that is somebody else's", async () => {
    const rig = await rigOf();
    const path = join(rig.folder, 'theirs');
    mkdirSync(path);
    writeFileSync(join(path, 'file'), '');
    expect(await rig.run(...flagsFor(path))).toBe(1);
    expect(rig.output.at(-1)).toContain('is there already, with files in it');
    expect(statSync(path).uid).toBe(0);
  });

  test('changes nothing where somebody else could have put a link in the way', async () => {
    const rig = await rigOf();
    const theirs = join(rig.folder, 'theirs');
    mkdirSync(theirs);
    chownSync(theirs, 1, 1);
    const target = join(rig.folder, 'target');
    mkdirSync(target);
    symlinkSync(target, join(theirs, 'out'));
    symlinkSync(target, join(rig.folder, 'link'));
    for (const path of [join(theirs, 'out'), join(theirs, 'new'), join(rig.folder, 'link')]) {
      expect(await rig.run(...flagsFor(path))).toBe(1);
    }
    expect(statSync(target).uid).toBe(0);
    expect(existsSync(join(theirs, 'new'))).toBe(false);
  });
});

test.each([
  [['init'], 'expected --destination-dir and --reader-user, or a config file (-c)'],
  [['init', '--destination-dir=/x', '--reader-user=a:rwx,o'], 'expected the name of a user'],
  [['init', '--destination-dir=/x', '--reader-user=-R'], 'expected the name of a user'],
  [['init', '--destination-dir=/x', '--bot-user=no-such-user'], 'there is no user no-such-user'],
  [['init', '--oneshot'], '--oneshot is no flag of init'],
])('%j is refused', async (args, said) => {
  const rig = await rigOf();
  expect(await rig.run(...args)).not.toBe(0);
  expect(rig.output.at(-1)).toContain(said);
});
