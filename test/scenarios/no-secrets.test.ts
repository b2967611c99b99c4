/**
 * Nothing that the stack, the agents and the tools write holds a secret but the files that are there for it. Whole days of a machine
 * are played; then all secrets there were are looked for, in every form that they could have been written in: in the tables,
 * the log, what programs say, and every file.
 */
import { createPrivateKey, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { openGenuineKeys } from '../../shared/authority/genuine-keys.ts';
import { createKeyStore } from '../../shared/authority/key-store.ts';
import { openLocalCustody } from '../../shared/authority/local-custody.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import { openAzureTables } from '../../shared/storage/azure-tables.ts';
import { BOT_TOKEN, type Scenario, startScenario, tbotYaml } from './scenario.ts';

/** Where something was found, or may be. */
interface Text {
  readonly where: string;
  readonly bytes: Buffer;
}

interface Secret {
  readonly name: string;
  readonly bytes: Buffer;
  /** Files, below the scenario's folder, that are there to hold it. */
  readonly kept: readonly RegExp[];
}

/** Every form in which these bytes could stand in a text: as they are, in hex, in base64 wherever it began. */
function formsOf(bytes: Buffer): string[] {
  const plain = bytes.toString('latin1');
  const hex = bytes.toString('hex');
  // Three bytes are four characters: from one of three places on they are the secret's alone.
  const base64 = [0, 1, 2].map((skip) => {
    const whole = bytes.subarray(skip, bytes.length - ((bytes.length - skip) % 3));
    return whole.toString('base64');
  });
  const url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const json = JSON.stringify(plain).slice(1, -1);
  return [plain, hex, hex.toUpperCase(), ...base64, ...url, json, encodeURIComponent(plain)];
}

/** Whether a secret is in there, also where its text is broken into lines, as PEM is. */
function holds(text: Buffer, secret: Buffer): boolean {
  const whole = text.toString('latin1');
  const joined = whole.replaceAll(/(?:\r|\n|\\r|\\n)+/g, '');
  return formsOf(secret).some((form) => whole.includes(form) || joined.includes(form));
}

async function filesBelow(folder: string): Promise<Text[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(
    names
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        return { where: relative(folder, path), bytes: await readFile(path) };
      }),
  );
}

const tablesOf = ({ stack: { endpoints, settings } }: Scenario) =>
  openAzureTables({
    url: endpoints.tables,
    credential: { key: String(settings['JOIN_BROKER_TABLES_KEY']) },
  });

async function rowsOf(scenario: Scenario): Promise<Text[]> {
  const tables = tablesOf(scenario);
  const texts = Object.entries(tables).map(async ([name, table]) =>
    (await table.list({})).map((row) => ({
      where: `table ${name}, row ${row.partition}/${row.key}`,
      bytes: Buffer.from(JSON.stringify(row)),
    })),
  );
  return (await Promise.all(texts)).flat();
}

/** The private number of a key in PEM, which every encoding of the key holds. */
function privateNumber(pem: string): Buffer {
  const { d } = createPrivateKey(pem).export({ format: 'jwk' });
  return Buffer.from(d ?? '', 'base64url');
}

/** The broker's own keys: what is sealed in the rows of the table `keys`, and what it is sealed with. */
async function brokerSecrets(scenario: Scenario): Promise<Secret[]> {
  const { settings } = scenario.stack;
  const file = settings['JOIN_BROKER_KEY_FILE'] ?? '';
  const custody = openLocalCustody(file);
  const cluster = settings['JOIN_BROKER_CLUSTER_NAME'] ?? '';
  const stored = await createKeyStore(tablesOf(scenario).keys).list();
  const genuine = await openGenuineKeys(stored, { custody, cluster }, new Date());
  if (!genuine) throw new Error('the keys do not open');
  const wrapping = (await readFile(file)).subarray(0, 32);
  return [
    { name: 'the key-encryption key', bytes: wrapping, kept: [/^\.local\/key-encryption-key$/] },
    { name: 'the data key', bytes: Buffer.from(genuine.dataKey), kept: [] },
    ...genuine.keys.map(({ owner, purpose, secret }) => ({
      name: `the key of ${owner} (${purpose})`,
      bytes: purpose === 'authenticate' ? Buffer.from(secret) : privateNumber(pemOf(secret)),
      kept: [],
    })),
  ];
}

const pemOf = (pkcs8: Uint8Array): string =>
  String(
    createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }).export({
      format: 'pem',
      type: 'pkcs8',
    }),
  );

test.each<[string, (marker: Buffer) => string]>([
  ['as it is', (marker) => marker.toString('latin1')],
  ['in hex', (marker) => marker.toString('hex')],
  ['in base64', (marker) => marker.toString('base64')],
  [
    'in base64 after one byte',
    (marker) => Buffer.concat([Buffer.of(1), marker]).toString('base64'),
  ],
  [
    'in base64url after two',
    (marker) => Buffer.concat([Buffer.of(1, 2), marker]).toString('base64url'),
  ],
  ['in PEM', (marker) => encodePem('PRIVATE KEY', Buffer.concat([Buffer.alloc(40), marker]))],
  [
    'in PEM in JSON',
    (marker) => JSON.stringify({ pem: encodePem('X', Buffer.concat([Buffer.alloc(41), marker])) }),
  ],
])('the search finds a marker that was written %s', (_, write) => {
  for (let round = 0; round < 50; round += 1) {
    const marker = randomBytes(32);
    const text = Buffer.from(`before ${write(marker)} after`, 'latin1');
    expect(holds(text, marker)).toBe(true);
    expect(holds(text, randomBytes(32))).toBe(false);
  }
});

/** Three parts that are not empty: a token. The trust bundle's detached signature has an empty one. */
const TOKEN = /eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/;

test('what was secret is nowhere but in the files that are there for it', async () => {
  const scenario = await startScenario();
  const { folder, stack, joinctl, joinbot, write } = scenario;
  const { broker } = stack.endpoints;
  const said: string[] = [];
  const keep = async (running: ReturnType<Scenario['joinctl']>): Promise<string> => {
    const { command, stdout, stderr } = await running;
    said.push(stdout, stderr);
    // What an operator typed is in the list of processes anyway: no secret belongs there.
    said.push(command);
    return stdout;
  };

  // Operators: a bot with a secret, shown once; a join token for machines; reads of everything.
  const { stdout: shown } = await joinctl('bots', 'add', 'robot', '--logins=root');
  const secret = /^ {2}([0-9a-f]{32})$/m.exec(shown)?.[1] ?? expect.fail(shown);
  await keep(joinctl('create', '-f', await write('bot-token.yaml', BOT_TOKEN)));
  await keep(joinctl('bots', 'add', 'example', '--logins=root', '--token', 'example-bot'));

  // A machine with a secret: joins, renews, is copied; somebody else tries the secret, and a wrong one.
  await write('secret', `${secret}\n`);
  const bySecret = (data: string, file: string) =>
    joinbot(
      'no machine of a cloud',
      ...['start', '--oneshot', '--join-method=token', `--token=file:${file}`, '--debug'],
      ...[`--auth-server=${broker}`, `--data-dir=${data}`, `--destination-dir=${data}-out`],
    );
  await mkdir(join(folder, 'robot'));
  for (let round = 0; round < 3; round += 1)
    await keep(bySecret(join(folder, 'robot'), join(folder, 'secret')));
  await keep(bySecret(join(folder, 'thief'), join(folder, 'secret')));
  const wrong = `${'f'.repeat(31)}0`;
  await write('wrong', `${wrong}\n`);
  await keep(bySecret(join(folder, 'stranger'), join(folder, 'wrong')));

  // Machines of clouds: one that may join, and one that no rule names.
  const config = await write('tbot.yaml', tbotYaml(broker));
  for (const machine of ['vm-user', 'vm-other-group'])
    await keep(
      joinbot(
        machine,
        ...['start', '-c', config, '--oneshot', '--debug'],
        `--destination-dir=${machine}`,
      ),
    );

  for (const command of [
    ['get', 'tokens', '--format=yaml'],
    ['bots', 'instances', 'ls'],
    ['joins', 'ls', '--since=1h'],
    ['auth', 'status'],
    ['status'],
    ['tokens', 'ls'],
  ])
    await keep(joinctl(...command));
  // Whoever asks with a token that is none, and sends rubbish with a secret in it; of his text, names of fields alone come back.
  const rubbish = await fetch(`${broker}/v1/join`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
    body: JSON.stringify({ request: `{"token":"${secret}"`, more: secret, secret }),
  });
  said.push(await rubbish.text());
  await stack.host.runTimer('rotate-keys');
  await stack.host.runTimer('sweep');
  await new Promise((resolve) => setTimeout(resolve, 700));

  const key = async (path: string) => privateNumber(await readFile(join(folder, path), 'utf8'));
  const own = (name: string, path: string, kept: RegExp) =>
    key(path).then((bytes): Secret => ({ name, bytes, kept: [kept] }));
  const setting = (name: string): Secret => ({
    name,
    bytes: Buffer.from(stack.settings[name] ?? ''),
    kept: [],
  });
  const secrets: Secret[] = [
    { name: 'the secret', bytes: Buffer.from(secret), kept: [/^secret$/] },
    { name: 'the secret that was none', bytes: Buffer.from(wrong), kept: [/^wrong$/] },
    await own('the key of vm-user', 'vm-user/key', /^vm-user\//),
    await own('the key of the robot', 'robot-out/key', /^robot-out\//),
    setting('JOIN_BROKER_TABLES_KEY'),
    setting('IDENTITY_HEADER'),
    ...(await brokerSecrets(scenario)),
  ];
  const texts: Text[] = [
    ...(await filesBelow(folder)),
    ...(await rowsOf(scenario)),
    { where: 'the log', bytes: Buffer.from(scenario.log.join('\n')) },
    { where: 'what programs said', bytes: Buffer.from(said.join('\n')) },
  ];

  for (const { name, bytes, kept } of secrets) {
    expect(bytes.length, name).toBeGreaterThanOrEqual(16);
    const wheres = texts.filter((text) => holds(text.bytes, bytes)).map(({ where }) => where);
    for (const file of kept)
      expect(
        wheres.some((where) => file.test(where)),
        name,
      ).toBe(true);
    expect(
      wheres.filter((where) => !kept.some((file) => file.test(where))),
      name,
    ).toEqual([]);
  }
  const withToken = texts.filter(({ bytes }) => TOKEN.test(bytes.toString('latin1')));
  expect(withToken.map(({ where }) => where)).toEqual([]);
  // Private keys are in the agents' own directories, for nobody but their owner.
  const withKey = texts.filter(({ bytes }) => bytes.includes('PRIVATE KEY'));
  expect(withKey.length).toBeGreaterThan(0);
  for (const { where } of withKey) {
    expect(where).toMatch(/^(?:robot|robot-out|thief|stranger|vm-user)\//);
    expect((await stat(join(folder, where))).mode & 0o777, where).toBe(0o600);
  }
}, 120_000);
