/** The last step of a join: certificates leave after the row is written, and the row says what a request counts for. */
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parsePublicKeyInfo } from '../../../shared/encoding/public-key-info.ts';
import type { DecidedJoin } from '../../../shared/joining/instance-record.ts';
import { issueAndRecord } from '../../../shared/joining/issue-and-record.ts';
import type { Grant } from '../../../shared/joining/owners/owner.ts';
import type { DenialReason } from '../../../shared/protocol/denial-reason.ts';
import {
  createInstances,
  type Instances,
  type StoredInstance,
} from '../../../shared/storage/instances.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import { createAuthorities, later, NOON } from '../authority/rotation-parts.ts';

const noon = NOON.getTime() / 1000;
const ID = '0a1b2c3d-1111-4111-8111-111111111111';
const OWNER = 'bot:example';
const authorities = await createAuthorities();
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = parsePublicKeyInfo(publicKey.export({ type: 'spki', format: 'der' }));

const grantUntil = (seconds: number): Grant => ({
  type: 'user',
  bot: 'example',
  roles: ['access'],
  logins: ['root'],
  permissions: { extensions: [], sourceAddresses: undefined },
  expires: later(seconds),
});

/** A join by this request, with one certificate for an hour. */
function decide(digest: string, changes: Partial<DecidedJoin> = {}): DecidedJoin {
  const wish = { name: 'identity', csr: '' };
  return {
    instanceId: ID,
    owner: OWNER,
    role: 'Bot',
    joinToken: 'example-bot',
    digest,
    keys: [{ wish, tlsKey: key, sshKey: key, provesPossession: () => true }],
    certificates: [
      {
        name: 'identity',
        serial: Buffer.from(digest.padEnd(16, '.')).toString('hex'),
        issued: noon,
        expires: noon + 3600,
      },
    ],
    machine: { method: 'azure', vmId: 'vm' },
    names: [],
    freshSeconds: 300,
    keptUntil: 0,
    at: NOON,
    ...changes,
  };
}

interface Options {
  readonly grants?: readonly Grant[];
  readonly renewing?: StoredInstance | undefined;
  readonly usedReason?: DenialReason;
  readonly changes?: Partial<DecidedJoin>;
  /** Instead of the row's own. */
  readonly storage?: Partial<Instances>;
}

function createScene() {
  const instances = createInstances(createMemoryTable());
  const told: object[] = [];
  let gone = 0;
  const issue = (digest: string, options: Options = {}) => {
    const { grants = [grantUntil(3600)], usedReason = 'request_used' } = options;
    return issueAndRecord(
      decide(digest, options.changes),
      grants,
      options.renewing,
      usedReason,
      authorities,
      { cluster: 'test.example.org', instances: { ...instances, ...options.storage } },
      (facts) => void told.push(facts),
      async () => {
        gone += 1;
      },
    );
  };
  const row = async (): Promise<StoredInstance> => {
    const stored = await instances.read(OWNER, ID);
    return !stored || 'removed' in stored ? expect.fail('there is no instance') : stored;
  };
  const remove = async () => {
    const { instance, etag } = await row();
    expect(await instances.remove(instance, etag)).toBe(true);
  };
  return { instances, told, issue, row, remove, gone: () => gone };
}
const denial = (reason: string, message: string = expect.any(String)) =>
  expect.objectContaining({ code: 'access_denied', reason, message });
const USED = 'it was used for a first join already, and counts once';

describe('certificates leave', () => {
  test('after the row is written, and are told of', async () => {
    const { issue, told, row, gone } = createScene();
    const read = () => expect.unreachable();
    const joined = await issue('first', { storage: { read } });
    expect(joined).toMatchObject({
      instance: { id: ID, role: 'Bot' },
      bot: 'example',
      generation: 1,
      certificates: [{ name: 'identity', expires: '2026-11-20T13:00:00Z' }],
    });
    const leaf = new X509Certificate(joined.certificates[0]?.tls ?? '');
    expect(leaf.subjectAltName).toBe(`URI:spiffe://test.example.org/bot/example/${ID}`);
    const { serials } = (await row()).instance;
    expect(told).toEqual([
      expect.objectContaining({
        instance_id: ID,
        generation: 1,
        serials: serials.map(({ serial }) => serial),
      }),
    ]);
    expect(gone()).toBe(0);
  });

  test('not where it is not written, and nothing is told of them', async () => {
    const { issue, told } = createScene();
    const insert = () => Promise.reject(new Error('down'));
    await expect(issue('first', { storage: { insert } })).rejects.toThrow('down');
    expect(told).toEqual([]);
  });

  test.each<[string, Options]>([
    ['a grant', { grants: [] }],
    [
      'a record',
      {
        grants: [grantUntil(60), grantUntil(60)],
        changes: { keys: [...decide('x').keys, ...decide('x').keys] },
      },
    ],
  ])('never without %s', async (_, options) => {
    const { issue, instances } = createScene();
    await expect(issue('first', options)).rejects.toThrow('a certificate has no grant');
    expect(await instances.read(OWNER, ID)).toBeUndefined();
  });
});

describe('the very same request gets the same again', () => {
  test.each([
    ['no longer than is granted now', [grantUntil(60)], '2026-11-20T12:01:00Z'],
    ['no longer than it was granted', [grantUntil(7200)], '2026-11-20T13:00:00Z'],
  ])('%s', async (_, grants, expires) => {
    const { issue, told } = createScene();
    await issue('first');
    expect(await issue('first', { grants })).toMatchObject({
      generation: 1,
      certificates: [{ expires }],
    });
    expect(told[1]).toMatchObject({ expires: [expires] });
  });

  test('as a renewal, too, and without another write', async () => {
    const { issue, row } = createScene();
    await issue('first');
    await issue('second', { renewing: await row() });
    const replace = () => expect.unreachable();
    const again = { renewing: await row(), storage: { replace } };
    expect(await issue('second', again)).toMatchObject({ generation: 2 });
  });

  test('where it was faster itself', async () => {
    const { issue, row, gone } = createScene();
    await issue('first');
    const renewing = await row();
    await issue('second', { renewing });
    expect(await issue('second', { renewing })).toMatchObject({ generation: 2 });
    expect(gone()).toBe(0);
  });
});

describe('a first join is denied', () => {
  test.each<[string, string, Options, string]>([
    ['whose request made another one', 'other', {}, 'request_used'],
    ['whose secret was used', 'other', { usedReason: 'secret_used' }, 'secret_used'],
    [
      'that is late: nobody else has its secret',
      'first',
      { usedReason: 'secret_used', changes: { at: later(300) } },
      'request_used',
    ],
  ])('%s', async (_, digest, options, reason) => {
    const { issue, told, gone } = createScene();
    await issue('first');
    await expect(issue(digest, options)).rejects.toThrow(denial(reason, USED));
    expect(told.at(-1)).toEqual({ instance_id: ID });
    expect(gone()).toBe(0);
  });

  test.each<[string, string, Options, string, string]>([
    [
      'that made it',
      'first',
      { usedReason: 'secret_used' },
      'instance_removed',
      'the instance that this request made was removed',
    ],
    ['with the same secret', 'other', { usedReason: 'secret_used' }, 'secret_used', USED],
  ])('%s, where the instance was removed', async (_, digest, options, reason, message) => {
    const { issue, remove, gone } = createScene();
    await issue('first');
    await remove();
    await expect(issue(digest, options)).rejects.toThrow(denial(reason, message));
    expect(gone()).toBe(1);
  });

  test('for now, where its row is gone again at once', async () => {
    const { issue, gone } = createScene();
    const insert = async () => false;
    await expect(issue('first', { storage: { insert } })).rejects.toThrow(
      expect.objectContaining({ code: 'try_again' }),
    );
    expect(gone()).toBe(1);
  });
});

describe('a renewal', () => {
  test('of what was renewed meanwhile is asked for again', async () => {
    const { issue, row, gone } = createScene();
    await issue('first');
    const renewing = await row();
    await issue('second', { renewing });
    await expect(issue('third', { renewing })).rejects.toThrow(
      expect.objectContaining({ code: 'try_again' }),
    );
    expect(gone()).toBe(0);
  });

  test.each(['removed', 'swept'])('of what was %s meanwhile is of no instance', async (how) => {
    const { issue, row, remove, gone } = createScene();
    await issue('first');
    const renewing = await row();
    await remove();
    const storage: Partial<Instances> = how === 'swept' ? { read: async () => undefined } : {};
    await expect(issue('second', { renewing, storage })).rejects.toThrow(
      expect.objectContaining({
        code: 'instance_unknown',
        message: 'this instance was removed meanwhile: join afresh',
      }),
    );
    expect(gone()).toBe(1);
  });
});
