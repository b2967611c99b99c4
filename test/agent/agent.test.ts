import { execFileSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockDirectory } from '../../agent/directory-lock.ts';
import { hasProgram } from '../programs.ts';
import { createAuthorities } from './authorities.ts';
import { START } from './clock.ts';
import { problemAnswer } from './fake-broker.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';

const IDENTITY = [
  'key',
  'key-cert.pub',
  'key.pub',
  'known_hosts',
  'ssh_config',
  'sshcacerts',
  'sshcert',
  'tlscacerts',
  'tlscert',
];

const visible = async (folder: string) =>
  (await readdir(folder)).filter((name) => !name.startsWith('..')).toSorted();

const storageConfig = (rig: Rig, more = '') =>
  guideConfig(`storage: {type: directory, path: ${join(rig.folder, 'bot')}}\n${more}`);

test('joins once and writes an identity directory', async () => {
  const rig = await createRig();
  const out = join(rig.folder, 'machine-id');
  expect(await rig.start(guideConfig('outputs: []\n'), '--oneshot', '--destination-dir', out)).toBe(
    0,
  );
  expect(await visible(out)).toEqual(IDENTITY);

  const leaf = new X509Certificate(await readFile(join(out, 'tlscert')));
  const key = createPublicKey(await readFile(join(out, 'key')));
  expect(leaf.publicKey.equals(key)).toBe(true);
  expect(await readFile(join(out, 'sshcert'), 'utf8')).toBe(
    await readFile(join(out, 'key-cert.pub'), 'utf8'),
  );
  expect(rig.output.join('')).toMatch(
    /^2026-11-20T19:05:00Z INFO {2}joined as bot example \(instance [0-9a-f-]{36}, generation 1, certificates until 2026-11-20T20:05:00Z, request request-1, machine \/subscriptions\/\S+\)$/m,
  );
});

test.skipIf(!hasProgram('ssh-keygen') || !hasProgram('ssh') || !hasProgram('openssl'))(
  'writes files that OpenSSH and OpenSSL read',
  async () => {
    const rig = await createRig();
    const out = join(rig.folder, 'with space and 100%');
    await rig.start(guideConfig(), '--oneshot', '--destination-dir', out);
    const run = (program: string, ...args: string[]) =>
      execFileSync(program, args, { encoding: 'utf8', cwd: out, stdio: 'pipe' });

    const [type, blob] = run('ssh-keygen', '-y', '-f', 'key').split(' ');
    expect(await readFile(join(out, 'key.pub'), 'utf8')).toBe(`${type} ${blob?.trim()} example\n`);
    expect(run('ssh-keygen', '-L', '-f', 'sshcert')).toMatch(/Principals: \n\s+ubuntu\n/);
    const verified = run(
      'openssl',
      'verify',
      '-attime',
      `${START.getTime() / 1000}`,
      '-CAfile',
      'tlscacerts',
      '-untrusted',
      'tlscert',
      'tlscert',
    );
    expect(verified).toBe('tlscert: OK\n');

    const settings = run('ssh', '-G', '-F', 'ssh_config', 'user@host.test.example.com');
    // It prints these two as they stand, the percent sign still doubled.
    const doubled = out.replace('%', '%%');
    expect(settings).toContain(`identityfile ${join(doubled, 'key')}\n`);
    expect(settings).toContain(`certificatefile ${join(doubled, 'key-cert.pub')}\n`);
    expect(settings).toContain(`userknownhostsfile ${join(out, 'known_hosts')} `);
    expect(run('ssh-keygen', '-F', 'any.example.com', '-f', 'known_hosts')).toContain('CA');
  },
);

test('gives each output a key of its own and the roles that it asks for', async () => {
  const rig = await createRig();
  const [one, two] = [join(rig.folder, 'one'), join(rig.folder, 'two')];
  const config = storageConfig(
    rig,
    `outputs:
  - {type: identity, destination: {type: directory, path: ${one}}, roles: [access]}
  - {type: identity, destination: {type: directory, path: ${two}}, roles: []}
`,
  );
  expect(await rig.start(config, '--oneshot')).toBe(0);
  const keys = await Promise.all(
    [join(rig.folder, 'bot'), one, two].map((path) => readFile(join(path, 'key'), 'utf8')),
  );
  expect(new Set(keys).size).toBe(3);
  const wishes = rig.broker.joins[0]?.request.certificates.map(({ name, roles, ttl }) => ({
    name,
    roles,
    ttl,
  }));
  expect(wishes).toEqual([
    { name: 'identity', roles: undefined, ttl: '1h' },
    { name: 'output-1', roles: ['access'], ttl: '1h' },
    { name: 'output-2', roles: [], ttl: '1h' },
  ]);
});

test('leaves the SSH certificate out where the roles have no login, and says why', async () => {
  const rig = await createRig();
  const out = join(rig.folder, 'out');
  await rig.start(guideConfig(), '--oneshot', '--destination-dir', out);
  rig.broker.logins = [];
  await rig.start(guideConfig(), '--oneshot', '--destination-dir', out);
  expect(await visible(out)).toEqual(
    IDENTITY.filter((name) => name !== 'sshcert' && name !== 'key-cert.pub'),
  );
  expect(rig.output.join('')).toContain(
    `there is no SSH certificate in ${out}: no role of the bot has a login`,
  );
  expect(await readFile(join(out, 'ssh_config'), 'utf8')).not.toContain('CertificateFile');
});

test('renews within the interval and within half of the certificates lifetime', async () => {
  const rig = await createRig();
  rig.stopAfterWaits(3);
  expect(await rig.start(guideConfig('certificate_ttl: 30m\nrenewal_interval: 20m\n'))).toBe(0);
  expect(rig.clock.sleeps).toEqual([900_000, 900_000, 900_000]);
  expect(rig.broker.joins.map(({ body }) => body.proof !== undefined)).toEqual([false, true, true]);
  const text = rig.output.join('');
  expect(text).toMatch(/renewed as bot example \(instance \S+, generation 2, /);
  expect(text).toMatch(/renewed as bot example \(instance \S+, generation 3, /);
  expect(text).toMatch(/INFO {2}stopped\n$/);
});

test('renews at once when it is told to', async () => {
  const rig = await createRig();
  const waits: number[] = [];
  rig.clock.onSleep = () => {
    waits.push(rig.clock.now().getTime());
    rig.renewNow();
    if (waits.length === 2) rig.stop.abort();
  };
  expect(await rig.start(guideConfig())).toBe(0);
  expect(rig.broker.joins).toHaveLength(2);
  expect(waits[1]).toBe(waits[0]);
});

test('renews once more where it is told to during a renewal, and says so at once', async () => {
  const rig = await createRig();
  rig.broker.bend = (answer) => {
    if (rig.broker.joins.length === 1) rig.renewNow();
    return answer;
  };
  const waits: unknown[] = [];
  rig.clock.onSleep = () => {
    waits.push([rig.broker.joins.length, rig.clock.now()]);
    if (waits.length === 2) rig.stop.abort();
  };
  expect(await rig.start(guideConfig())).toBe(0);
  expect(waits).toEqual([
    [1, START],
    [2, START],
  ]);
  expect(rig.output.join('')).toMatch(
    /told to renew now: again, once this renewal is over\n.*joined as bot example/,
  );
});

test('after a restart it renews the instance of its storage directory', async () => {
  const rig = await createRig();
  await rig.start(storageConfig(rig), '--oneshot');
  await rig.start(storageConfig(rig), '--oneshot');
  const [first, second] = rig.broker.joins;
  expect(first?.body.proof).toBeUndefined();
  expect(second?.body.proof).toBeDefined();
  expect(await visible(join(rig.folder, 'bot'))).toEqual(
    [...IDENTITY, 'issuing-certificates.json', 'state.json'].toSorted(),
  );
});

test('downloads issuing certificates once and keeps them over a restart', async () => {
  const rig = await createRig();
  await rig.start(storageConfig(rig), '--oneshot');
  const downloads = () => rig.cloud.calls.count('pki');
  const before = downloads();
  expect(before).toBeGreaterThan(0);
  await rig.start(storageConfig(rig), '--oneshot');
  expect(downloads()).toBe(before);
});

test.each([
  ['another broker', 'broker.example.com', 'other.example.com', 'another broker'],
  ['another join token', 'example-bot', 'other-bot', 'another token'],
])('joins afresh where the state is of %s', async (_, from, to, said) => {
  const rig = await createRig();
  await rig.start(storageConfig(rig), '--oneshot');
  const file = join(rig.folder, 'bot', 'state.json');
  await writeFile(file, (await readFile(file, 'utf8')).replace(from, to));
  expect(await rig.start(storageConfig(rig), '--oneshot')).toBe(0);
  expect(rig.broker.joins[1]?.body.proof).toBeUndefined();
  expect(rig.output.join('')).toContain(
    `joining afresh: the state in ${join(rig.folder, 'bot')} is of ${said}`,
  );
});

test('joins afresh, with a log line, where the state can not be read', async () => {
  const rig = await createRig();
  await rig.start(storageConfig(rig), '--oneshot');
  await writeFile(join(rig.folder, 'bot', 'state.json'), '{');
  expect(await rig.start(storageConfig(rig), '--oneshot')).toBe(0);
  expect(rig.broker.joins[1]?.body.proof).toBeUndefined();
  expect(rig.output.join('')).toContain("can't be read (expected JSON text)");
});

test('joins afresh when its certificates have expired', async () => {
  const rig = await createRig();
  await rig.start(storageConfig(rig), '--oneshot');
  await rig.clock.sleep(2 * 3600_000, new AbortController().signal);
  expect(await rig.start(storageConfig(rig), '--oneshot')).toBe(0);
  expect(rig.broker.joins[1]?.body.proof).toBeUndefined();
});

test('joins afresh when the broker does not know the instance any more', async () => {
  const rig = await createRig();
  rig.broker.next['/v1/join'].push('right', () => problemAnswer('instance_unknown'));
  rig.stopAfterWaits(2);
  await rig.start(guideConfig());
  expect(rig.output.join('')).toContain(
    "the broker doesn't renew this instance (request id request-1): joining afresh",
  );
  expect(rig.output.join('').match(/joined as bot example/g)).toHaveLength(2);
});

test('a daemon goes on after a failure and says how long the certificates are good', async () => {
  const rig = await createRig();
  rig.broker.next['/v1/join'].push('right', () => problemAnswer('access_denied'));
  rig.stopAfterWaits(3);
  expect(await rig.start(guideConfig())).toBe(0);
  const text = rig.output.join('');
  expect(text).toContain(
    'ERROR the broker refused the join (request id request-1); an operator sees the reason with: joinctl joins show request-1 (the certificates are good until 2026-11-20T20:05:00Z)',
  );
  expect(text).toContain('renewed as bot example');
});

test('oneshot fails with one sentence and exit code 1 when the join is refused', async () => {
  const rig = await createRig();
  rig.broker.next['/v1/join'].push(() => problemAnswer('access_denied'));
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(1);
  expect(rig.output.at(-1)).toBe(
    'joinbot: the broker refused the join (request id request-1); an operator sees the reason with: joinctl joins show request-1\n',
  );
});

test('one directory that can not be written does not keep the others from theirs', async () => {
  const rig = await createRig();
  const [bad, good] = [join(rig.folder, 'bad'), join(rig.folder, 'good')];
  await mkdir(join(bad, 'key'), { recursive: true });
  const output = (path: string) =>
    `  - {type: identity, destination: {type: directory, path: ${path}}}\n`;
  expect(await rig.start(guideConfig(`outputs:\n${output(bad)}${output(good)}`), '--oneshot')).toBe(
    1,
  );
  expect(rig.output.at(-1)).toContain(
    `${join(bad, 'key')} is there already and was not made by joinbot`,
  );
  expect(await visible(good)).toEqual(IDENTITY);
});

test('proves and writes nothing when the trust bundle is of a root that is not pinned', async () => {
  const rig = await createRig();
  const pin = `sha256:${'0'.repeat(64)}`;
  expect(await rig.start(storageConfig(rig), '--oneshot', '--ca-pin', pin)).toBe(1);
  expect(rig.output.at(-1)).toContain(
    `its root is ${rig.broker.pin}, which is not among the configured CA pins`,
  );
  expect(rig.broker.calls.map(({ path }) => path)).toEqual(['/v1/trust']);
  // But for the lock there was nothing in it.
  expect(await readdir(join(rig.folder, 'bot'))).toEqual([]);
});

test('installs no trust bundle that is older than the one before', async () => {
  const rig = await createRig();
  const config = storageConfig(rig);
  expect(await rig.start(config, '--oneshot', '--ca-pin', rig.broker.pin)).toBe(0);
  const { authorities } = rig.broker;
  rig.broker.authoritiesOfTrust = { ...authorities, version: authorities.version - 1 };
  expect(await rig.start(config, '--oneshot', '--ca-pin', rig.broker.pin)).toBe(1);
  expect(rig.output.at(-1)).toMatch(/its version is \d+, older than \d+, which is installed/);
});

test('writes nothing when a certificate does not lead to the bundle of its own answer', async () => {
  const rig = await createRig();
  rig.broker.authoritiesOfTrust = await createAuthorities(rig.clock.now());
  expect(await rig.start(storageConfig(rig), '--oneshot')).toBe(1);
  expect(rig.output.at(-1)).toContain('do not lead to a root of its trust bundle');
});

test('stops in the middle of a retry', async () => {
  const rig = await createRig();
  rig.broker.next['/v1/trust'].push(() => problemAnswer('unavailable'));
  rig.stopAfterWaits(1);
  expect(await rig.start(guideConfig())).toBe(0);
  expect(rig.broker.calls).toHaveLength(1);
  expect(rig.output.at(-1)).toMatch(/INFO {2}stopped\n$/);
});

test('no token or key reaches the log, even with debug on', async () => {
  const rig = await createRig();
  await rig.start(storageConfig(rig), '--oneshot', '-d');
  const [first] = rig.broker.joins;
  const text = rig.output.join('');
  expect(first?.body.azure?.access_token).toMatch(/^ey/);
  expect(text).not.toContain(first?.body.azure?.access_token);
  expect(text).not.toMatch(/PRIVATE|eyJ/);
});

test('logs JSON on request', async () => {
  const rig = await createRig();
  await rig.start(guideConfig(), '--oneshot', '--log-format=json');
  const lines = rig.output
    .join('')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.at(-1)).toEqual({
    time: '2026-11-20T19:05:00Z',
    level: 'info',
    message: expect.stringContaining('CA pin sha256:'),
  });
});

test('logs JSON where the config file says so, its last line too', async () => {
  const rig = await createRig();
  rig.broker.next['/v1/join'].push(() => problemAnswer('access_denied'));
  expect(await rig.start(guideConfig('log_format: json\n'), '--oneshot')).toBe(1);
  const lines = rig.output.join('').trimEnd().split('\n');
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines) expect(JSON.parse(line)).toHaveProperty('level');
  expect(await rig.start(guideConfig('log_format: json\n'), '--oneshot', '--log-format=text')).toBe(
    0,
  );
  expect(rig.output.at(-1)).toMatch(/^2026-11-20T19:05:00Z INFO/);
});

test("says that it sends no telemetry, whatever tbot's variable says", async () => {
  const rig = await createRig({ env: { TELEPORT_ANONYMOUS_TELEMETRY: '1' } });
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(0);
  expect(rig.output.join('')).toContain(
    'INFO  TELEPORT_ANONYMOUS_TELEMETRY makes no difference here: no telemetry is sent\n',
  );
});

test('two agents never work with one storage directory, whatever the join method', async () => {
  const rig = await createRig();
  const storage = join(rig.folder, 'bot');
  const unlock = await lockDirectory(storage);
  const config = guideConfig(`storage: {type: directory, path: ${storage}}\n`);
  expect(await rig.start(config, '--oneshot')).toBe(1);
  expect(rig.output.at(-1)).toContain(`another joinbot works with ${storage}: stop it first`);
  expect(rig.broker.calls).toEqual([]);
  // A service waits for the other one to end.
  rig.stopAfterWaits(2);
  const { onSleep } = rig.clock;
  let freed: Promise<void> | undefined;
  rig.clock.onSleep = (ms) => {
    freed ??= unlock();
    onSleep(ms);
  };
  expect(await rig.start(config)).toBe(0);
  await freed;
  expect(rig.output.join('')).toMatch(/ERROR another joinbot works with .*; trying again in/);
  expect(rig.broker.joins).toHaveLength(1);
});
