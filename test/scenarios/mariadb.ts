/** A MariaDB server of one test's own, which admits by client certificates alone. */
import { spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { runProgram } from '../../local/programs.ts';
import { temporaryFolder } from '../agent/folder.ts';
import { programPath } from '../programs.ts';
import { freePort } from './free-port.ts';

/** `tls`: lines of its configuration, the section's name included. `sql`: statements, one a line. */
export async function startMariadb(tls: string, sql: string): Promise<{ readonly port: number }> {
  const folder = await temporaryFolder();
  chmodSync(folder, 0o755);
  const data = join(folder, 'data');
  const options = [`--user=${userInfo().username}`, `--datadir=${data}`];
  const small = ['--innodb-log-file-size=5M', '--innodb-flush-log-at-trx-commit=0'];
  const made = await runProgram(
    programPath('mariadb-install-db') ?? '',
    [
      '--no-defaults',
      ...options,
      ...small,
      '--skip-test-db',
      '--auth-root-authentication-method=normal',
    ],
    { cwd: folder, env: process.env },
  );
  if (made?.code !== 0) throw new Error(`mariadb-install-db: ${made?.stderr}${made?.stdout}`);
  const port = await freePort();
  const first = join(folder, 'first.sql');
  writeFileSync(first, sql);
  const config = join(folder, 'my.cnf');
  const settings = ['bind_address = 127.0.0.1', `port = ${port}`, `socket = ${folder}/s`];
  writeFileSync(config, `${tls}\n${settings.join('\n')}\ninit_file = ${first}\n`);
  const server = spawn(
    programPath('mariadbd') ?? '',
    [`--defaults-file=${config}`, ...options, ...small, '--skip-name-resolve'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  onTestFinished(() => void server.kill('SIGKILL'));
  let said = '';
  server.stderr.on('data', (text) => {
    said += text;
  });
  for (let tries = 0; !said.includes('ready for connections'); tries += 1) {
    if (tries === 400 || server.exitCode !== null) throw new Error(`mariadbd: ${said}`);
    await delay(50);
  }
  return { port };
}
