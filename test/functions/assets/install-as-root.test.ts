/** The install script, really run by root, where this process may: with /etc, /opt, /usr/local and /var/lib of its own. */
import { execFileSync } from 'node:child_process';
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Outcome, runProgram } from '../../../local/programs.ts';
import { programPath } from '../../programs.ts';
import { succeeded } from '../../scenarios/scenario.ts';
import { type InstallingBroker, newFolder, refused, startBroker, VERSION } from './machine.ts';

let broker: InstallingBroker;
beforeAll(async () => {
  broker = await startBroker();
  return broker.close;
});
const script = (): Promise<string> => broker.script();

/** Whether this process may have a view of the file system of its own. */
function mayUnshare(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'], {
      stdio: 'ignore',
    });
    return process.getuid?.() === 0 && programPath('useradd') !== undefined;
  } catch {
    return false;
  }
}

describe.skipIf(!mayUnshare())('as root, on a machine of its own,', () => {
  const FOLDERS = { etc: '/etc', opt: '/opt', local: '/usr/local', lib: '/var/lib' };

  /** Runs commands where these folders are the machine's own. */
  async function createRootMachine() {
    const folder = await newFolder();
    // Whoever is not root gets through to what is mounted over.
    await chmod(folder, 0o755);
    for (const name of Object.keys(FOLDERS)) await mkdir(join(folder, name));
    await cp('/etc', join(folder, 'etc'), {
      recursive: true,
      verbatimSymlinks: true,
      // An agent of this machine's own is not that one's.
      filter: (path) => !path.startsWith('/etc/systemd/system/joinbot'),
    });
    await mkdir(join(folder, 'local/bin'));
    await cp(process.execPath, join(folder, 'local/bin/node'));
    await writeFile(join(folder, 'install.sh'), await script());
    const mounts = Object.entries(FOLDERS).map(
      ([name, path]) => `mount --bind ${folder}/${name} ${path}`,
    );
    return async (command: string): Promise<Outcome> => {
      const line = `${mounts.join(' && ')} && cd / && ${command}`;
      const outcome = await runProgram(
        'unshare',
        ['--mount', '--propagation=private', 'sh', '-c', line],
        {
          cwd: folder,
          env: {
            PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
            SCRIPT: `${folder}/install.sh`,
          },
        },
      );
      if (!outcome) throw new Error('there is no unshare');
      return outcome;
    };
  }

  test('it makes the user and its directories, and says what is next; the user can run the agent', async () => {
    const run = await createRootMachine();
    const first = succeeded(await run('sh < "$SCRIPT"'));
    expect(first.stdout).toContain('Made the user joinbot');
    expect(first.stdout).toContain('systemctl enable --now joinbot');
    expect(first.stdout).toContain(`proxy_server: ${broker.url}`);
    const state = 'stat -c "%n %U:%G %a" /var/lib/joinbot /opt/machine-id; getent passwd joinbot';
    const { stdout } = succeeded(await run(state));
    expect(stdout).toMatch(
      /^\/var\/lib\/joinbot joinbot:joinbot 700\n\/opt\/machine-id joinbot:joinbot 700\njoinbot:x:\d+:\d+::\/var\/lib\/joinbot:\/usr\/sbin\/nologin\n$/,
    );
    const asUser = 'setpriv --reuid joinbot --regid joinbot --clear-groups';
    const said = succeeded(await run(`${asUser} joinbot version`));
    expect(said.stdout).toBe(`joinbot ${VERSION}\n`);
    const again = succeeded(await run('bash < "$SCRIPT"'));
    expect(again.stdout).toBe(`joinbot ${VERSION} was installed already: nothing was changed.\n`);
  });

  test('it leaves the user, and directories that are there, as they are', async () => {
    const run = await createRootMachine();
    const before = 'useradd --system --uid 777 joinbot && mkdir -m 0755 /opt/machine-id && ';
    succeeded(await run(`${before} sh < "$SCRIPT"`));
    const { stdout } = succeeded(await run('id -u joinbot; stat -c "%U %a" /opt/machine-id'));
    expect(stdout).toBe('777\nroot 755\n');
  });

  test('it refuses a Node.js in a home directory, and anybody but root', async () => {
    const run = await createRootMachine();
    const home = 'mount -t tmpfs none /root && mkdir /root/bin && mv /usr/local/bin/node /root/bin';
    const hidden = await run(`${home} && PATH="/root/bin:$PATH" sh < "$SCRIPT"`);
    expect(refused(hidden)).toContain('/root/bin/node is in a home directory');
    const other = await run('setpriv --reuid 65534 sh < "$SCRIPT"');
    expect(refused(other)).toContain('only root may install: run it with sudo');
    expect((await run('ls /var/lib /opt')).stdout).not.toContain('joinbot');
  });
});
