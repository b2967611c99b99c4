/** Which instance a request renews: each test changes one thing of a renewal that is found. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import { keyHash } from '../../../shared/joining/instance-record.ts';
import { findRenewing, type RenewalChecks } from '../../../shared/joining/renewing.ts';
import type { JoinBody, JoinRequest } from '../../../shared/protocol/join.ts';
import { proofMessage } from '../../../shared/protocol/join.ts';
import { formatTimestamp } from '../../../shared/protocol/values.ts';
import type { JoinToken } from '../../../shared/resources/join-token.ts';
import type { Instance, StoredInstance, Tombstone } from '../../../shared/storage/instances.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const noon = NOON.getTime() / 1000;
const ID = '11111111-1111-4111-8111-111111111111';
const TEXT = 'the request';
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' });
const [now, old, other] = [newKey(), newKey(), newKey()];

const instance: Instance = {
  id: ID,
  owner: 'bot:example',
  role: 'Bot',
  joinToken: 'token',
  madeBy: 'first',
  generation: 2,
  instanceKey: spki(now.publicKey),
  instanceKeyExpires: noon + 3600,
  machine: { method: 'azure', vmId: 'vm' },
  names: [],
  serials: [],
  answered: [{ digest: 'answered', generation: 2, certificates: [], expires: noon + 60 }],
  replaced: [
    {
      generation: 1,
      key: keyHash(spki(old.publicKey)),
      by: 'second',
      at: noon - 1000,
      expires: noon + 3600,
    },
  ],
  joined: noon - 5000,
  seen: noon - 1000,
  goneAfter: noon + 7200,
};

interface Changes {
  readonly instance?: Partial<Instance>;
  readonly stored?: Tombstone | undefined;
  readonly checks?: Partial<RenewalChecks>;
  readonly named?: Partial<NonNullable<JoinRequest['instance']>> | undefined;
  readonly time?: string;
  readonly signedBy?: KeyObject;
  readonly proof?: string | undefined;
}

const proofBy = (key: KeyObject, text = TEXT): string =>
  encodeBase64(sign('sha256', proofMessage(text), key));

function find(changes: Changes = {}) {
  const stored: StoredInstance = { instance: { ...instance, ...changes.instance }, etag: 'etag' };
  const proof = 'proof' in changes ? changes.proof : proofBy(changes.signedBy ?? now.privateKey);
  const body = { request: TEXT, ...(proof !== undefined && { proof }) } as JoinBody;
  const named = { id: ID, generation: 2, ...changes.named };
  const hasNone = 'named' in changes && changes.named === undefined;
  const request = {
    ...(!hasNone && { instance: named }),
    ...(changes.time !== undefined && { time: changes.time }),
  } as JoinRequest;
  return findRenewing(body, request, {
    joinToken: { metadata: { name: 'token' } } as JoinToken,
    owner: 'bot:example',
    digest: 'third',
    askedKey: undefined,
    mayBe: ({ vmId }) => vmId === 'vm',
    keyIsAllProof: false,
    instances: {
      read: async (owner, id) => {
        expect([owner, id]).toEqual(['bot:example', ID]);
        return 'stored' in changes ? changes.stored : stored;
      },
    },
    at: NOON,
    ...changes.checks,
  });
}

const UNKNOWN = expect.objectContaining({ code: 'instance_unknown' });

describe('a request renews the instance that it names', () => {
  test('signed with its key', async () => {
    expect(await find()).toMatchObject({ kind: 'renewal', stored: { instance, etag: 'etag' } });
  });

  test('and may say the key, too', async () => {
    const named = { key: encodeBase64(spki(now.publicKey)) };
    expect(await find({ named })).toMatchObject({ kind: 'renewal' });
  });

  test('once more without a proof, where it was answered: it was proved then', async () => {
    const again = { checks: { digest: 'answered' }, proof: undefined, named: { generation: 1 } };
    expect(await find(again)).toMatchObject({ kind: 'renewal' });
    const later = { digest: 'answered', at: new Date(NOON.getTime() + 60_000) };
    await expect(find({ ...again, checks: later })).rejects.toThrow(UNKNOWN);
  });
});

test('a request that names none joins for the first time, and proves nothing', async () => {
  expect(await find({ named: undefined, proof: undefined })).toEqual({ kind: 'first' });
  await expect(find({ named: undefined })).rejects.toThrow(
    expect.objectContaining({
      code: 'bad_request',
      field: 'proof',
      message: 'expected none: the request names no instance',
    }),
  );
});

describe('an instance is unknown to a request', () => {
  test.each<[string, Changes, string]>([
    ['that names none that there is', { stored: undefined }, 'not known'],
    [
      'that names one that was removed',
      { stored: { removed: true, madeBy: 'first' } },
      'not known',
    ],
    ['under another join token', { instance: { joinToken: 'other' } }, 'not known'],
    ['of another machine', { instance: { machine: { method: 'azure', vmId: 'x' } } }, 'not known'],
    [
      'from the second on in which its key is over',
      { instance: { instanceKeyExpires: noon } },
      'its key has expired',
    ],
    ['that replaces an older generation', { named: { generation: 1 } }, 'another generation'],
    ['that replaces one that is to come', { named: { generation: 3 } }, 'another generation'],
    ['signed with another key', { signedBy: other.privateKey }, "not the instance key's"],
    ['signed with the key before', { signedBy: old.privateKey }, "not the instance key's"],
    [
      'that says another key than it is signed with',
      { named: { key: encodeBase64(spki(other.publicKey)) } },
      "not the instance key's",
    ],
    [
      'whose proof is over another one',
      { proof: proofBy(now.privateKey, 'another') },
      "not the instance key's",
    ],
  ])('%s', async (_, changes, why) => {
    await expect(find(changes)).rejects.toThrow(UNKNOWN);
    await expect(find(changes)).rejects.toThrow(why);
    await expect(find(changes)).rejects.toThrow(': join afresh');
  });
});

describe('where the key is all the proof there is', () => {
  const copy: Changes = {
    checks: { keyIsAllProof: true },
    named: { generation: 1, key: encodeBase64(spki(old.publicKey)) },
    signedBy: old.privateKey,
    time: formatTimestamp(NOON),
  };

  test('the key of a replaced generation in use shows a copy', async () => {
    expect(await find(copy)).toEqual({ kind: 'copied', instance });
  });

  test('and by any other method it does not', async () => {
    await expect(find({ ...copy, checks: {} })).rejects.toThrow(UNKNOWN);
  });
});
