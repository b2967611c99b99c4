import { describe, expect, test } from 'vitest';
import { parseCommandLine, type StartFlags } from '../../agent/command-line.ts';
import { readConfig } from '../../agent/config-file.ts';
import { Failure } from '../../agent/failure.ts';
import { joinTokenOf } from '../../agent/join-token.ts';
import { startSettings } from '../../agent/start-settings.ts';

const SECRET = '00112233445566778899aabbccddeeff';
/** `printf 00112233445566778899aabbccddeeff | sha256sum` */
const REFERENCE = 'sha256:5947d7c33d783f94';

interface Given {
  readonly method?: string;
  readonly flag?: string;
  readonly env?: string;
  readonly file?: string;
  readonly files?: Readonly<Record<string, string>>;
}

function settingsFor({ method = 'token', flag, env, file, files = {} }: Given) {
  const args = flag === undefined ? [] : [`--token=${flag}`];
  const command = parseCommandLine(['start', ...args]);
  if (command.name !== 'start') throw new Error('not the start command');
  const flags: StartFlags = command.flags;
  const token = file === undefined ? '' : `, token: ${JSON.stringify(file)}`;
  const config = `version: v2
auth_server: broker.example.com
onboarding: {join_method: ${method}${token}}
storage: {type: directory, path: /var/lib/joinbot}
`;
  return startSettings(flags, readConfig(config, 'tbot.yaml'), {
    env: env === undefined ? {} : { JOINBOT_TOKEN: env },
    readText: (path) => files[path],
  });
}

const OTHER = 'f'.repeat(32);

test.each<[string, Given]>([
  ['on the command line', { flag: SECRET }],
  ['in the variable', { env: SECRET }],
  ['in the config file', { file: SECRET }],
  [
    'on the command line, before the variable and the file',
    { flag: SECRET, env: OTHER, file: OTHER },
  ],
  ['in the variable, before the config file', { env: SECRET, file: OTHER }],
  ['in the config file, beside an empty variable', { env: '', file: SECRET }],
  [
    'in a file of the command line',
    { flag: 'file:/run/secret', files: { '/run/secret': `${SECRET}\n` } },
  ],
  ['in a file by its path alone', { flag: '/run/secret', files: { '/run/secret': SECRET } }],
  ['in a file beside the agent', { file: 'file:secret', files: { secret: `${SECRET}\r\n` } }],
  ['in a file of the variable', { env: '/run/secret', files: { '/run/secret': `${SECRET}\n` } }],
])('finds the secret %s', (_, given) => {
  const { token, secret } = settingsFor(given);
  expect(secret).toBe(SECRET);
  expect(token).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test('names a join token with a secret by the hash of its text', () => {
  expect(settingsFor({ flag: SECRET }).token.startsWith(REFERENCE)).toBe(true);
});

test.each<[string, Given]>([
  ['as it is', { flag: 'example-bot' }],
  ['in a file', { file: '/etc/token', files: { '/etc/token': 'example-bot\n' } }],
])('finds the name of a join token without a secret %s', (_, given) => {
  const settings = settingsFor({ method: 'azure', ...given });
  expect(settings).toMatchObject({ token: 'example-bot' });
  expect(settings).not.toHaveProperty('secret');
});

const FORM = 'expected the 32 hex digits that joinctl printed';

test.each<[string, Given, string]>([
  [
    'none',
    {},
    'tbot.yaml:3:1: onboarding.token: missing; expected the secret of a join token, or the path of its file',
  ],
  ['a short one', { flag: SECRET.slice(1) }, `--token: ${FORM}`],
  ['a long one', { flag: `${SECRET}0` }, `--token: ${FORM}`],
  ['one in upper case', { flag: SECRET.toUpperCase() }, `--token: ${FORM}`],
  ['one with a space', { env: `${SECRET} ` }, `JOINBOT_TOKEN: ${FORM}`],
  [
    'a name',
    { file: 'abcd123-insecure-do-not-use-this' },
    `tbot.yaml:3:34: onboarding.token: ${FORM}`,
  ],
  [
    'a file that is not there',
    { flag: '/run/secret' },
    '--token: /run/secret: there is no such file',
  ],
  [
    'an empty file',
    { flag: '/run/secret', files: { '/run/secret': '' } },
    `--token: /run/secret: ${FORM}`,
  ],
  [
    'a file of two lines',
    { flag: '/run/secret', files: { '/run/secret': `${SECRET}\n\n` } },
    `--token: /run/secret: ${FORM}`,
  ],
  [
    'a file whose first line is empty',
    { flag: '/run/secret', files: { '/run/secret': `\n${SECRET}` } },
    `--token: /run/secret: ${FORM}`,
  ],
  [
    'the largest file that is read',
    { flag: '/run/secret', files: { '/run/secret': SECRET.repeat(128) } },
    `--token: /run/secret: ${FORM}`,
  ],
  [
    'a larger one',
    { flag: '/run/secret', files: { '/run/secret': `${SECRET.repeat(128)}\n` } },
    '--token: /run/secret: larger than 4096 bytes',
  ],
  ['no path', { flag: 'file:' }, '--token: expected a path after file:'],
])('refuses %s, and repeats no value', (_, given, said) => {
  const refused = () => settingsFor(given);
  expect(refused).toThrow(Failure);
  expect(refused).toThrow(said);
  expect(refused).not.toThrow(/00112233|abcd123/i);
});

describe('a failure is one of where the token should have been:', () => {
  const MISSING = 'missing; expected the name of a join token, or the path of its file';
  const config = 'version: v2\nauth_server: broker.example.com\n';
  const nowhere = { env: {}, readText: () => undefined };
  const tokenOf = (flag: string | undefined, file?: string, env: Record<string, string> = {}) =>
    joinTokenOf(
      'azure',
      flag === undefined ? {} : { token: flag },
      file === undefined ? undefined : readConfig(file, 'tbot.yaml'),
      { type: 'memory' },
      { ...nowhere, env },
    );

  test.each([
    ['the command line', () => tokenOf('-'), 'usage', /^--token: expected /],
    [
      'the variable',
      () => tokenOf(undefined, config, { JOINBOT_TOKEN: '-' }),
      'config',
      /^JOINBOT_TOKEN: /,
    ],
    [
      'the config file',
      () => tokenOf(undefined, config),
      'config',
      `tbot.yaml:1:1: onboarding.token: ${MISSING}`,
    ],
    [
      'the command line again, without a config file',
      () => tokenOf(undefined),
      'usage',
      `--token: ${MISSING}`,
    ],
  ])('%s', (_, find, code, said) => {
    const message = typeof said === 'string' ? said : expect.stringMatching(said);
    expect(find).toThrow(expect.objectContaining({ code, message }));
  });
});

const state = (token: string): string =>
  JSON.stringify({
    version: 2,
    broker: 'https://broker.example.com',
    join_method: 'token',
    token,
    bot: 'robot',
    instance_id: '11111111-1111-4111-8111-111111111111',
    generation: 3,
    expires: '2026-11-20T19:05:00Z',
    trust: {
      root: `sha256:${'1'.repeat(64)}`,
      version: 1,
      cluster: 'example.com',
      refreshAfter: '2026-11-20T19:05:00Z',
    },
  });

test.each<[string, Given]>([
  ['the config file', {}],
  ['the file that it was in', { flag: 'file:/run/secret' }],
])('does without a secret that was removed from %s after the first run', (_, given) => {
  const token = `sha256:${'a'.repeat(64)}`;
  const files = { '/var/lib/joinbot/state.json': state(token) };
  const settings = settingsFor({ ...given, files });
  expect(settings).toMatchObject({ token });
  expect(settings).not.toHaveProperty('secret');
  expect(() => settingsFor({ ...given, files, method: 'azure' })).toThrow(/missing|no such file/);
});

test('refuses to keep what a secret brings in memory only', () => {
  const config = `version: v2
auth_server: broker.example.com
onboarding: {join_method: token, token: ${SECRET}}
storage: {type: memory}
`;
  const flags = { caPins: [], oneshot: false, debug: false, logFormat: 'text' } as const;
  const surroundings = { env: {}, readText: () => undefined };
  const settings = () => startSettings(flags, readConfig(config, 'tbot.yaml'), surroundings);
  expect(settings).toThrow(
    'tbot.yaml:4:1: storage: join method token needs a directory that outlives restarts, got memory: write storage: {type: directory, path: /var/lib/joinbot}, or give --data-dir=/var/lib/joinbot',
  );
});

test('takes the config of guide 002, and the flags of guide 003', () => {
  const guide = `version: v2
onboarding:
  join_method: token
  token: ${SECRET}
storage:
  type: directory
  path: /var/lib/teleport/bot
auth_server: "example.teleport.sh:443"
# outputs will be filled in during the completion of an access guide.
outputs: []
`;
  const surroundings = { env: {}, readText: () => undefined };
  const flags = (...args: readonly string[]): StartFlags => {
    const command = parseCommandLine(['start', ...args]);
    if (command.name !== 'start') throw new Error('not the start command');
    return command.flags;
  };
  const expected = {
    broker: 'https://example.teleport.sh',
    joinMethod: 'token',
    secret: SECRET,
    storage: { type: 'directory', path: '/var/lib/teleport/bot' },
  };
  expect(startSettings(flags(), readConfig(guide, 'tbot.yaml'), surroundings)).toMatchObject(
    expected,
  );
  const pin = `sha256:${'1'.repeat(64)}`;
  expect(
    startSettings(
      flags(
        '--data-dir=/var/lib/teleport/bot',
        '--destination-dir=/opt/machine-id',
        `--token=${SECRET}`,
        '--join-method=token',
        `--ca-pin=${pin}`,
        '--auth-server=example.teleport.sh:443',
      ),
      undefined,
      surroundings,
    ),
  ).toMatchObject({
    ...expected,
    caPins: [pin],
    outputs: [{ destination: { path: '/opt/machine-id' } }],
  });
});
