/** A PostgreSQL server of one test's own, which admits by client certificates alone. It never runs as root. */
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { runProgram } from '../../local/programs.ts';
import { temporaryFolder } from '../agent/folder.ts';
import { programPath } from '../programs.ts';
import { freePort } from './free-port.ts';

interface Account {
  /** Who is to read the server's key; absent: whoever runs the test. */
  readonly group?: string;
}

/**
 * `certificates` is given a folder that the server's account can get into, and gives the lines of postgresql.conf that
 * switch TLS on.
 */
export async function startPostgres(
  certificates: (folder: string, account: Account) => Promise<string>,
): Promise<{ readonly port: number }> {
  const isRoot = process.getuid?.() === 0;
  const folder = await temporaryFolder();
  chmodSync(folder, 0o755);
  const data = join(folder, 'data');
  const as = isRoot ? await account() : undefined;
  if (as) chownSync(folder, as.uid, as.gid);
  const asUser = (program: string, ...args: readonly string[]): [string, string[]] =>
    as
      ? ['setpriv', [`--reuid=${as.uid}`, `--regid=${as.gid}`, '--clear-groups', program, ...args]]
      : [program, [...args]];
  const run = async (program: string, ...args: readonly string[]) => {
    const [file, all] = asUser(program, ...args);
    const done = await runProgram(file, all, { cwd: folder, env: { ...process.env, LC_ALL: 'C' } });
    if (done?.code !== 0) throw new Error(`${program}: ${done?.stderr}${done?.stdout}`);
  };
  const initdb = programPath('initdb') ?? '';
  await run(initdb, '-D', data, '-U', 'postgres', '--no-sync', '-A', 'reject');
  const tls = await certificates(folder, as ? { group: as.name } : {});
  const port = await freePort();
  const settings = [
    `listen_addresses = '127.0.0.1'`,
    `port = ${port}`,
    `unix_socket_directories = ''`,
    'fsync = off',
    tls,
  ];
  const conf = join(data, 'postgresql.auto.conf');
  writeFileSync(conf, `${settings.join('\n')}\n`);
  writeFileSync(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 cert\n');
  // The role, before anybody is let in.
  const single = asUser(programPath('postgres') ?? '', '--single', '-D', data, 'postgres');
  await new Promise<void>((resolve, reject) => {
    const child = spawn(single[0], single[1], { stdio: ['pipe', 'ignore', 'ignore'] });
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error('postgres --single'))));
    child.stdin.end('create role example login;\n');
  });
  const [file, args] = asUser(programPath('postgres') ?? '', '-D', data);
  const server = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  server.stderr.on('data', (text) => {
    said += text;
  });
  onTestFinished(() => void server.kill('SIGQUIT'));
  for (let tries = 0; !said.includes('ready to accept connections'); tries += 1) {
    if (tries === 200 || server.exitCode !== null) throw new Error(`postgres: ${said}`);
    await delay(50);
  }
  return { port };
}

/** An account that isn't root's: that of Debian's package, or nobody's. */
async function account(): Promise<{ name: string; uid: number; gid: number }> {
  for (const user of ['postgres', 'nobody']) {
    const found = await runProgram('getent', ['passwd', user], { cwd: '/', env: process.env });
    const [, , uid, gid] = found?.stdout.split(':') ?? [];
    const group = await runProgram('getent', ['group', gid ?? ''], { cwd: '/', env: process.env });
    if (found?.code === 0 && group?.code === 0)
      return { name: group.stdout.split(':')[0] ?? '', uid: Number(uid), gid: Number(gid) };
  }
  throw new Error('PostgreSQL does not run as root, and there is no other account');
}
