/** Every promise that many callers share ends, and the next caller asks anew (rule 7). */
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { askSts } from '../../shared/attestation/aws/caller-identity.ts';
import { createStsLimits } from '../../shared/attestation/aws/sts-limits.ts';
import { createDirectoryKeys } from '../../shared/attestation/azure/directory-keys.ts';
import { guardMachineDirectory } from '../../shared/attestation/azure/guarded-machine-directory.ts';
import type { MachineDescription } from '../../shared/attestation/azure/machine-directory.ts';
import { openKeyVaultCustody } from '../../shared/authority/key-vault-custody.ts';
import { createKeyring } from '../../shared/authority/keyring.ts';
import { DEADLINE_MS } from '../../shared/deadline.ts';
import { openAzureTables } from '../../shared/storage/azure-tables.ts';
import { createMemoryTable } from '../../shared/storage/memory-tables.ts';
import { createResources } from '../../shared/storage/resources.ts';
import { createClock, NOON } from '../broker/test-broker.ts';
import { sharedRsaKeys } from '../shared-rsa-keys.ts';
import { examine, smallAws } from './attestation/aws/signed-request.ts';
import { createRotatedParts } from './authority/rotation-parts.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const never = new Promise<never>(() => {});

/** What all callers get when the time is over that none of them may wait longer than. */
async function endOf(...waiting: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = Promise.allSettled(waiting);
  // Until every one of them waits for what never comes.
  for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
  await vi.advanceTimersByTimeAsync(DEADLINE_MS);
  return (await settled).map((one) => (one.status === 'rejected' ? one.reason : one.value));
}

const UNAVAILABLE = expect.objectContaining({ name: 'Refusal', code: 'unavailable' });

/** Calls that hang until told otherwise. */
const hanging = () => {
  const state = { hangs: true };
  const call =
    <A extends unknown[], T>(answer: (...given: A) => Promise<T>) =>
    (...given: A): Promise<T> =>
      state.hangs ? never : answer(...given);
  return { state, call };
};

test('of resources', async () => {
  const { state, call } = hanging();
  const table = createMemoryTable();
  const { read, list, apply } = table;
  const clock = createClock();
  const resources = createResources({ read: call(read), list, apply }, clock.now);
  expect(await endOf(resources.snapshot(), resources.snapshot())).toEqual([
    UNAVAILABLE,
    UNAVAILABLE,
  ]);
  state.hangs = false;
  expect((await resources.snapshot()).all('role').length).toBeGreaterThan(0);
});

test('of the signing keys', async () => {
  const { state, call } = hanging();
  const clock = createClock();
  const parts = await createRotatedParts();
  const store = { ...parts.store, list: call(parts.store.list) };
  const keyring = createKeyring({ ...parts, store }, clock.now);
  expect(await endOf(keyring.authorities(), keyring.authorities())).toEqual([
    UNAVAILABLE,
    UNAVAILABLE,
  ]);
  state.hangs = false;
  clock.advance(2);
  expect(await keyring.authorities()).toHaveProperty('issuing');
});

test("of the directory's keys", async () => {
  const { state, call } = hanging();
  const jwk = sharedRsaKeys().keyPair('stranger').publicKey.export({ format: 'jwk' });
  const text = JSON.stringify({ keys: [{ ...jwk, kid: 'key' }] });
  const keys = createDirectoryKeys(
    call(async () => text),
    [],
  );
  const clock = createClock();
  const find = () => keys.find('tenant', 'key', clock.now());
  expect(await endOf(find(), find())).toEqual([UNAVAILABLE, UNAVAILABLE]);
  state.hangs = false;
  clock.advance(30);
  expect(await find()).toBeDefined();
});

describe('of the management API:', () => {
  const subscription = '00000000-0000-4000-8000-000000000001';
  const id = { kind: 'vm', subscription, group: 'group1', vm: 'vm-a' } as const;
  const set = { kind: 'set', subscription, group: 'group1', set: 'set-a' } as const;
  const machine: MachineDescription = {
    id,
    vmId: 'x',
    scaleSet: undefined,
    location: undefined,
    identities: [],
  };

  const ways = {
    'a machine': ({ read }) => read(id),
    'a list of a set': ({ findInSet }) => findInSet(set, 'x'),
    'a list of a subscription': ({ findInSubscription }) => findInSubscription(subscription, 'x'),
  } satisfies Record<
    string,
    (directory: ReturnType<typeof guardMachineDirectory>) => Promise<unknown>
  >;

  test.each(Object.entries(ways))('%s', async (_, ask) => {
    const { state, call } = hanging();
    const answer = call(async () => machine);
    const clock = createClock();
    const directory = guardMachineDirectory(
      { read: answer, findInSet: answer, findInSubscription: answer },
      clock.now,
    );
    expect(await endOf(ask(directory), ask(directory))).toEqual([UNAVAILABLE, UNAVAILABLE]);
    state.hangs = false;
    clock.advance(30);
    expect(await ask(directory)).toBe(machine);
  });
});

test('of Key Vault, whoever of it does not answer', async () => {
  const token = { token: 'token', expiresOnTimestamp: Number.MAX_SAFE_INTEGER };
  const custody = openKeyVaultCustody({
    url: 'https://test.vault.azure.net',
    credential: { getToken: async () => token },
    fetch: () => never,
  });
  const handle = Buffer.from(`https://test.vault.azure.net/keys/root/${'0'.repeat(32)}`);
  const keyId = handle.toString().replace('root', 'data-key-encryption');
  const signerId = handle.toString().replace('root', 'data-key-signature');
  // In the one order in which custody writes it.
  const wrapped = Buffer.from(JSON.stringify({ keyId, wrapped: '', signerId, signature: '' }));
  const asked = [
    custody.wrapDataKey(Buffer.alloc(32), 'about'),
    custody.unwrapDataKey(wrapped, 'about'),
    custody.createRootKey('test'),
    custody.rememberedRoot(),
    custody.publicKeyOfRoot(handle),
    custody.signWithRoot(handle, Buffer.alloc(1)),
  ];
  expect(await endOf(...asked)).toEqual(asked.map(() => UNAVAILABLE));
});

test('of AWS STS, whose calls are counted while they are under way', async () => {
  const { state, call } = hanging();
  const limits = createStsLimits({ inFlight: 2 });
  const { cloud, sign } = smallAws();
  const ask = () => limits.ask('iam-token', NOON, () => askSts(examine(sign()), call(cloud.fetch)));
  expect(await endOf(ask(), ask())).toEqual([UNAVAILABLE, UNAVAILABLE]);
  state.hangs = false;
  expect(await ask()).toHaveProperty('arn');
});

test('of table storage', async () => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const key = Buffer.alloc(32).toString('base64');
  const tables = openAzureTables({ url: `http://127.0.0.1:${port}/account`, credential: { key } });
  const row = { partition: 'p', key: 'k', values: {} };
  const asked = [
    tables.resources.read('p', 'k'),
    tables.resources.list({ partition: 'p' }),
    tables.resources.apply([{ kind: 'insert', row }]),
    tables.resources.apply([
      { kind: 'insert', row },
      { kind: 'put', row: { ...row, key: 'l' } },
    ]),
  ];
  try {
    expect(await endOf(...asked)).toEqual(asked.map(() => UNAVAILABLE));
  } finally {
    server.close();
  }
});
