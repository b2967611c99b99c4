import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createDirectoryKeys } from '../../../../shared/attestation/azure/directory-keys.ts';
import { sharedRsaKeys } from '../../../shared-rsa-keys.ts';

const TENANT = '00000000-0000-4000-8000-000000000001';
const ISSUERS = ['https://directory.example/{tenant}/v2.0'];
const NOON = new Date('2026-11-20T12:00:00Z');

const jwkOf = (bits = 2048, exponent = 65537) => ({
  ...createPublicKey(
    bits === 2048 && exponent === 65537
      ? sharedRsaKeys().keyPair('stranger').privateKey
      : generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: exponent }).privateKey,
  ).export({ format: 'jwk' }),
  use: 'sig',
});
const good = { ...jwkOf(), kid: 'good' };

/** Asks for the good key, where this entry stands beside it. */
async function findBeside(...entries: unknown[]) {
  const skipped: string[] = [];
  const text = JSON.stringify({ keys: [...entries, good] });
  const keys = createDirectoryKeys(
    async () => text,
    ISSUERS,
    undefined,
    (tenant, problem) => skipped.push(`${tenant} ${problem}`),
  );
  const found = await keys.find(TENANT, 'good', NOON);
  const told = [...skipped];
  const later = new Date(NOON.getTime() + 30_000);
  return { found, other: await keys.find(TENANT, 'other', later), skipped: told };
}

const NOT_STRONG = 'keys[0]: expected an RSA key of 2048 to 4096 bits with exponent 65537';

describe('one entry of a key set is skipped and told, the others are used: one that', () => {
  test.each<[string, unknown, string]>([
    ['is null', null, 'keys[0]: expected fields, got nothing'],
    ['is text', 'key', 'keys[0]: expected fields, got text'],
    ['has no kind', { kid: 'other' }, 'keys[0]: kty: missing; expected "RSA"'],
    ['has no id', { ...jwkOf(), kid: undefined }, 'keys[0]: kid: missing; expected text'],
    [
      'has a number for an id',
      { ...good, kid: 1 },
      'keys[0]: kid: expected text, got a number (put it in quotes)',
    ],
    [
      'has no modulus',
      { ...good, kid: 'other', n: undefined },
      'keys[0]: n: missing; expected text',
    ],
    ['has a modulus of nothing', { ...good, kid: 'other', n: '' }, NOT_STRONG],
    ['has a modulus that is no base64url', { ...good, kid: 'other', n: '!' }, NOT_STRONG],
    ['has exponent 0', { ...good, kid: 'other', e: 'AA' }, NOT_STRONG],
    ['has exponent 3', { ...jwkOf(2048, 3), kid: 'other' }, NOT_STRONG],
    ['has 1024 bits', { ...jwkOf(1024), kid: 'other' }, NOT_STRONG],
  ])('%s', async (_, entry, problem) => {
    const { found, other, skipped } = await findBeside(entry);
    expect(found).toBeDefined();
    expect(other).toBeUndefined();
    expect(skipped).toEqual([`${TENANT} ${problem}`]);
  });
});

test.each([
  ['of a curve', { kty: 'EC', kid: 'other', crv: 'P-256', x: 'x', y: 'y' }],
  ['that enciphers', { ...good, kid: 'other', use: 'enc' }],
  ['of another tenant', { ...good, kid: 'other', issuer: 'https://directory.example/x/v2.0' }],
])('a key %s is passed over in silence', async (_, entry) => {
  const { found, other, skipped } = await findBeside(entry);
  expect(found).toBeDefined();
  expect(other).toBeUndefined();
  expect(skipped).toEqual([]);
});

test.each([
  ['no JSON', '<html>'],
  ['no list', '{"keys":{}}'],
  ['a member twice', `{"keys":[],"keys":[${JSON.stringify(good)}]}`],
  ['no key that signs', '{"keys":[]}'],
  ['101 keys', JSON.stringify({ keys: Array.from({ length: 101 }, () => good) })],
])('an answer with %s is none: known keys stay', async (_, text) => {
  let answer = JSON.stringify({ keys: [good] });
  const keys = createDirectoryKeys(async () => answer, ISSUERS);
  expect(await keys.find(TENANT, 'good', NOON)).toBeDefined();
  answer = text;
  const later = new Date(NOON.getTime() + 25 * 3600 * 1000);
  expect(await keys.find(TENANT, 'good', later)).toBeDefined();
  await expect(keys.find(TENANT, 'other', later)).rejects.toThrow('can not be looked up now');
});

describe('a key id that is asked for again within the cooldown is', () => {
  const ask = async (answer: () => Promise<string>) => {
    const keys = createDirectoryKeys(answer, ISSUERS);
    const find = (seconds: number) =>
      keys
        .find(TENANT, 'other', new Date(NOON.getTime() + seconds * 1000))
        .catch((error: unknown) => error);
    await find(0);
    return find(29.999);
  };
  const refused = { code: 'unavailable', retryAfter: 30 };

  test("the caller's doing, where the directory has answered: nobody is woken by it", async () => {
    const refusal = await ask(async () => JSON.stringify({ keys: [good] }));
    expect(refusal).toMatchObject({ ...refused, callersDoing: true });
  });

  test("the directory's trouble, where it has not", async () => {
    const refusal = await ask(() => Promise.reject(new Error('down')));
    expect(refusal).toMatchObject({ ...refused, callersDoing: false });
  });
});

/** A directory that can be down, and how often it was asked. */
function createScene() {
  const lookups: string[] = [];
  const scene = { isDown: false, asked: 0, lookups };
  const fetchKeySet = async (): Promise<string> => {
    scene.asked += 1;
    if (scene.isDown) throw new Error('down');
    return JSON.stringify({ keys: [good] });
  };
  const keys = createDirectoryKeys(fetchKeySet, ISSUERS, (found) => lookups.push(found));
  const find = (seconds: number, kid = 'good', tenant = TENANT) =>
    keys.find(tenant, kid, new Date(NOON.getTime() + seconds * 1000));
  return { scene, find };
}
const DAY = 24 * 3600;

describe('keys that are known', () => {
  test('are asked for once a day', async () => {
    const { scene, find } = createScene();
    for (const seconds of [0, 60, DAY - 1]) expect(await find(seconds)).toBeDefined();
    expect(scene.asked).toBe(1);
    expect(await find(DAY)).toBeDefined();
    expect(scene.asked).toBe(2);
    expect(scene.lookups).toEqual(['miss', 'hit', 'hit', 'miss']);
  });

  test('count for a week while the directory is down, and no second longer', async () => {
    const { scene, find } = createScene();
    await find(0);
    scene.isDown = true;
    expect(await find(7 * DAY - 1)).toBeDefined();
    await expect(find(7 * DAY)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('are those of a thousand tenants, and of the newest ones', async () => {
    const { scene, find } = createScene();
    const ask = (tenant: number) => find(60, 'good', String(tenant));
    for (let tenant = 0; tenant < 1000; tenant += 1) await ask(tenant);
    await ask(0);
    expect(scene.asked).toBe(1000);
    await ask(1000);
    await ask(1);
    expect(scene.asked).toBe(1001);
    await ask(0);
    expect(scene.asked).toBe(1002);
  });
});

describe('a key that is not known is looked for anew', () => {
  test('after the cooldown, and is none where the directory has answered', async () => {
    const { scene, find } = createScene();
    await find(0);
    expect(await find(30, 'other')).toBeUndefined();
    expect(scene.asked).toBe(2);
  });

  test('and nobody can say that it is none where the directory is down', async () => {
    const { scene, find } = createScene();
    scene.isDown = true;
    const refused = { code: 'unavailable', callersDoing: false };
    await expect(find(0)).rejects.toMatchObject(refused);
    scene.isDown = false;
    await find(30);
    scene.isDown = true;
    await expect(find(60, 'other')).rejects.toMatchObject(refused);
    expect(await find(60)).toBeDefined();
  });
});

test.each([
  ["the tenant's own", { issuer: ISSUERS[0]?.replace('{tenant}', TENANT) }],
  ['any', { issuer: ISSUERS[0]?.replace('{tenant}', '{tenantid}') }],
  ['one that is not said, for a use that is not said either', { use: undefined }],
])('a key is for an issuer that is %s', async (_, changes) => {
  const { other, skipped } = await findBeside({ ...good, kid: 'other', ...changes });
  expect(other).toBeDefined();
  expect(skipped).toEqual([]);
});
