/**
 * The runbook's leaks and losses, with its commands, on the whole stack: what relying parties see is what `openssl` and
 * `ssh-keygen` say of what a machine has. Each step goes on where the one before it ended.
 */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { writeEndpoints } from '../../local/endpoints.ts';
import { createFunctionsHost, type FunctionsHost } from '../../local/functions-host.ts';
import { startTables } from '../../local/tables.ts';
import { openAzureTables } from '../../shared/storage/azure-tables.ts';
import { codeBlocks } from '../docs/markdown.ts';
import { hasProgram } from '../programs.ts';
import { GREETING, joinNode, signIn, startNode } from './node-host.ts';
import { joinExample, type OpenScenario, openScenario, ROOT, succeeded } from './scenario.ts';

const missing = !hasProgram('openssl') || !hasProgram('ssh-keygen');
const hasSshd = ['sshd', 'ssh'].map(hasProgram).every(Boolean);
const LOGIN = userInfo().username;

let scenario: OpenScenario;
let identity: string;
/** Whoever got the root by hand, once, and reads no bundle. */
let pinnedRoot: string;

beforeAll(async () => {
  if (missing) return;
  scenario = await openScenario();
  identity = await joinExample(scenario, LOGIN);
  pinnedRoot = join(scenario.folder, 'pinned-root.pem');
  await cp(join(identity, 'tlscacerts'), pinnedRoot, { dereference: true });
  return scenario.close;
});

const joinctl = async (...args: readonly string[]): Promise<string> =>
  succeeded(await scenario.joinctl(...args)).stdout;

/** Makes an authority with the one command that this section of the runbook has for it. */
async function initAsIn(section: string, pin = ''): Promise<string> {
  const runbook = await readFile(join(ROOT, 'docs/runbook.md'), 'utf8');
  const text = runbook.split(/^## /m).find((part) => part.startsWith(`${section}\n`)) ?? '';
  const commands = codeBlocks(text, 'sh').flatMap((block) => block.trim().split('\n'));
  const inits = commands.filter((command) => command.startsWith('joinctl auth init'));
  expect(inits).toHaveLength(1);
  return joinctl(...(inits[0] ?? '').replace('"$pin"', pin).split(' ').slice(1));
}

/** The machine renews as its timer has it, and has this identity afterwards. */
const renew = async (...more: readonly string[]) =>
  scenario.joinbot(
    'vm-user',
    'start',
    '-c',
    join(scenario.folder, 'tbot.yaml'),
    '--oneshot',
    '--destination-dir',
    identity,
    ...more,
  );

/** A copy of what the machine has now: what a thief may have made with the same keys looks like it. */
async function keep(name: string): Promise<string> {
  const folder = join(scenario.folder, name);
  await cp(identity, folder, { recursive: true, dereference: true });
  return folder;
}

/** The issuing certificate that travels along, as a folder of its own. */
async function issuerOf(folder: string): Promise<string> {
  const chain = await readFile(join(folder, 'tlscert'), 'utf8');
  const [, issuer = ''] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
  const made = `${folder}-issuer`;
  await mkdir(made);
  await writeFile(join(made, 'tlscert'), issuer);
  return made;
}

const pinIn = (status: string): string => /CA pin (\S+)/.exec(status)?.[1] ?? '';

const broker = async (path: string): Promise<string> =>
  (await fetch(`${scenario.stack.endpoints.broker}${path}`)).text();

/** What `openssl verify` says of a machine's chain to somebody with this root, and with the broker's lists if asked. */
async function opensslSays(folder: string, root = pinnedRoot, lists = false): Promise<string> {
  const cert = join(folder, 'tlscert');
  const crl = join(scenario.folder, 'tls.crl');
  if (lists) await writeFile(crl, await broker('/v1/trust/tls.crl'));
  const { stdout, stderr } = await scenario.run('openssl', [
    'verify',
    ...(lists ? ['-crl_check_all', '-CRLfile', crl] : []),
    '-CAfile',
    root,
    '-untrusted',
    cert,
    cert,
  ]);
  return stdout + stderr;
}

/** Believed by who reads the lists: function instances ask for them anew every five seconds. */
const expectListed = (folder: string): Promise<void> =>
  expect
    .poll(() => opensslSays(folder, pinnedRoot, true), { timeout: 30_000, interval: 500 })
    .toContain(': OK');

/** Whether a server that reads the broker's authorities believes this machine's SSH certificate. */
async function sshIsBelieved(folder: string): Promise<boolean> {
  const shown = succeeded(
    await scenario.run('ssh-keygen', ['-L', '-f', join(folder, 'sshcert')]),
  ).stdout;
  const [, signer = ''] = /Signing CA: \S+ (SHA256:\S+)/.exec(shown) ?? [];
  const file = join(scenario.folder, 'user-ca.pub');
  await writeFile(file, await joinctl('auth', 'export', '--type=ssh-user'));
  return succeeded(await scenario.run('ssh-keygen', ['-l', '-f', file])).stdout.includes(signer);
}

async function loseTables(...names: readonly string[]): Promise<void> {
  const { endpoints, settings } = scenario.stack;
  const tables = openAzureTables({
    url: endpoints.tables,
    credential: { key: String(settings['JOIN_BROKER_TABLES_KEY']) },
  });
  for (const [name, table] of Object.entries(tables)) {
    if (names.length > 0 && !names.includes(name)) continue;
    for (const { partition, key, etag } of await table.list({}))
      await table.apply([{ kind: 'remove', partition, key, etag }]);
  }
}

/** Settings of a broker whose tables are empty. */
async function emptyTables(): Promise<Readonly<Record<string, string>>> {
  const tables = await startTables();
  onTestFinished(tables.close);
  return { JOIN_BROKER_TABLES_URL: tables.url, JOIN_BROKER_TABLES_KEY: tables.key };
}

/** The setting of a key file that is made, unless it was before. */
const newCustody = (name: string): Readonly<Record<string, string>> => ({
  JOIN_BROKER_KEY_FILE: join(scenario.folder, '.local', name),
});

let running: FunctionsHost | undefined;
/** A broker of the same cluster in place of the one before, with some settings of its own; `joinctl` calls it from now on. */
async function deploy(env: Readonly<Record<string, string>>): Promise<string> {
  const { endpoints, settings } = scenario.stack;
  await (running ?? scenario.stack.host).close();
  const own = { ...settings, ...env };
  const host = await createFunctionsHost(ROOT, { env: own, timers: true, log: () => {} });
  running = host;
  onTestFinished(host.close);
  const broker = await host.listen();
  // What `joinctl login --proxy` is for a deployed one.
  await writeEndpoints(join(scenario.folder, '.local', 'endpoints.json'), { ...endpoints, broker });
  return broker;
}

describe.skipIf(missing)('a leaked key', () => {
  test('issuing: who reads the lists refuses the old chain, and machines go on with the root', async () => {
    const thief = await keep('thief-issuing');
    expect(await opensslSays(thief)).toContain(': OK');
    await joinctl('auth', 'rotate', '--type=issuing', '--now', '--yes');
    succeeded(await renew());
    await expectListed(identity);
    expect(await opensslSays(thief, pinnedRoot, true)).not.toContain(': OK');
    expect(await opensslSays(await issuerOf(thief), pinnedRoot, true)).toContain(
      'certificate revoked',
    );
    // And who reads none believes it, as the runbook says.
    expect(await opensslSays(thief)).toContain(': OK');
  });

  test('SSH authority of users: the old one is in no bundle', async () => {
    const thief = await keep('thief-ssh');
    await joinctl('auth', 'rotate', '--type=ssh-user', '--now', '--yes');
    succeeded(await renew());
    expect([await sshIsBelieved(identity), await sshIsBelieved(thief)]).toEqual([true, false]);
  });

  test.skipIf(!hasSshd)(
    'SSH authority of hosts: clients refuse what the old one has signed, and hosts get a new certificate',
    { timeout: 120_000 },
    async () => {
      const host = await joinNode(scenario);
      const node = `${LOGIN}@vm-user.group1.join-broker.local`;
      const admitted = { stdout: GREETING, stderr: '', code: 0 };
      expect(await signIn(scenario, host, identity, node)).toMatchObject(admitted);
      const before = await keep('before-ssh-host');
      await joinctl('auth', 'rotate', '--type=ssh-host', '--now', '--yes');

      // A client that has not renewed believes the old one, unless it reads the list.
      const known = ['-o', `UserKnownHostsFile=${before}/known_hosts`];
      expect(await signIn(scenario, host, identity, node, ...known)).toMatchObject(admitted);
      const krl = join(scenario.folder, 'ssh.krl');
      const listed = [...known, '-o', `RevokedHostKeys=${krl}`];
      const refusal = async (): Promise<string> => {
        const answer = await fetch(`${scenario.stack.endpoints.broker}/v1/trust/ssh.krl`);
        await writeFile(krl, Buffer.from(await answer.arrayBuffer()));
        return (await signIn(scenario, host, identity, node, ...listed)).stderr;
      };
      await expect.poll(refusal, { timeout: 30_000, interval: 500 }).toContain('revoked');

      succeeded(await renew());
      const refused = await signIn(scenario, host, identity, node);
      expect(refused.code).toBe(255);
      expect(refused.stderr).toContain('Host key verification failed');
      succeeded(await startNode(scenario, host));
      expect(await signIn(scenario, host, identity, node)).toMatchObject(admitted);
    },
  );

  test("the prober's key: nobody notices", async () => {
    const before = await joinctl('auth', 'status');
    await joinctl('auth', 'rotate', '--type=probe', '--now', '--yes');
    const others = (status: string): string => status.replaceAll(/^probe .*$/gm, '');
    const after = await joinctl('auth', 'status');
    expect(after).not.toBe(before);
    expect(others(after)).toBe(others(before));
    await scenario.stack.host.runTimer('probe');
    expect(await opensslSays(identity)).toContain(': OK');
  });

  test('data key: everything under it is new, the root is not', async () => {
    const thief = await keep('thief-data');
    const before = await joinctl('auth', 'status');
    await joinctl('auth', 'rotate', '--type=data', '--now', '--yes');
    const after = await joinctl('auth', 'status');
    expect(pinIn(after)).toBe(pinIn(before));
    succeeded(await renew());
    expect(await opensslSays(identity)).toContain(': OK');
    expect([await sshIsBelieved(identity), await sshIsBelieved(thief)]).toEqual([true, false]);
  });
});

describe.skipIf(missing)('tables that were lost', () => {
  test('all of them come back from a backup: the root is the same, and the machine renews', async () => {
    const backup = join(scenario.folder, 'backup.json');
    await joinctl('auth', 'backup', `--out=${backup}`);
    await loseTables();
    expect(await joinctl('auth', 'status')).toContain('Missing: ');
    await joinctl('auth', 'restore', backup, '--yes');
    expect(await joinctl('auth', 'status')).not.toContain('Missing: ');
    succeeded(await renew());
    expect(await opensslSays(identity)).toContain(': OK');
    expect(await sshIsBelieved(identity)).toBe(true);
  });

  test('keys for good: a new authority only for who names what is given up, and everybody needs the new pin', async () => {
    const pin = pinIn(await joinctl('auth', 'status'));
    await loseTables('keys');
    const refused = await scenario.joinctl('auth', 'init');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(pin);
    await initAsIn('A leaked key', pin);
    const anew = pinIn(await joinctl('auth', 'status'));
    expect(anew).not.toBe(pin);

    const old = await renew(`--ca-pin=${pin}`);
    expect(old.code).toBe(1);
    expect(old.stderr).toContain('pin');
    succeeded(await renew(`--ca-pin=${anew}`));
    expect(await opensslSays(identity)).not.toContain(': OK');
    expect(await opensslSays(identity, join(identity, 'tlscacerts'))).toContain(': OK');
  });
});

describe.skipIf(missing)('a root', () => {
  test('that leaked: nobody follows without the new pin, and what is under the old one is refused', async () => {
    const pin = pinIn(await joinctl('auth', 'status'));
    await joinctl('auth', 'rotate', '--type=tls', '--now', '--yes');
    const stranded = await renew(`--ca-pin=${pin}`);
    expect(stranded.code).toBe(1);
    expect(stranded.stderr).toContain('pin');
    const anew = pinIn(await joinctl('auth', 'status'));
    const old = await keep('under-old-root');
    succeeded(await renew(`--ca-pin=${anew}`));
    const root = join(identity, 'tlscacerts');
    expect(await opensslSays(identity, root)).toContain(': OK');
    expect(await opensslSays(old, root)).not.toContain(': OK');
    expect(await readFile(root, 'utf8')).not.toBe(await readFile(join(old, 'tlscacerts'), 'utf8'));
  });
});

describe.skipIf(missing)('a region that was lost', () => {
  test('goes on in another one from the backup and the vault: relying parties and machines notice nothing', async () => {
    const backup = join(scenario.folder, 'last-night.json');
    await joinctl('auth', 'backup', `--out=${backup}`);
    const pin = pinIn(await joinctl('auth', 'status'));
    const root = join(scenario.folder, 'root-of-today.pem');
    await cp(join(identity, 'tlscacerts'), root, { dereference: true });

    // The cluster's name and what the vault has are the old ones.
    const elsewhere = await deploy(await emptyTables());
    expect(await joinctl('auth', 'status')).toContain('Missing: ');
    await joinctl('auth', 'restore', backup, '--yes');
    expect(pinIn(await joinctl('auth', 'status'))).toBe(pin);

    succeeded(await renew(`--ca-pin=${pin}`, `--proxy-server=${elsewhere}`));
    expect(await opensslSays(identity, root)).toContain(': OK');
    expect(await sshIsBelieved(identity)).toBe(true);
  });

  test('and the vault with it: the backup does not open, and a new authority is made', async () => {
    const elsewhere = await deploy({ ...(await emptyTables()), ...newCustody('elsewhere') });
    const backup = join(scenario.folder, 'last-night.json');
    const refused = await scenario.joinctl('auth', 'restore', backup, '--yes');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('the backup does not open');
    await joinctl('auth', 'init');
    const pin = pinIn(await joinctl('auth', 'status'));
    expect(await readFile(backup, 'utf8')).not.toContain(pin);
    expect((await fetch(`${elsewhere}/readyz`)).status).toBe(200);
  });
});

/** In place of a vault the stack has a key file. */
describe.skipIf(missing)('a custody', () => {
  const broken = (status: string): string => /^Missing: (.*)$/m.exec(status)?.[1] ?? '';

  /** The broker with this custody works, and the machine follows by the new pin alone. */
  async function expectNewAuthority(address: string, before: string): Promise<void> {
    const pin = pinIn(await joinctl('auth', 'status'));
    expect(pin).not.toBe(before);
    succeeded(await renew(`--ca-pin=${pin}`, `--proxy-server=${address}`));
    expect(await opensslSays(identity, join(identity, 'tlscacerts'))).toContain(': OK');
    expect(await sshIsBelieved(identity)).toBe(true);
  }

  test('that is lost: it remembers no root that could be given up; the rows go, and a new authority is made', async () => {
    await deploy({});
    const pin = pinIn(await joinctl('auth', 'status'));
    const address = await deploy(newCustody('after-the-loss'));
    expect(broken(await joinctl('auth', 'status'))).toContain('of another custody');
    for (const flags of [[], [`--give-up=${pin}`]])
      expect((await scenario.joinctl('auth', 'init', ...flags)).stderr).toContain(
        'another custody',
      );

    await loseTables('keys');
    const refused = await scenario.joinctl('auth', 'init', `--give-up=${pin}`);
    expect(refused.stderr).toContain('nothing has to be given up');
    await initAsIn('A new custody');
    await expectNewAuthority(address, pin);
  });

  test('whose file leaked: what is made with a new file does not open with the old one', async () => {
    await deploy(newCustody('after-the-loss'));
    const pin = pinIn(await joinctl('auth', 'status'));
    await joinctl('auth', 'backup', `--out=${join(scenario.folder, 'leaked.json')}`);
    const thief = newCustody('thief');
    await cp(join(scenario.folder, '.local/after-the-loss'), String(thief['JOIN_BROKER_KEY_FILE']));

    // With the same file he opens the new authority, too.
    await loseTables('keys');
    await joinctl('auth', 'init', `--give-up=${pin}`);
    await deploy(thief);
    expect(broken(await joinctl('auth', 'status'))).toBe('');

    const address = await deploy(newCustody('after-the-leak'));
    await loseTables('keys');
    await initAsIn('A new custody');
    await expectNewAuthority(address, pin);
    await deploy(thief);
    expect(broken(await joinctl('auth', 'status'))).toContain('data (encrypt)');
  });
});
