/**
 * The runbook's leaks and losses, with its commands, on the whole stack: what relying parties see is what `openssl` and
 * `ssh-keygen` say of what a machine has. Each step goes on where the one before it ended.
 */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { writeEndpoints } from '../../local/endpoints.ts';
import { createFunctionsHost } from '../../local/functions-host.ts';
import { startTables } from '../../local/tables.ts';
import { openAzureTables } from '../../shared/storage/azure-tables.ts';
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
    await joinctl('auth', 'init', `--give-up=${pin}`);
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
  /** A broker of another region: its tables are empty, the cluster's name and what the vault has are the old ones. */
  async function deployElsewhere(): Promise<string> {
    const tables = await startTables();
    onTestFinished(tables.close);
    const env = {
      ...scenario.stack.settings,
      JOIN_BROKER_TABLES_URL: tables.url,
      JOIN_BROKER_TABLES_KEY: tables.key,
    };
    const host = await createFunctionsHost(ROOT, { env, timers: true, log: () => {} });
    onTestFinished(host.close);
    return host.listen();
  }

  test('goes on in another one from the backup and the vault: relying parties and machines notice nothing', async () => {
    const { host, endpoints } = scenario.stack;
    const backup = join(scenario.folder, 'last-night.json');
    await joinctl('auth', 'backup', `--out=${backup}`);
    const pin = pinIn(await joinctl('auth', 'status'));
    const root = join(scenario.folder, 'root-of-today.pem');
    await cp(join(identity, 'tlscacerts'), root, { dereference: true });
    await host.close();

    const elsewhere = await deployElsewhere();
    // Here that is what `joinctl login --proxy` is for a deployed one.
    const file = join(scenario.folder, '.local', 'endpoints.json');
    await writeEndpoints(file, { ...endpoints, broker: elsewhere });
    expect(await joinctl('auth', 'status')).toContain('Missing: ');
    await joinctl('auth', 'restore', backup, '--yes');
    expect(pinIn(await joinctl('auth', 'status'))).toBe(pin);

    succeeded(await renew(`--ca-pin=${pin}`, `--proxy-server=${elsewhere}`));
    expect(await opensslSays(identity, root)).toContain(': OK');
    expect(await sshIsBelieved(identity)).toBe(true);
  });
});
