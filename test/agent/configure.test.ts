/** `joinbot configure`: what it writes means what the flags meant. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../agent/command-line.ts';
import { readConfig } from '../../agent/config-file.ts';
import { writeConfig } from '../../agent/configure.ts';
import type { Surroundings } from '../../agent/join-token.ts';
import type { AgentSettings } from '../../agent/settings.ts';
import { startSettings } from '../../agent/start-settings.ts';
import { createRig } from './rig.ts';

const SECRET = 'c'.repeat(32);
const PIN = `sha256:${'1'.repeat(64)}`;
const FILES: Readonly<Record<string, string>> = {
  [resolve('secret')]: SECRET,
  secret: SECRET,
  '/etc/secret': `${SECRET}\n`,
};
const SURROUNDINGS: Surroundings = { env: {}, readText: (path) => FILES[path] };

/** Files with outputs have functions in their settings: what they are made from is compared instead. */
const comparable = (settings: AgentSettings): unknown =>
  JSON.parse(JSON.stringify({ ...settings, secret: settings.secret }));

interface Meaning {
  readonly settings: AgentSettings;
  readonly outputs: unknown;
}

/** What `joinbot start` with these flags would do. Throws what it would say. */
function meaning(
  args: readonly string[],
  text: string | undefined,
  around = SURROUNDINGS,
): Meaning {
  const command = parseCommandLine(['start', ...args]);
  if (command.name !== 'start') throw new Error('not the start command');
  const file = text === undefined ? undefined : readConfig(text, 'a.yaml');
  const { outputs, services } = file?.value ?? {};
  return { settings: startSettings(command.flags, file, around), outputs: { outputs, services } };
}

/** What `joinbot configure` with these flags prints. */
async function configured(
  args: readonly string[],
  text: string | undefined,
  around = SURROUNDINGS,
): Promise<string> {
  const command = parseCommandLine(['configure', ...args]);
  if (command.name !== 'configure') throw new Error('not the configure command');
  const file = text === undefined ? undefined : readConfig(text, 'a.yaml');
  let printed = '';
  await writeConfig(command.flags, file, startSettings(command.flags, file, around), {
    stdout: (said) => {
      printed += said;
    },
    stderr: () => undefined,
  });
  return printed;
}

/** Every flag of `start` that says something about the settings, in each form that it takes. */
const FLAGS = {
  address: [
    [],
    ['--proxy-server=broker.example.com'],
    ['--auth-server=https://b.example.com:8443'],
  ],
  method: [[], ['--join-method=azure'], ['--join-method=iam'], ['--join-method=token']],
  token: [
    [],
    ['--token=other'],
    ['--token=file:secret'],
    ['--token=/etc/secret'],
    [`--token=${SECRET}`],
  ],
  pins: [[], [`--ca-pin=${PIN}`], [`--ca-pin=${PIN}`, `--ca-pin=SHA256:${'A'.repeat(64)}`]],
  storage: [[], ['--data-dir=bot'], ['--storage=file:///var/lib/bot'], ['--data-dir=memory://']],
  destination: [[], ['--destination-dir=out'], ['--destination=/opt/id'], ['--destination=memory']],
  ttl: [[], ['--credential-ttl=2h'], ['--certificate-ttl=1.5h']],
  interval: [[], ['--renewal-interval=10m']],
  diagnostics: [[], ['--diag-addr=:3001'], ['--diag-addr=127.0.0.1:0']],
  oneshot: [[], ['--oneshot']],
  debug: [[], ['--debug'], ['-d']],
  format: [[], ['--log-format=json'], ['--log-format=text']],
} as const satisfies Readonly<Record<string, readonly (readonly string[])[]>>;

const CONFIGS = [
  undefined,
  'version: v2\n',
  `version: v2
auth_server: a.example.com
onboarding: {join_method: azure, token: t, ca_pins: ['sha256:${'B'.repeat(64)}'], azure: {client_id: ${'2'.repeat(8)}-2222-2222-2222-${'2'.repeat(12)}}}
outputs: [{type: tls, formats: [nginx], name: web, destination: {type: directory, path: w, readers: [{user: a}]}}]
services: [{type: spiffe, destination: {type: directory, path: s}, credential_ttl: 3h}]
certificate_ttl: 4h
renewal_interval: 30m
diag_addr: 127.0.0.1:1
debug: true
log_format: json
`,
  `version: v2
proxy_server: p.example.com
onboarding: {join_method: token, token: 'file:secret'}
storage: {type: directory, path: here}
credential_ttl: 40m
oneshot: true
`,
];

const values = <T>(list: readonly T[]) => fc.constantFrom(...list);

/** Whether it was taken. */
async function expectSame(args: readonly string[], text: string | undefined): Promise<boolean> {
  let meant: Meaning;
  try {
    meant = meaning(args, text);
  } catch {
    return false;
  }
  const again = meaning([], await configured(args, text));
  expect(comparable(again.settings)).toEqual(comparable(meant.settings));
  expect(again.settings.outputs.map(({ content }) => content.names)).toEqual(
    meant.settings.outputs.map(({ content }) => content.names),
  );
  return true;
}

test('every combination of flags, with a file or without, means the same as what it configures', async () => {
  const args = fc.tuple(...Object.values(FLAGS).map((forms) => values<readonly string[]>(forms)));
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(args, values(CONFIGS), async (flags, text) => {
      if (await expectSame(flags.flat(), text)) taken += 1;
    }),
    { numRuns: 600, seed: 20_261_126 },
  );
  expect(taken).toBeGreaterThan(100);
});

const LEAST = ['--proxy-server=broker.example.com', '--join-method=azure', '--token=t'];

test('every two forms of flags together mean the same as what they configure', async () => {
  const names = Object.keys(FLAGS) as (keyof typeof FLAGS)[];
  const others = names.filter((name) => !['address', 'method', 'token'].includes(name));
  for (const one of others) {
    for (const two of others.filter((name) => name > one)) {
      for (const first of FLAGS[one])
        for (const second of FLAGS[two])
          expect(await expectSame([...LEAST, ...first, ...second], undefined)).toBe(true);
    }
  }
});

describe('what is written', () => {
  test('is for editors, and in the order in which people read it', async () => {
    expect(
      await configured(
        [
          'identity',
          ...LEAST,
          '--storage=/var/lib/joinbot',
          '--destination=/opt/machine-id',
          '--certificate-ttl=30m',
          '--log-format=json',
        ],
        undefined,
      ),
    ).toBe(`# yaml-language-server: $schema=https://broker.example.com/v1/joinbot.schema.json
version: v2
proxy_server: broker.example.com
onboarding:
  join_method: azure
  token: t
storage:
  type: directory
  path: /var/lib/joinbot
outputs:
  - type: identity
    destination:
      type: directory
      path: /opt/machine-id
credential_ttl: 30m
log_format: json
`);
  });

  const WITH_SECRET = ['--proxy-server=b', '--join-method=token', '--data-dir=/var/lib/joinbot'];

  test("names a secret's file, wherever joinbot is started, and not the secret", async () => {
    const text = await configured([...WITH_SECRET, '--token=file:secret'], undefined);
    expect(text).toContain(`token: file:${resolve('secret')}\n`);
    expect(text).not.toContain(SECRET);
  });

  test('leaves a secret of the environment there, and says so', async () => {
    const around = { ...SURROUNDINGS, env: { JOINBOT_TOKEN: SECRET } };
    const text = await configured(WITH_SECRET, undefined, around);
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain('token:\n');
    expect(text).toContain(
      '\n# The join token is in none of these lines: it comes from JOINBOT_TOKEN',
    );
    expect(meaning([], text, around).settings).toMatchObject({ secret: SECRET });
  });
});

describe('joinbot configure', () => {
  const FLAGS_OF = (folder: string) => [
    'configure',
    '--proxy-server=broker.example.com',
    '--join-method=azure',
    '--token=example-bot',
    `--destination-dir=${folder}/out`,
  ];

  test('writes a file that joinbot start joins with', async () => {
    const rig = await createRig();
    const file = join(rig.folder, 'joinbot.yaml');
    expect(await rig.run(...FLAGS_OF(rig.folder), '-o', file, '--oneshot')).toBe(0);
    expect(rig.output).toEqual([`Wrote ${file}\n`]);
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    expect(rig.broker.joins).toHaveLength(0);
    expect(await rig.run('start', '-c', file)).toBe(0);
    expect(rig.broker.joins).toHaveLength(1);
    expect(await readFile(join(rig.folder, 'out/tlscert'), 'utf8')).toContain('CERTIFICATE');
  });

  test('replaces another file only when told to', async () => {
    const rig = await createRig();
    const file = join(rig.folder, 'joinbot.yaml');
    await writeFile(file, 'mine\n');
    const args = [...FLAGS_OF(rig.folder), `--output=${file}`];
    expect(await rig.run(...args)).toBe(1);
    expect(rig.output.at(-1)).toBe(
      `joinbot: ${file} is there already and differs: choose another name, or replace it with --force\n`,
    );
    expect(await readFile(file, 'utf8')).toBe('mine\n');
    expect(await rig.run(...args, '--force')).toBe(0);
    expect(await rig.run(...args)).toBe(0);
    expect(rig.output.at(-1)).toBe(`${file} is as it should be\n`);
  });

  test('keeps a config that holds a secret from others, and warns', async () => {
    const rig = await createRig();
    const file = join(rig.folder, 'joinbot.yaml');
    const flags = ['--proxy-server=b', '--join-method=token', `--data-dir=${rig.folder}/bot`];
    expect(await rig.run('configure', ...flags, `--token=${SECRET}`, '-o', file)).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(rig.output[0]).toContain('joinbot: the config holds the secret itself: keep it for');
    expect(rig.output.join('')).not.toContain(SECRET);
  });

  test('refuses what start refuses, and a teleport.yaml', async () => {
    const rig = await createRig();
    expect(await rig.run('configure', '--proxy-server=b', '--join-method=azure')).toBe(2);
    expect(rig.output.at(-1)).toContain('--token: missing; expected the name of a join token');
    const file = join(rig.folder, 'teleport.yaml');
    await writeFile(
      file,
      'version: v3\nteleport: {proxy_server: b, join_params: {token_name: t, method: azure}}\nssh_service: {enabled: yes}\n',
    );
    expect(await rig.run('configure', '-c', file)).toBe(2);
    expect(rig.output.at(-1)).toContain("a teleport.yaml says things that joinbot's own form");
  });
});
