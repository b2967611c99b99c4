/** What others' tools say to the install script and to the unit that it installs. */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Outcome, runProgram } from '../../../local/programs.ts';
import { hasProgram } from '../../programs.ts';
import { ROOT, succeeded } from '../../scenarios/scenario.ts';
import { createMachine, type InstallingBroker, startBroker } from './machine.ts';

/** Optional checks that are taste: braces around every variable, `set -e` in conditions, a default in every `case`. */
const EXCEPT = '--exclude=SC2249,SC2250,SC2310,SC2312';
const TEMPLATE = join(ROOT, 'functions/assets/install.sh');

let broker: InstallingBroker;
beforeAll(async () => {
  broker = await startBroker();
  return broker.close;
});
const script = (): Promise<string> => broker.script();

test.skipIf(!hasProgram('shellcheck'))('shellcheck finds nothing in the script', async () => {
  for (const text of [await readFile(TEMPLATE, 'utf8'), await script()]) {
    const said = execFileSync('shellcheck', ['--shell=sh', '--enable=all', EXCEPT, '-'], {
      input: text,
      encoding: 'utf8',
    });
    expect(said).toBe('');
  }
});

describe.skipIf(!hasProgram('systemd-analyze')).each([
  { name: 'joinbot.service', user: /^User=joinbot$/m, exposure: '1.5' },
  // It runs as root, with no capability, and sees other processes.
  { name: 'joinbot-node.service', user: /^(?!.*^User=)/ms, exposure: '2.0' },
])('the unit $name', ({ name, user, exposure }) => {
  /** The unit with the path of a command that is there. */
  async function unit(): Promise<string> {
    const machine = await createMachine();
    succeeded(await machine.run('sh', await script()));
    const text = await readFile(join(machine.root, 'etc/systemd/system', name), 'utf8');
    expect(text).toMatch(user);
    const path = join(machine.root, name);
    await writeFile(path, text.replace(/^ExecStart=/m, `ExecStart=${machine.root}`));
    return path;
  }
  const analyze = async (...args: readonly string[]): Promise<Outcome> =>
    (await runProgram('systemd-analyze', args, { cwd: tmpdir() })) as Outcome;

  test('is accepted by systemd without a word', async () => {
    const { stdout, stderr } = succeeded(await analyze('verify', await unit()));
    expect(stdout + stderr).toBe('');
  });

  test(`is exposed by no more than ${exposure} of 10, as systemd counts it`, async () => {
    const outcome = await analyze(
      ...[
        'security',
        '--offline=true',
        '--no-pager',
        `--threshold=${exposure.replace('.', '')}`,
        await unit(),
      ],
    );
    expect(succeeded(outcome).stdout).toContain(`Overall exposure level for ${name}: `);
  });
});
