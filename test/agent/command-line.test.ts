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

test.each([
  [[], 'expected a command'],
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
