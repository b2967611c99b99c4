/** Five processes make the first keys at the same time, with real tables and one vault: the vault gets one root. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTables } from '../../../local/tables.ts';
import { authoritiesOf } from '../../../shared/authority/authorities.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { initAuthorities } from '../../../shared/authority/init-authorities.ts';
import { createKeyStore } from '../../../shared/authority/key-store.ts';
import { openKeyVaultCustody } from '../../../shared/authority/key-vault-custody.ts';
import type { RotationParts } from '../../../shared/authority/rotate.ts';
import { ROTATION_POLICY } from '../../../shared/authority/rotation-policy.ts';
import { openAzureTables } from '../../../shared/storage/azure-tables.ts';
import { createFakeKeyVault, type FakeKeyVault, type Mishap } from './fake-key-vault.ts';
import type { InitOrder } from './init-process.ts';

const PROCESSES = 5;

interface Worker {
  readonly child: ChildProcess;
  /** The next line that it writes. */
  line(): Promise<string>;
}

let workers: readonly Worker[];
beforeAll(async () => {
  const script = fileURLToPath(new URL('init-process.ts', import.meta.url));
  workers = Array.from({ length: PROCESSES }, () => {
    const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { child, line: async () => (await lines.next()).value ?? 'it ended' };
  });
  for (const { line } of workers) expect(await line()).toBe('ready');
});
afterAll(async () => {
  await Promise.all(
    workers.map(async ({ child }) => {
      const ended = once(child, 'exit');
      child.stdin?.end();
      await ended;
    }),
  );
});

/** The fake vault on a port of its own. */
async function listen(vault: FakeKeyVault): Promise<{ url: string; server: Server }> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    const answer = await vault.fetch(`${vault.url}${request.url}`, {
      method: request.method ?? 'GET',
      headers: request.headers as Record<string, string>,
      ...(body !== '' && { body }),
    });
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** Nothing is there but the vault's wrapping key. */
async function createPlace() {
  const tables = await startTables();
  const vault = createFakeKeyVault();
  vault.createEncryptionKey();
  const { url, server } = await listen(vault);
  const credential = {
    getToken: async () => ({ token: 'token', expiresOnTimestamp: Date.now() + 3600_000 }),
  };
  const parts: RotationParts = {
    store: createKeyStore(
      openAzureTables({ url: tables.url, credential: { key: tables.key } }).keys,
    ),
    custody: openKeyVaultCustody({ url: vault.url, credential, fetch: vault.fetch }),
    policy: ROTATION_POLICY,
    cluster: 'test.example.org',
  };
  return {
    vault,
    parts,
    order: (resume: boolean): InitOrder => ({
      tables: { url: tables.url, key: tables.key },
      vault: url,
      resume,
    }),
    async close() {
      server.closeAllConnections();
      server.close();
      await tables.close();
    },
  };
}
type Place = Awaited<ReturnType<typeof createPlace>>;

async function race(place: Place, resume: boolean): Promise<string[]> {
  // Making a key takes long enough for all of them to find none yet.
  place.vault.next('root/create', ...Array<Mishap>(PROCESSES).fill('slow'));
  for (const { child } of workers) child.stdin?.write(`${JSON.stringify(place.order(resume))}\n`);
  return Promise.all(workers.map(({ line }) => line()));
}

async function expectOneAuthority({ parts, vault }: Place): Promise<void> {
  expect(vault.versions('root')).toBe(1);
  const stored = await parts.store.list();
  const numbers = stored.taken.map(({ owner, sequence }) => `${owner}/${sequence}`);
  expect(numbers.toSorted()).toEqual(
    ['data/1', 'probe/1', 'ssh-host/1', 'ssh-user/1', 'tls/1', 'tls/2'].toSorted(),
  );
  const genuine = await openGenuineKeys(stored, parts, new Date());
  expect(genuine?.ignored).toEqual([]);
  expect(genuine && authoritiesOf(genuine, parts.policy, new Date())).toBeDefined();
}

test('with no keys yet, one goes on and makes one root; the others are told', async () => {
  const place = await createPlace();
  try {
    const outcomes = await race(place, false);
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
    for (const outcome of outcomes) expect(outcome).toMatch(/^(?:done|try_again|already_exists)$/);
    await expectOneAuthority(place);
  } finally {
    await place.close();
  }
});

test.each([
  ['before the root was made', 0],
  ['after the vault made the root', 1],
])('going on with an init that died %s, they make one root', async (_, versions) => {
  const place = await createPlace();
  const { parts, vault } = place;
  try {
    const store = {
      ...parts.store,
      insert: (...row: Parameters<typeof parts.store.insert>) =>
        row[0].owner === 'data' ? parts.store.insert(...row) : Promise.reject(new Error('died')),
    };
    if (versions === 0) vault.next('root/create', 403);
    await expect(
      initAuthorities({ ...parts, store }, { resume: false, giveUp: [] }, new Date()),
    ).rejects.toThrow();
    expect(vault.versions('root')).toBe(versions);

    const outcomes = await race(place, true);
    expect(outcomes).toContain('done');
    for (const outcome of outcomes) expect(outcome).toMatch(/^(?:done|try_again|already_exists)$/);
    await expectOneAuthority(place);
  } finally {
    await place.close();
  }
});
