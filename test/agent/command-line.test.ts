import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../agent/command-line.ts';
import { parseOptions } from '../../agent/options.ts';

test('start with a file', () => {
  expect(
    parseCommandLine(['start', '-c', 'tbot.yaml', '--oneshot', '-d', '--log-format', 'json']),
  ).toEqual({
    name: 'start',
    flags: { config: 'tbot.yaml', oneshot: true, debug: true, logFormat: 'json', caPins: [] },
  });
});

test.each([
  [['help'], 'help'],
  [['start', '--help'], 'help'],
  [['version'], 'version'],
  [['--version'], 'version'],
])('%j', (args, name) => {
  expect(parseCommandLine(args)).toEqual({ name });
});

test('install sshd, which prints unless it is to write', () => {
  expect(parseCommandLine(['install', 'sshd'])).toEqual({
    name: 'install sshd',
    flags: { write: false },
  });
  expect(
    parseCommandLine(['install', 'sshd', '--write', '-c', 'a.yaml', '--sshd-config=b']),
  ).toEqual({
    name: 'install sshd',
    flags: { config: 'a.yaml', sshdConfig: 'b', write: true },
  });
});

test("tbot's other names of flags and commands", () => {
  const args = [
    '--storage=/a',
    '--destination=/b',
    '--certificate-ttl=1h',
    '--renewal-interval=5m',
  ];
  expect(parseCommandLine(['start', 'identity', ...args, '--diag-addr=:1'])).toEqual({
    name: 'start',
    flags: {
      dataDir: '/a',
      destinationDir: '/b',
      credentialTtl: '1h',
      renewalInterval: '5m',
      diagAddr: ':1',
      caPins: [],
      oneshot: false,
      debug: false,
    },
  });
});

test('configure takes the flags of start, and where to write', () => {
  expect(parseCommandLine(['configure', 'identity', '-o', 'a.yaml', '--oneshot'])).toEqual({
    name: 'configure',
    flags: { output: 'a.yaml', force: false, oneshot: true, debug: false, caPins: [] },
  });
});

test.each([
  ['data-dir', 'storage'],
  ['destination-dir', 'destination'],
  ['credential-ttl', 'certificate-ttl'],
])('--%s and --%s are one flag', (one, other) => {
  expect(() => parseCommandLine(['start', `--${one}=1h`, `--${other}=1h`])).toThrow(
    `expected one of --${one} and --${other}, got both`,
  );
});

/** Every flag, as it is written with a value if it takes one, and what it says to the commands that have it. */
const FLAGS: Readonly<Record<string, readonly [written: string, says: object]>> = {
  config: ['--config=a', { config: 'a' }],
  'proxy-server': ['--proxy-server=a', { proxyServer: 'a' }],
  'auth-server': ['--auth-server=a', { authServer: 'a' }],
  'join-method': ['--join-method=a', { joinMethod: 'a' }],
  token: ['--token=a', { token: 'a' }],
  'ca-pin': ['--ca-pin=a', { caPins: ['a'] }],
  'data-dir': ['--data-dir=a', { dataDir: 'a' }],
  storage: ['--storage=a', { dataDir: 'a' }],
  'destination-dir': ['--destination-dir=a', { destinationDir: 'a' }],
  destination: ['--destination=a', { destinationDir: 'a' }],
  'credential-ttl': ['--credential-ttl=a', { credentialTtl: 'a' }],
  'certificate-ttl': ['--certificate-ttl=a', { credentialTtl: 'a' }],
  'renewal-interval': ['--renewal-interval=a', { renewalInterval: 'a' }],
  'diag-addr': ['--diag-addr=a', { diagAddr: 'a' }],
  'ssh-host-key': ['--ssh-host-key=a', { sshHostKey: 'a' }],
  oneshot: ['--oneshot', { oneshot: true }],
  debug: ['--debug', { debug: true }],
  'log-format': ['--log-format=text', { logFormat: 'text' }],
  output: ['--output=a', { output: 'a' }],
  write: ['--write', { write: true }],
  'sshd-config': ['--sshd-config=a', { sshdConfig: 'a' }],
  name: ['--name=a', { name: 'a' }],
  user: ['--user=a', { user: 'a' }],
  group: ['--group=a', { group: 'a' }],
  'systemd-directory': ['--systemd-directory=a', { systemdDirectory: 'a' }],
  force: ['--force', { force: true }],
  timeout: ['--timeout=1h', { timeoutSeconds: 3600 }],
  format: ['--format=json', { format: 'json' }],
  'reader-user': ['--reader-user=a', { readerUser: 'a' }],
  'bot-user': ['--bot-user=a', { botUser: 'a' }],
};
const DIRECTORIES = 'config data-dir storage destination-dir destination';
const JOINING = `${DIRECTORIES} proxy-server auth-server join-method token ca-pin ssh-host-key`;
const STARTING = `${JOINING} credential-ttl certificate-ttl renewal-interval diag-addr oneshot debug log-format`;
const UNSAID = { caPins: [], oneshot: false, debug: false };

describe.each([
  ['start', STARTING, UNSAID],
  ['configure', `${STARTING} output force`, { ...UNSAID, force: false }],
  ['wait', `${DIRECTORIES} timeout`, { timeoutSeconds: 300 }],
  ['status', `${DIRECTORIES} format`, { format: 'text' }],
  ['doctor', JOINING, UNSAID],
  [
    'install systemd',
    `${DIRECTORIES} name user group systemd-directory write force`,
    { write: false, force: false },
  ],
  ['init', 'config destination-dir destination reader-user bot-user', {}],
  ['install sshd', 'config write sshd-config', { write: false }],
] as const)('%s', (name, own, unsaid) => {
  const parse = (...flags: readonly string[]) => parseCommandLine([...name.split(' '), ...flags]);

  test('says nothing of its own without flags', () => {
    expect(parse()).toEqual({ name, flags: unsaid });
  });

  test.each(Object.entries(FLAGS))('with --%s', (flag, [written, says]) => {
    if (own.split(' ').includes(flag))
      expect(parse(written)).toEqual({ name, flags: { ...unsaid, ...says } });
    else expect(() => parse(written)).toThrow(`--${flag} is no flag of ${name} (see: `);
  });
});

test.each([
  ['-c', 'a', { config: 'a' }],
  ['-o', 'a', { output: 'a' }],
  ['-d', 'x', { debug: true }],
  ['-h', 'x', { help: true }],
])('%s is the short form of a flag', (flag, after, values) => {
  expect(parseOptions([flag, after]).values).toEqual(values);
});

test('what a flag says in a wrong form is said in one line', () => {
  expect(() => parseCommandLine(['status', '--format', `x\u001b${'y'.repeat(50)}`])).toThrow(
    `--format: expected text or json, got x ${'y'.repeat(38)}… (see: joinbot help)`,
  );
  expect(() => parseCommandLine(['wait', '--timeout', '5 min'])).toThrow(
    '--timeout: expected a duration such as 5m, got 5 min (see: joinbot help)',
  );
});

test.each([
  [[], 'expected a command'],
  [['start', 'application'], 'unexpected argument application'],
  [['start', '--output', 'x'], '--output is no flag of start'],
  [['install'], 'expected install systemd or install sshd, got install'],
  [['install', 'nginx'], 'expected install systemd or install sshd, got install nginx'],
  [['install', 'sshd', 'now'], 'expected install systemd or install sshd, got install sshd now'],
  [['install', 'sshd', '--oneshot'], '--oneshot is no flag of install sshd'],
  [['instal', 'sshd'], 'unknown command instal; did you mean install?'],
  [['start', '--write'], '--write is no flag of start'],
  [['strat'], 'unknown command strat; did you mean start?'],
  [['versoin'], 'unknown command versoin; did you mean version?'],
  [['hlep'], 'unknown command hlep; did you mean help?'],
  [['start', 'now'], 'unexpected argument now'],
  [['start', '--tokne', 'x'], 'unknown flag --tokne; did you mean --token?'],
  [['start', '--nothing-like-it'], 'unknown flag --nothing-like-it'],
  [['start', '-x'], 'unknown flag -x'],
  [['nothing-like-it'], 'unknown command nothing-like-it'],
  [['install', 'start'], 'expected install systemd or install sshd, got install start'],
  [['start', '-c'], "Option '-c, --config <value>' argument missing"],
  [['start', '--log-format', 'xml'], '--log-format: expected text or json, got xml'],
  [['\u001b[31m'], 'unknown command [31m'],
])('refuses %j as wrong usage', (args, said) => {
  expect(() => parseCommandLine(args)).toThrow(
    expect.objectContaining({ code: 'usage', message: `${said} (see: joinbot help)` }),
  );
});
