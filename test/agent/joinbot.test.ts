/** From a command line to an exit code: what each command says where it does not come to its work. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { USAGE } from '../../agent/usage.ts';
import { VERSION } from '../../shared/protocol/version.ts';
import { createRig, guideConfig } from './rig.ts';

const run = async (...args: readonly string[]) => {
  const rig = await createRig();
  const code = await rig.run(...args);
  expect(rig.broker.calls).toEqual([]);
  return { code, said: rig.output.join('') };
};

test('help and version are printed, and nothing is done', async () => {
  expect(await run('version')).toEqual({ code: 0, said: `joinbot ${VERSION}\n` });
  expect(await run('help')).toEqual({ code: 0, said: USAGE });
});

test('the help names every command and every flag', () => {
  const commands = ['start', 'configure', 'wait', 'status', 'doctor', 'init', 'version', 'help'];
  for (const name of [...commands, 'install systemd', 'install sshd'])
    expect(USAGE).toContain(`\n  joinbot ${name} `);
  const flags =
    'config proxy-server auth-server join-method token ca-pin data-dir storage destination-dir destination credential-ttl certificate-ttl renewal-interval diag-addr ssh-host-key oneshot debug log-format output write sshd-config name user group systemd-directory force timeout format reader-user bot-user';
  for (const flag of flags.split(' ')) expect(USAGE).toMatch(new RegExp(`--${flag}[ ,;<\n)]`));
  for (const name of ['JOINBOT_TOKEN', 'HTTPS_PROXY', 'SSL_CERT_FILE', 'SIGHUP', 'Exit codes: 0'])
    expect(USAGE).toContain(name);
});

describe('a failure', () => {
  test.each(['start', 'configure', 'doctor'])(
    'of %s without settings is wrong usage',
    async (name) => {
      expect(await run(name)).toEqual({
        code: 2,
        said: 'joinbot: expected a config file (-c <file>) or flags (see: joinbot help)\n',
      });
    },
  );

  test.each([[['--log-format=json']], [['--log-format', 'json']]])(
    'is a line of JSON for who asks for JSON: %j',
    async (flags) => {
      const { code, said } = await run('start', '--nonsense', ...flags);
      expect(code).toBe(2);
      expect(JSON.parse(said)).toEqual({
        time: '2026-11-20T19:05:00Z',
        level: 'error',
        message: expect.stringContaining('unknown flag --nonsense'),
      });
    },
  );

  test.each([[['--log-format=text']], [['--log-format', 'text', 'json']], [['--format=json']]])(
    'is a line of text for everybody else: %j',
    async (flags) => {
      expect((await run('start', '--nonsense', ...flags)).said).toMatch(
        /^joinbot: unknown flag --nonsense/,
      );
    },
  );

  test('of the config file is no wrong usage, and is said as the file wants it', async () => {
    const rig = await createRig();
    expect(await rig.start('version: v2\nlog_format: json\n')).toBe(1);
    expect(rig.output.splice(0).join('')).toMatch(/^joinbot: .*tbot\.yaml:1:1: /);
    const options = { env: { HTTPS_PROXY: 'nonsense://x' } };
    const other = await createRig(options);
    expect(await other.start(guideConfig('log_format: json\n'), '--oneshot')).toBe(1);
    expect(JSON.parse(other.output.at(-1) ?? '')).toMatchObject({ level: 'error' });
    expect(other.broker.calls).toEqual([]);
  });

  test('of a file system is said in one sentence', async () => {
    const { code, said } = await run('start', '-c', '/nowhere/at/all.yaml');
    expect(code).toBe(1);
    expect(said).toMatch(/^joinbot: [^\n]*\/nowhere\/at\/all\.yaml[^\n]*\n$/);
  });
});

test('the proxy that the broker is reached through is named, without who uses it', async () => {
  const rig = await createRig({ env: { HTTPS_PROXY: 'http://me:hush@proxy.example.com:3128' } });
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(0);
  const said = rig.output.join('');
  expect(said).toContain('INFO  the broker is reached through the proxy proxy.example.com:3128\n');
  expect(said).not.toContain('hush');
  const plain = await createRig();
  expect(await plain.start(guideConfig(), '--oneshot')).toBe(0);
  expect(plain.output.join('')).not.toContain('proxy');
});

test.each([
  ['a bot', guideConfig(), 'bot'],
  [
    'another service',
    'version: v3\nteleport: {join_params: {token_name: t, method: azure}, proxy_server: b}\napp_service: {enabled: yes}\n',
    'App',
  ],
])('install sshd is for no config of %s', async (_, config, who) => {
  const rig = await createRig();
  const file = join(rig.folder, 'a.yaml');
  await writeFile(file, config);
  expect(await rig.run('install', 'sshd', '-c', file)).toBe(1);
  expect(rig.output.join('')).toBe(
    `joinbot: ${file}: expected a teleport.yaml with ssh_service, got the config of a ${who}\n`,
  );
});
