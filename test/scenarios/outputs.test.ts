/** Real programs with the files of outputs as they are: servers with a host's, clients with a bot's. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { codeBlocks } from '../docs/markdown.ts';
import { hasProgram, programPath } from '../programs.ts';
import { freePort } from './free-port.ts';
import { BOT, HOST_NAME, type OutputScene, openOutputScene } from './outputs-scene.ts';
import { startPostgres } from './postgres.ts';
import { succeeded } from './scenario.ts';

const LOGIN = userInfo().username;

let scene: OutputScene;
beforeAll(async () => {
  scene = await openOutputScene(LOGIN);
});
afterAll(() => scene?.close());

const DOCUMENT = readFileSync(new URL('../../docs/outputs.md', import.meta.url), 'utf8');

/** The lines of docs/outputs.md that begin so, with this directory for theirs. */
function documented(language: string, theirs: string, directory: string, begins = ''): string {
  const block = codeBlocks(DOCUMENT, language).find((text) => text.startsWith(begins));
  if (!block?.includes(theirs)) throw new Error(`docs/outputs.md: no ${language} for ${theirs}`);
  return block.replaceAll(theirs, directory);
}

const read = (path: string): string => readFileSync(scene.path(path), 'utf8');

describe.skipIf(!hasProgram('nginx'))('nginx', () => {
  test('serves with an output, admits bots alone, and shows the next certificate after its reload', async () => {
    const folder = scene.path('nginx-run');
    mkdirSync(folder);
    const port = await freePort();
    const pid = join(folder, 'nginx.pid');
    const server = scene.output(
      'nginx',
      `type: tls, formats: [nginx], reload: {signal: HUP, pid_file: ${pid}, program: nginx}`,
    );
    await scene.joinHost('App', server);
    await scene.joinBot(scene.output('bot', 'type: tls'));
    writeFileSync(join(folder, 'nginx.conf'), nginxConfig(folder, scene.path('nginx'), port));
    const nginx = spawn(
      programPath('nginx') ?? '',
      ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log'), '-g', 'daemon off;'],
      { stdio: 'ignore' },
    );
    onTestFinished(() => void nginx.kill('SIGQUIT'));

    const pair = { key: read('bot/tls.key'), cert: read('bot/tls.crt') };
    const first = await untilAnswer(() => ask(port, pair));
    expect(first.body).toBe(`CN=${BOT} SUCCESS`);
    await expect(ask(port, {})).resolves.toMatchObject({ status: 400 });

    await scene.joinHost('App', server);
    let next = await ask(port, pair);
    for (let tries = 0; tries < 100 && next.serial === first.serial; tries += 1) {
      await delay(50);
      next = await ask(port, pair);
    }
    expect(next.serial).not.toBe(first.serial);
  });
});

const nginxConfig = (folder: string, files: string, port: number): string => `
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} ssl;
    ${documented('nginx', '/etc/nginx/joinbot', files)}
    location / { return 200 "$ssl_client_s_dn $ssl_client_verify"; }
  }
}
`;

function ask(port: number, pair: { readonly key?: string; readonly cert?: string }) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number | undefined;
    body: string;
    serial: string;
  }>();
  const asking = request(
    {
      ...{ host: '127.0.0.1', port, servername: HOST_NAME, agent: false },
      ...{ ca: read('bot/tls.cas'), ...pair },
    },
    async (response) => {
      const { serialNumber: serial } = (
        response.socket as import('node:tls').TLSSocket
      ).getPeerCertificate();
      let body = '';
      for await (const part of response) body += part;
      resolve({ status: response.statusCode, body, serial });
    },
  );
  asking.on('error', reject);
  asking.end();
  return promise;
}

/** Until a server that was just started listens. */
async function untilAnswer<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries === 200 || (error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
      await delay(50);
    }
  }
}

const QUESTION =
  'select current_user, ssl, client_dn from pg_stat_ssl where pid = pg_backend_pid()';

describe.skipIf(!['postgres', 'initdb', 'psql'].map(hasProgram).every(Boolean))(
  'PostgreSQL',
  () => {
    test('serves with an output, and knows a bot by its name', async () => {
      const postgres = await startPostgres(async (folder, { group }) => {
        const path = join(folder, 'tls');
        const access = group === undefined ? '' : `, readers: [{group: ${group}}]`;
        const to = `{type: directory, path: ${path}${access}}`;
        await scene.joinHost('Db', `  - {type: tls, formats: [postgresql], destination: ${to}}`);
        return documented('ini', '/etc/postgresql/joinbot', path);
      });
      await scene.joinBot(
        scene.output(
          'pg-client',
          'type: database, service: pg1, username: app, format: postgresql',
        ),
      );
      const client = scene.path('pg-client');
      const words = /"(.*)"/.exec(documented('sh', '/opt/pg', client, 'psql'))?.[1] ?? '';
      const [here] = words.split(' sslcert=');
      const connect = (user: string, more = '') =>
        scene.run('psql', [
          ...['-AtX', '-c', QUESTION],
          `${here} host=${HOST_NAME} hostaddr=127.0.0.1 port=${postgres.port} dbname=postgres user=${user} ${more}`,
        ]);
      const pair = `sslcert=${words.split(' sslcert=')[1]}`;
      expect(succeeded(await connect(BOT, pair)).stdout).toBe(`${BOT}|t|/CN=${BOT}\n`);
      expect((await connect('postgres', pair)).stderr).toContain(
        'certificate authentication failed',
      );
      expect((await connect(BOT, 'sslcert= sslkey=')).stderr).toContain('certificate');
    });
  },
);

describe.skipIf(!hasProgram('java'))('Java', () => {
  test('serves and connects with key stores, and knows host and bot', async () => {
    await scene.joinHost('App', scene.output('java-host', 'type: tls, formats: [pkcs12]'));
    await scene.joinBot(scene.output('java-bot', 'type: database, format: pkcs12'));
    const program = fileURLToPath(new URL('TlsPair.java', import.meta.url));
    const [host, bot] = [scene.path('java-host'), scene.path('java-bot')];
    const names = [HOST_NAME, `other.${HOST_NAME}`];
    const said = succeeded(await scene.run('java', [program, host, bot, ...names]));
    expect(said.stdout.split('\n')).toEqual([
      'server: ',
      `client: CN=${BOT}`,
      `server: No subject alternative DNS name matching ${names[1]} found.`,
      'client: refused',
      '',
    ]);
  });
});

const hasSsh = ['sshd', 'ssh', 'ssh-keygen'].map(hasProgram).every(Boolean);

describe.skipIf(!hasSsh)('sshd', () => {
  test('shows the certificate of ssh_host, and admits the bot, by ssh and by paramiko', async () => {
    const folder = scene.path('sshd');
    mkdirSync(folder);
    const key = join(folder, 'host');
    succeeded(await scene.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]));
    await scene.joinHost('Node', scene.output('ssh-host', `type: ssh_host, host_key: ${key}.pub`));
    await scene.joinBot(scene.output('ssh-bot', 'type: identity, formats: [openssh]'));
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const config = [
      `HostKey ${key}`,
      documented('sshd', '/etc/ssh/joinbot', scene.path('ssh-host')),
      'AuthorizedKeysFile none',
      'AuthenticationMethods publickey',
      'PermitRootLogin yes',
      'UsePAM no',
      'StrictModes no',
      'PidFile none',
      "ForceCommand echo 'hello from the server'",
    ];
    writeFileSync(join(folder, 'config'), `${config.join('\n')}\n`);
    const server = `${programPath('sshd')} -i -E ${join(folder, 'log')} -f ${join(folder, 'config')}`;
    const bot = scene.path('ssh-bot');
    const ssh = await scene.run('ssh', [
      ...['-T', '-F', `${bot}/ssh_config`, '-o', `ProxyCommand=${server}`, '-o', 'BatchMode=yes'],
      `${LOGIN}@${HOST_NAME}`,
    ]);
    expect(ssh.stderr).toBe('');
    expect(succeeded(ssh).stdout).toBe('hello from the server\n');

    if (!(await hasParamiko())) return;
    const program = fileURLToPath(new URL('sign_in_with_paramiko.py', import.meta.url));
    const args = [program, HOST_NAME, LOGIN, `${bot}/id_ecdsa`, `${key}.pub`, server];
    expect(succeeded(await scene.run('python3', args)).stdout).toBe('hello from the server\n');
    // What the row of the faults' table was about: the key's other form is none that paramiko reads.
    const other = await scene.run('python3', args.with(3, `${bot}/key`));
    expect(other.code).not.toBe(0);
  });
});

async function hasParamiko(): Promise<boolean> {
  if (!hasProgram('python3')) return false;
  const { code } = await scene.run('python3', ['-c', 'import paramiko']);
  if (code !== 0 && process.env['CI'])
    throw new Error('paramiko is not installed, but tests need it.');
  return code === 0;
}
