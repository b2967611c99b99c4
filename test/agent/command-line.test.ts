import { expect, test } from 'vitest';
import { parseCommandLine } from '../../agent/command-line.ts';

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
  [['start', 'now'], 'unexpected argument now'],
  [['start', '--tokne', 'x'], 'unknown flag --tokne; did you mean --token?'],
  [['start', '--nothing-like-it'], 'unknown flag --nothing-like-it'],
  [['start', '-c'], "Option '-c, --config <value>' argument missing"],
  [['start', '--log-format', 'xml'], '--log-format: expected text or json, got xml'],
  [['\u001b[31m'], 'unknown command [31m'],
])('refuses %j as wrong usage', (args, said) => {
  expect(() => parseCommandLine(args)).toThrow(
    expect.objectContaining({ code: 'usage', message: `${said} (see: joinbot help)` }),
  );
});
