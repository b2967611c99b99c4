import { generateKeyPairSync } from 'node:crypto';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseCommandLine, type StartFlags } from '../../agent/command-line.ts';
import { type ReadConfig, readConfig } from '../../agent/config-file.ts';
import type { Surroundings } from '../../agent/join-token.ts';
import { startSettings as settingsOf } from '../../agent/start-settings.ts';
import { sshPublicKey, sshPublicKeyLine } from '../../shared/encoding/ssh-public-key.ts';

const flagsOf = (...args: string[]): StartFlags => {
  const command = parseCommandLine(['start', ...args]);
  if (command.name !== 'start') throw new Error('not the start command');
  return command.flags;
};
const config = (more: string) =>
  readConfig(`version: v2\nonboarding: {join_method: azure, token: t}\n${more}`, 'tbot.yaml');
const startSettings = (
  flags: StartFlags,
  file: ReadConfig | undefined,
  surroundings: Partial<Surroundings> = {},
) => settingsOf(flags, file, { env: {}, readText: () => undefined, ...surroundings });
const ADDRESS = 'auth_server: broker.example.com\n';

test('the defaults: memory, no outputs, an hour, every twenty minutes', () => {
  expect(startSettings(flagsOf(), config(ADDRESS))).toEqual({
    broker: 'https://broker.example.com',
    joinMethod: 'azure',
    token: 't',
    caPins: [],
    azure: { audience: 'https://management.azure.com/' },
    storage: { type: 'memory' },
    outputs: [],
    oneshot: false,
    certificateTtlSeconds: 3600,
    renewalIntervalSeconds: 1200,
    revocationSeconds: 300,
  });
});

test("the guide's flags alone are enough", () => {
  const pin = `sha256:${'1'.repeat(64)}`;
  const settings = startSettings(
    flagsOf(
      '--data-dir=/var/lib/teleport/bot',
      '--destination-dir=/opt/machine-id',
      '--token=example-bot',
      '--join-method=azure',
      `--ca-pin=${pin}`,
      '--auth-server=broker.example.com:8443',
    ),
    undefined,
  );
  expect(settings).toMatchObject({
    broker: 'https://broker.example.com:8443',
    token: 'example-bot',
    caPins: [pin],
    storage: { type: 'directory', path: '/var/lib/teleport/bot' },
    outputs: [
      {
        destination: { type: 'directory', path: '/opt/machine-id' },
        content: expect.anything(),
      },
    ],
  });
});

test('flags win over the file', () => {
  const file = config(`${ADDRESS}storage: {type: directory, path: a}\n`);
  const flags = flagsOf(
    '--proxy-server',
    'http://127.0.0.1:7071',
    '--token',
    'other',
    '--data-dir',
    'b',
    '--oneshot',
  );
  expect(startSettings(flags, file)).toMatchObject({
    broker: 'http://127.0.0.1:7071',
    token: 'other',
    storage: { type: 'directory', path: resolve('b') },
    oneshot: true,
  });
});

test.each([
  [
    'no address',
    '',
    [],
    'tbot.yaml:1:1: proxy_server: missing; expected host:port or https://host:port',
  ],
  [
    'both addresses',
    `${ADDRESS}proxy_server: b:443\n`,
    [],
    'tbot.yaml:3:1: auth_server: expected one of proxy_server and auth_server, got both',
  ],
  [
    'an interval that is not shorter than the lifetime',
    `${ADDRESS}renewal_interval: 1h\n`,
    [],
    'tbot.yaml:4:1: renewal_interval: renewal_interval (1h) must be shorter than certificate_ttl (1h)',
  ],
  [
    'an interval of an output that is not shorter than its lifetime',
    `${ADDRESS}outputs: [{type: identity, destination: {type: memory}, credential_ttl: 30m, renewal_interval: 40m}]\n`,
    [],
    'renewal_interval (40m) must be shorter than certificate_ttl (30m)',
  ],
  [
    'an interval that is not shorter than the lifetime of an output',
    `${ADDRESS}renewal_interval: 40m\noutputs: [{type: identity, destination: {type: memory}, credential_ttl: 30m}]\n`,
    [],
    'renewal_interval: renewal_interval (40m) must be shorter than certificate_ttl (30m)',
  ],
  [
    'one directory for two',
    `${ADDRESS}storage: {type: directory, path: /x}\n`,
    ['--destination-dir', '/x'],
    'expected a directory of its own for storage and for each output, got /x twice',
  ],
])('refuses %s in a file', (_, more, args, said) => {
  expect(() => startSettings(flagsOf(...args), config(more))).toThrow(said);
});

test.each([
  [
    ['--token', 't', '--proxy-server', 'a'],
    '--join-method: missing; expected one of azure, iam, token',
  ],
  [
    ['--join-method', 'azure', '--proxy-server', 'a'],
    '--token: missing; expected the name of a join token',
  ],
  [['--join-method', 'azure', '--token', 't'], '--proxy-server: missing; expected host:port'],
  [
    ['--join-method', 'gcp', '--token', 't', '--proxy-server', 'a'],
    '--join-method: expected one of azure, iam, token, got gcp',
  ],
  [
    ['--join-method', 'azure', '--token', 't', '--proxy-server', 'a', '--auth-server', 'b'],
    'expected one of --proxy-server and --auth-server, got both',
  ],
  [
    ['--join-method', 'azure', '--token', 't', '--auth-server', 'http://a'],
    '--auth-server: expected host:port or https://host:port (http:// for loopback only), got http://a',
  ],
  [
    ['--join-method', 'azure', '--token', 't', '--proxy-server', 'a', '--ca-pin', 'x'],
    '--ca-pin: expected sha256: and 64 hex digits, got x',
  ],
  [
    ['--join-method', 'azure', '--token', 't', '--proxy-server', 'a', '--data-dir', 'a"b'],
    '--data-dir: expected a path without quotes',
  ],
])('refuses the flags %j as wrong usage', (args, said) => {
  const settings = () => startSettings(flagsOf(...args), undefined);
  expect(settings).toThrow(expect.objectContaining({ code: 'usage' }));
  expect(settings).toThrow(said);
});

test('a token that may be a secret is not repeated', () => {
  const flags = flagsOf('--join-method', 'azure', '--token', 'a secret', '--proxy-server', 'a');
  expect(() => startSettings(flags, undefined)).toThrow(
    /^--token: expected 1 to 63 letters, digits, dots, dashes or underscores$/,
  );
});

test.each([
  ['memory://', { type: 'memory' }],
  ['file:///var/lib/joinbot', { type: 'directory', path: '/var/lib/joinbot' }],
  ['/var/lib/joinbot', { type: 'directory', path: '/var/lib/joinbot' }],
])('--data-dir=%s', (value, storage) => {
  expect(startSettings(flagsOf(`--data-dir=${value}`), config(ADDRESS)).storage).toEqual(storage);
});

test.each(['~/joinbot', 'file://x', 'file:x', 's3://bucket', 'memory:', 'kubernetes-secret://x'])(
  '--data-dir=%s is refused, and nothing is made of it',
  (value) => {
    expect(() => startSettings(flagsOf(`--data-dir=${value}`), config(ADDRESS))).toThrow(
      `--data-dir: expected a directory, file:///directory or memory://, got ${value}`,
    );
  },
);

test.each([
  ['nothing', '', 3600, 1200],
  ['the newer name', 'credential_ttl: 3h\n', 10_800, 3600],
  ['the older name', 'certificate_ttl: 3h\n', 10_800, 3600],
  ['an interval', 'renewal_interval: 5m\n', 3600, 300],
  [
    'an output that lives shorter',
    'outputs: [{type: identity, destination: {type: directory, path: /o}, credential_ttl: 30m}]\n',
    3600,
    600,
  ],
  [
    'an output that is renewed more rarely',
    'outputs: [{type: identity, destination: {type: directory, path: /o}, renewal_interval: 40m}]\n',
    3600,
    1200,
  ],
])('lifetimes of a file with %s', (_, more, ttl, interval) => {
  expect(startSettings(flagsOf(), config(`${ADDRESS}${more}`))).toMatchObject({
    certificateTtlSeconds: ttl,
    renewalIntervalSeconds: interval,
  });
});

test.each([
  [['--credential-ttl=3h'], '', 10_800, 3600],
  [['--certificate-ttl=3h'], 'certificate_ttl: 5h\n', 10_800, 3600],
  [['--renewal-interval=5m'], 'credential_ttl: 3h\nrenewal_interval: 1h\n', 10_800, 300],
])('the flags %j win over lifetimes of the file', (flags, more, ttl, interval) => {
  expect(startSettings(flagsOf(...flags), config(`${ADDRESS}${more}`))).toMatchObject({
    certificateTtlSeconds: ttl,
    renewalIntervalSeconds: interval,
  });
});

test('where the agent is asked, and how it logs: flags win', () => {
  const file = config(`${ADDRESS}diag_addr: 127.0.0.1:1\nlog_format: json\n`);
  expect(startSettings(flagsOf(), file)).toMatchObject({
    diagnostics: { host: '127.0.0.1', port: 1 },
    logFormat: 'json',
  });
  expect(startSettings(flagsOf('--diag-addr=[::1]:2', '--log-format=text'), file)).toMatchObject({
    diagnostics: { host: '::1', port: 2 },
    logFormat: 'text',
  });
});

test.each([
  [
    '--credential-ttl=1d',
    '--credential-ttl: expected a duration such as 24h, 30m or 1h30m, got 1d',
  ],
  ['--renewal-interval=x', '--renewal-interval: expected a duration'],
  ['--renewal-interval=2h', 'renewal_interval (2h) must be shorter than certificate_ttl (1h)'],
  ['--diag-addr=x', '--diag-addr: expected host:port such as 127.0.0.1:3001, got x'],
])('the flag %s is refused', (flag, said) => {
  expect(() => startSettings(flagsOf(flag), config(ADDRESS))).toThrow(said);
});

test.each([
  'outputs: [{type: identity, destination: {type: directory, path: /o}',
  'services: [{type: workload-identity-api, listen: "unix:///run/w.sock"',
])('what an output asks for of its own counts: %s', (output) => {
  const asked = 'roles: [ci], credential_ttl: 2h, renewal_interval: 40m';
  const { outputs } = startSettings(flagsOf(), config(`${ADDRESS}${output}, ${asked}}]\n`));
  expect(outputs).toMatchObject([{ roles: ['ci'], ttlSeconds: 7200, renewalSeconds: 2400 }]);
});

test('a secret admits no lifetimes that differ more than forty times: generations would run out', () => {
  const file = (ttl: string, own: string) =>
    readConfig(
      `version: v2\nonboarding: {join_method: token, token: ${'a'.repeat(32)}}\n${ADDRESS}storage: {type: directory, path: /s}\ncertificate_ttl: ${own}\noutputs: [{type: identity, destination: {type: directory, path: /o}, credential_ttl: ${ttl}}]\n`,
      'tbot.yaml',
    );
  expect(() => startSettings(flagsOf(), file('24h', '35m'))).toThrow(
    'no certificate may live more than 40 times as long as another, got 35m and 24h: use an agent for each',
  );
  expect(startSettings(flagsOf(), file('24h', '36m')).outputs).toHaveLength(1);
  expect(startSettings(flagsOf(), file('48h', '36m')).outputs).toHaveLength(1);
  expect(startSettings(flagsOf('--oneshot'), file('24h', '35m')).outputs).toHaveLength(1);
});

test('an interval counts for renewals only', () => {
  const file = config(`${ADDRESS}credential_ttl: 10m\nrenewal_interval: 20m\n`);
  expect(() => startSettings(flagsOf(), file)).toThrow(
    'renewal_interval: renewal_interval (20m) must be shorter than credential_ttl (10m)',
  );
  expect(startSettings(flagsOf('--oneshot'), file).certificateTtlSeconds).toBe(600);
});

test.each([
  [undefined, 'there is no such file'],
  ['nonsense', 'expected certificates in PEM'],
])('a ca_path whose file is %s is refused', (text, said) => {
  const file = readConfig(
    `version: v2\nonboarding: {join_method: azure, token: t, ca_path: /ca.pem}\n${ADDRESS}`,
    'tbot.yaml',
  );
  expect(() => startSettings(flagsOf(), file, { readText: () => text })).toThrow(
    `tbot.yaml:2:44: onboarding.ca_path: /ca.pem: ${said}`,
  );
});

describe('who joins', () => {
  const joinsAs = (role: string, more = '') =>
    readConfig(
      `version: v2\n${ADDRESS}onboarding: {join_method: azure, token: t${role}}\n${more}`,
      'tbot.yaml',
    );
  const key = sshPublicKey(generateKeyPairSync('ed25519').publicKey);
  const line = key ? sshPublicKeyLine(key, 'x') : '';
  const teleport = readConfig(
    'version: v3\nteleport: {join_params: {token_name: t, method: azure}, proxy_server: b, data_dir: /d}\nssh_service: {enabled: yes}\n',
    'teleport.yaml',
  );
  const usage = (said: string) =>
    expect.objectContaining({ code: 'usage', message: expect.stringContaining(said) });

  test('is a bot, or the host that the file says', () => {
    expect(startSettings(flagsOf(), joinsAs(''))).not.toHaveProperty('host');
    expect(startSettings(flagsOf(), joinsAs(', role: Bot'))).not.toHaveProperty('host');
    const storage = 'storage: {type: directory, path: /d}\n';
    const host = (role: string) =>
      startSettings(flagsOf(), joinsAs(`, role: ${role}`, storage)).host;
    expect(host('App')).toEqual({ role: 'App', notes: [] });
    // Its certificates go to outputs, each with a key that it says.
    expect(host('Node')).toEqual({ role: 'Node', notes: [] });
  });

  test("is a Node with sshd's own key, where the file is Teleport's", () => {
    const readText = (path: string) => (path.startsWith('/') ? line : undefined);
    const host = (flags: StartFlags, surroundings = {}) =>
      startSettings(flags, teleport, surroundings).host;
    expect(host(flagsOf(), { readText })).toEqual({ role: 'Node', notes: [], sshHostKey: line });
    expect(host(flagsOf('--ssh-host-key=none'), { readText })).not.toHaveProperty('sshHostKey');
    expect(() => host(flagsOf('--ssh-host-key=/x.pub'))).toThrow(
      usage('--ssh-host-key: expected the public half'),
    );
  });

  test('of another service has no sshd, and no key of its', () => {
    const app = readConfig(
      'version: v3\nteleport: {join_params: {token_name: t, method: azure}, proxy_server: b, data_dir: /d}\napp_service: {enabled: yes}\n',
      'teleport.yaml',
    );
    const readText = () => line;
    expect(startSettings(flagsOf(), app, { readText }).host).toEqual({ role: 'App', notes: [] });
    expect(() => startSettings(flagsOf('--ssh-host-key=/x.pub'), app, { readText })).toThrow(
      usage('--ssh-host-key is for'),
    );
  });

  test('has no flag for what it has not', () => {
    for (const file of [joinsAs(''), joinsAs(', role: Node'), undefined]) {
      const more = file ? [] : ['--join-method=azure', '--token=t', '--proxy-server=b'];
      expect(() => startSettings(flagsOf('--ssh-host-key=none', ...more), file)).toThrow(
        usage('--ssh-host-key is for a teleport.yaml with ssh_service only'),
      );
    }
    expect(() => startSettings(flagsOf('--destination-dir=/o'), teleport)).toThrow(
      usage('--destination-dir: expected none for a Node: its files are in data_dir'),
    );
  });
});

describe('of the file', () => {
  test('every setting counts that no flag speaks of', () => {
    const pin = `sha256:${'2'.repeat(64)}`;
    const file = readConfig(
      `version: v2\nproxy_server: p\ndebug: true\noneshot: true\nonboarding: {join_method: azure, token: t, ca_pins: ["${pin}"], azure: {client_id: 22222222-2222-2222-2222-222222222222}}\noutputs: [{type: tls, destination: {type: memory}}]\n`,
      'tbot.yaml',
    );
    expect(startSettings(flagsOf(), file)).toMatchObject({
      broker: 'https://p',
      caPins: [pin],
      azure: {
        audience: 'https://management.azure.com/',
        clientId: '22222222-2222-2222-2222-222222222222',
      },
      debug: true,
      oneshot: true,
      notes: ['an output to memory is a trial: nothing is written for it'],
    });
    const plain = startSettings(flagsOf(), config(ADDRESS));
    for (const none of ['debug', 'notes', 'host', 'authorities', 'diagnostics'])
      expect(plain).not.toHaveProperty(none);
    expect(plain.azure).not.toHaveProperty('clientId');
    expect(startSettings(flagsOf('-d'), config(ADDRESS)).debug).toBe(true);
  });

  test('nothing has to be there that the flags say', () => {
    const file = readConfig('version: v2\n', 'tbot.yaml');
    const flags = flagsOf('--join-method=azure', '--token=t', '--proxy-server=b');
    expect(startSettings(flags, file)).toMatchObject({ broker: 'https://b', token: 't' });
    expect(() => startSettings(flagsOf('--token=t', '--proxy-server=b'), file)).toThrow(
      'tbot.yaml:1:1: onboarding.join_method: missing; expected one of azure, iam, token',
    );
  });

  test('authorities are read, and are certificates or nothing goes on', () => {
    const file = readConfig(
      `version: v2\n${ADDRESS}onboarding: {join_method: azure, token: t, ca_path: /ca.pem}\n`,
      'tbot.yaml',
    );
    const pem = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n';
    const of = (text?: string) => startSettings(flagsOf(), file, { readText: () => text });
    expect(of(pem).authorities).toBe(pem);
    expect(() => of()).toThrow('onboarding.ca_path: /ca.pem: there is no such file');
    for (const text of ['', 'nonsense', pem.replaceAll('CERTIFICATE', 'PRIVATE KEY')])
      expect(() => of(text)).toThrow('ca_path: /ca.pem: expected certificates in PEM');
  });
});

test('a wrong flag is wrong usage, also beside a file', () => {
  for (const [flag, said] of [
    ['--diag-addr=x', /^--diag-addr: expected host:port/],
    ['--proxy-server=http://a', /^--proxy-server: expected host:port/],
  ] as const)
    expect(() => startSettings(flagsOf(flag), config(ADDRESS))).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringMatching(said) }),
    );
});

test('a wrong address of the file is told of with its place', () => {
  expect(() => startSettings(flagsOf(), config(`${ADDRESS}diag_addr: x\n`))).toThrow(
    /^tbot\.yaml:4:1: diag_addr: expected host:port/,
  );
});

test('a socket is not served once', () => {
  const file = config(
    `${ADDRESS}services: [{type: workload-identity-api, listen: "unix:///run/w.sock"}]\n`,
  );
  expect(startSettings(flagsOf(), file).outputs).toHaveLength(1);
  expect(() => startSettings(flagsOf('--oneshot'), file)).toThrow(
    /^tbot\.yaml:4:1: services: expected no oneshot/,
  );
  const written = config(
    `${ADDRESS}outputs: [{type: tls, destination: {type: directory, path: /o}}]\n`,
  );
  expect(startSettings(flagsOf('--oneshot'), written).oneshot).toBe(true);
});
