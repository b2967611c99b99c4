/** joinbot as one file that needs no Node.js. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeExecutable } from '../../scripts/executables.ts';
import { expectNode, nodeBinary, ownTarget, TARGETS } from '../../scripts/node-binaries.ts';
import { temporaryFolder } from '../agent/folder.ts';
import { createAgentHome } from '../endurance/running-agent.ts';

const { version, devDependencies } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
);
const target = ownTarget();

/** Nothing to run JavaScript with, and what somebody may have set to get in. */
const env = {
  PATH: '/nonexistent',
  NODE_OPTIONS: '--inspect=127.0.0.1:0 --require=/nonexistent.js',
};

describe.skipIf(!target)('joinbot as a single executable', () => {
  let folder: string;
  let program: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'executable-'));
    program = join(folder, 'joinbot');
    await makeExecutable('joinbot.cjs', await nodeBinary(target ?? 'linux-x64'), program);
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('runs without Node.js, whatever NODE_OPTIONS says', () => {
    const said = execFileSync(program, ['version'], { env, encoding: 'utf8', stdio: 'pipe' });
    expect(said).toBe(`joinbot ${version}\n`);
  });

  test('is the whole command in a unit', async () => {
    const config = join(folder, 'joinbot.yaml');
    await writeFile(config, 'version: v2\nstorage: {type: directory, path: /var/lib/joinbot}\n');
    const args = ['install', 'systemd', '-c', config];
    const unit = execFileSync(program, args, { env, encoding: 'utf8', stdio: 'pipe' });
    const [, command = ''] = /^ExecStart=(.*) start -c /m.exec(unit) ?? [];
    expect(['/usr/local/bin/joinbot', program]).toContain(command);
  });

  test('joins, renews on SIGUSR1, and opens no port', async () => {
    const home = await createAgentHome([
      '{type: tls, formats: [pkcs12], destination: {type: directory, path: "{folder}/out"}}',
    ]);
    const agent = home.start({ words: [program], env });
    const renewed = agent.says('renewed as bot example', 1);
    const debugged = agent.says('ebugger', 1).then(
      () => true,
      () => false,
    );
    await agent.says('wrote', 2);
    agent.child.kill('SIGUSR1');
    await renewed;
    expect(await listeningSockets(agent.child.pid ?? 0)).toEqual([]);
    expect((await readdir(join(home.folder, 'out'))).toSorted()).toContain('keystore.p12');
    await agent.kill('SIGTERM');
    expect(await debugged).toBe(false);
  });
});

/** The inodes of TCP sockets that a process listens on. */
async function listeningSockets(pid: number): Promise<string[]> {
  const own = await Promise.all(
    (await readdir(`/proc/${pid}/fd`)).map((fd) =>
      readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''),
    ),
  );
  const LISTEN = '0A';
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, 'utf8').catch(() => '')),
  );
  return tables
    .flatMap((text) => text.trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state]) => state === LISTEN)
    .map((fields) => fields[9] ?? '')
    .filter((inode) => own.includes(`socket:[${inode}]`));
}

test('a Node.js that is not the one that is written down makes none', async () => {
  const folder = await temporaryFolder();
  const other = join(folder, 'node');
  await writeFile(other, 'another one');
  for (const one of TARGETS) {
    await expect(expectNode(one, other)).rejects.toThrow(
      `${other}: expected Node.js ${devDependencies.node} for ${one} (SHA-256`,
    );
  }
});
