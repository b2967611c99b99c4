/** Real programs with the files of outputs as they are: servers with a host's, clients with a bot's. */
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parseCrl } from '../../shared/encoding/crl.ts';
import { decodePem } from '../../shared/encoding/pem.ts';
import { codeBlocks } from '../docs/markdown.ts';
import { hasProgram, programPath } from '../programs.ts';
import { freePort } from './free-port.ts';
import { startMariadb } from './mariadb.ts';
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

function ask(
  port: number,
  pair: { readonly key?: string; readonly cert?: string },
  ca = read('bot/tls.cas'),
) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number | undefined;
    body: string;
    serial: string;
  }>();
  const asking = request(
    {
      ...{ host: '127.0.0.1', port, servername: HOST_NAME, agent: false },
      ...{ ca, ...pair },
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

const hasMariadb = ['mariadbd', 'mariadb-install-db', 'mariadb', 'openssl']
  .map(hasProgram)
  .every(Boolean);

describe.skipIf(!hasMariadb)('MariaDB', () => {
  test('serves with an output, and knows a bot by its name', async () => {
    await scene.joinHost('Db', scene.output('mariadb', 'type: tls, formats: [mysql]'));
    await scene.joinBot(scene.output('mariadb-bot', 'type: database, format: mysql'));
    const mariadb = await startMariadb(
      documented('ini', '/etc/mysql/joinbot', scene.path('mariadb'), '[mariadb]'),
      `${documented('sql', BOT, BOT)}create user other require subject '/CN=other';\n`,
    );
    const [, ...words] = documented('sh', '/opt/db', scene.path('mariadb-bot'), 'mariadb')
      .trim()
      .split(' ');
    const options = words.filter((word) => !/^--(?:host|user|ssl-verify)/.test(word));
    const connect = (user: string, more: readonly string[]) =>
      scene.run('mariadb', [
        ...['--no-defaults', '-N', '--host=127.0.0.1', `--port=${mariadb.port}`, `--user=${user}`],
        ...[
          '-e',
          "select current_user(), variable_value <> '' from information_schema.session_status where variable_name = 'ssl_cipher'",
        ],
        ...more,
      ]);
    expect(succeeded(await connect(BOT, options)).stdout).toBe(`${BOT}@%\t1\n`);
    expect((await connect('other', options)).stderr).toContain('Access denied');
    const [authorities = ''] = options;
    expect((await connect(BOT, [authorities])).stderr).toContain('Access denied');
    // Its name is the attested one; the client's own check of it needs a DNS that knows the name.
    const shown = await scene.run('openssl', [
      ...['s_client', '-starttls', 'mysql', '-connect', `127.0.0.1:${mariadb.port}`],
      ...['-CAfile', scene.path('mariadb-bot/ca.pem'), '-verify_return_error'],
      ...['-verify_hostname', HOST_NAME],
    ]);
    expect(shown.stdout).toContain(`Verified peername: ${HOST_NAME}`);
  });
});

describe("MongoDB's driver", () => {
  test('connects with an output, to a server with one, and each knows the other', async (own) => {
    if (!(await hasPackage('pymongo'))) return own.skip();
    await scene.joinHost('Db', scene.output('mongo-host', 'type: tls, formats: [mongo]'));
    await scene.joinBot(scene.output('mongo-bot', 'type: database, format: mongo'));
    const program = fileURLToPath(new URL('meet_with_pymongo.py', import.meta.url));
    const [host, bot] = [scene.path('mongo-host'), scene.path('mongo-bot')];
    const said = succeeded(await scene.run('python3', [program, host, bot, HOST_NAME]));
    expect(JSON.parse(said.stdout)).toEqual({
      good: 1,
      server_saw: [BOT],
      other_name: expect.stringContaining('certificate is not valid for'),
      without: expect.any(String),
      then_saw: ['nobody'],
    });
  });
});

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
    const server = sshdCommand(folder, [
      `HostKey ${key}`,
      documented('sshd', '/etc/ssh/joinbot', scene.path('ssh-host')),
    ]);
    const bot = scene.path('ssh-bot');
    const ssh = await scene.run('ssh', [
      ...['-T', '-F', `${bot}/ssh_config`, '-o', `ProxyCommand=${server}`, '-o', 'BatchMode=yes'],
      `${LOGIN}@${HOST_NAME}`,
    ]);
    expect(ssh.stderr).toBe('');
    expect(succeeded(ssh).stdout).toBe('hello from the server\n');

    if (!(await hasPackage('paramiko'))) return;
    const program = fileURLToPath(new URL('sign_in_with_paramiko.py', import.meta.url));
    const args = [program, HOST_NAME, LOGIN, `${bot}/id_ecdsa`, `${key}.pub`, server];
    expect(succeeded(await scene.run('python3', args)).stdout).toBe('hello from the server\n');
    // What the row of the faults' table was about: the key's other form is none that paramiko reads.
    const other = await scene.run('python3', args.with(3, `${bot}/key`));
    expect(other.code).not.toBe(0);
  });
});

/** The command that runs `sshd` with these lines for one connection. */
function sshdCommand(folder: string, lines: readonly string[]): string {
  // Debian's sshd wants this folder when root starts it.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const config = [
    ...lines,
    'AuthorizedKeysFile none',
    'AuthenticationMethods publickey',
    'PermitRootLogin yes',
    'UsePAM no',
    'StrictModes no',
    'PidFile none',
    "ForceCommand echo 'hello from the server'",
  ];
  const path = join(folder, 'sshd_config');
  writeFileSync(path, `${config.join('\n')}\n`);
  return `${programPath('sshd')} -i -E ${join(folder, 'log')} -f ${path}`;
}

const hasAll = ['nginx', 'postgres', 'initdb', 'psql', 'sshd', 'ssh', 'ssh-keygen'].map(hasProgram);

test.skipIf(!hasAll.every(Boolean))(
  'a lock reaches sshd, nginx and PostgreSQL by the files of an agent, and nobody else is refused',
  async () => {
    const folder = scene.path('lock');
    mkdirSync(folder);
    const server = (name: string) => join(folder, name);
    const nginxPid = server('nginx.pid');
    const hostKey = server('host');
    succeeded(await scene.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey]));
    let outputs: string[] = [];
    const postgres = await startPostgres(async (pgFolder, { group }) => {
      const access = group === undefined ? '' : `, readers: [{group: ${group}}]`;
      const pgPid = join(pgFolder, 'data/postmaster.pid');
      const told = (pid: string, program: string) =>
        `reload: {signal: HUP, pid_file: ${pid}, program: ${program}}`;
      outputs = [
        scene.output('lock/sshd', `type: ssh_host, host_key: ${hostKey}.pub`),
        scene.output(
          'lock/nginx',
          `type: tls, formats: [nginx], revocation: true, ${told(nginxPid, 'nginx')}`,
        ),
        `  - {type: tls, formats: [postgresql], revocation: true, ${told(pgPid, 'postgres')}, destination: {type: directory, path: ${join(pgFolder, 'tls')}${access}}}`,
      ];
      await scene.joinHost('Node', ...outputs);
      const lines = documented('ini', '/etc/postgresql/joinbot', join(pgFolder, 'tls'));
      return `${lines}\nssl_crl_file = '${join(pgFolder, 'tls/tls.crl')}'`;
    });
    const port = await freePort();
    const config = nginxConfig(folder, server('nginx'), port).replace(
      'ssl_verify_client on;',
      `ssl_verify_client on;\n    ssl_crl ${server('nginx/tls.crl')};`,
    );
    writeFileSync(server('nginx.conf'), config);
    const nginx = spawn(
      programPath('nginx') ?? '',
      ['-c', server('nginx.conf'), '-e', server('error.log'), '-g', 'daemon off;'],
      { stdio: 'ignore' },
    );
    onTestFinished(() => void nginx.kill('SIGQUIT'));
    const sshd = sshdCommand(folder, [
      `HostKey ${hostKey}`,
      documented('sshd', '/etc/ssh/joinbot', server('sshd')),
    ]);

    const admits = async (bot: string) => {
      const pair = { key: read(`${bot}/key`), cert: read(`${bot}/tlscert`) };
      const { status } = await untilAnswer(() => ask(port, pair, read(`${bot}/tlscacerts`)));
      const path = scene.path(bot);
      const psql = await scene.run('psql', [
        ...['-AtX', '-c', 'select 1'],
        `host=${HOST_NAME} hostaddr=127.0.0.1 port=${postgres.port} dbname=postgres user=${BOT} sslmode=verify-full sslrootcert=${path}/tlscacerts sslcert=${path}/tlscert sslkey=${path}/key`,
      ]);
      const ssh = await scene.run('ssh', [
        ...['-T', '-F', `${path}/ssh_config`, '-o', `ProxyCommand=${sshd}`],
        ...['-o', 'BatchMode=yes', `${LOGIN}@${HOST_NAME}`],
      ]);
      return { nginx: status === 200, postgres: psql.code === 0, sshd: ssh.code === 0 };
    };
    const everywhere = { nginx: true, postgres: true, sshd: true };
    const nowhere = { nginx: false, postgres: false, sshd: false };
    for (const bot of ['lock/bot', 'lock/other']) {
      await scene.joinBot(scene.output(bot, 'type: identity'));
      expect(await admits(bot)).toEqual(everywhere);
    }

    const { subjectAltName } = new X509Certificate(read('lock/bot/tlscert'));
    const id = subjectAltName?.split('/').at(-1);
    succeeded(await scene.joinctl('lock', `--instance=${id}`));
    while (!(await isOnLists('lock/bot'))) await delay(100);
    await scene.joinHost('Node', ...outputs);
    let left = await admits('lock/bot');
    // Servers take a moment to read their files again.
    for (let tries = 0; tries < 100 && (left.nginx || left.postgres); tries += 1) {
      await delay(50);
      left = await admits('lock/bot');
    }
    expect(left).toEqual(nowhere);
    expect(await admits('lock/other')).toEqual(everywhere);
  },
);

/** Whether the broker says so. */
async function isOnLists(bot: string): Promise<boolean> {
  const { serialNumber } = new X509Certificate(read(`${bot}/tlscert`));
  const answer = await fetch(`${scene.stack.endpoints.broker}/v1/trust/tls.crl`);
  const lists = decodePem('X509 CRL', await answer.text()) ?? [];
  return lists.some((der) => parseCrl(der).revoked.has(serialNumber.toLowerCase()));
}

/** Of Python's. */
async function hasPackage(name: string): Promise<boolean> {
  if (!hasProgram('python3')) return false;
  const { code } = await scene.run('python3', ['-c', `import ${name}`]);
  if (code !== 0 && process.env['CI'])
    throw new Error(`${name} is not installed, but tests need it.`);
  return code === 0;
}
