/** Requests that follow each other: which go on from what is held, and whether they ask for what is wanted. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Instance } from '../../../agent/instance-state.ts';
import type { AgentSettings } from '../../../agent/settings.ts';
import { asksFor, continuing, replacedKey } from '../../../agent/token/chain.ts';
import type { PendingRequest } from '../../../agent/token/pending-requests.ts';

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const held = { generation: 3, key: newKey() } as Instance;
/** A request that replaces this generation; a first join replaces none. */
const replacing = (generation?: number, certificates: readonly object[] = []): PendingRequest =>
  ({
    request: { certificates, ...(generation !== undefined && { instance: { generation } }) },
    keys: [newKey()],
  }) as unknown as PendingRequest;

describe('what goes on from the generation that is held', () => {
  const [first, second, third] = [replacing(), replacing(1), replacing(2)];
  const [fourth, fifth] = [replacing(3), replacing(4)];
  test.each<[string, readonly PendingRequest[], Instance | undefined, readonly PendingRequest[]]>([
    ['begins with what replaces it', [third, fourth, fifth], held, [fourth, fifth]],
    ['is nothing where nothing replaces it', [first, fifth], held, []],
    ['is a first join where none is held', [first, second], undefined, [first, second]],
  ])('%s', (_, requests, instance, expected) => {
    expect(continuing(requests, instance)).toEqual(expected);
  });
});

test('each is signed with the key that the one before it asks certificates for', () => {
  const chain = [replacing(3), replacing(4)];
  expect(replacedKey(chain, 0, held)).toBe(held.key);
  expect(replacedKey(chain, 1, held)).toBe(chain[0]?.keys[0]);
  expect(replacedKey(chain, 0, undefined)).toBeUndefined();
});

describe('a request asks for what is wanted', () => {
  const output = { roles: ['access'], ttlSeconds: 60, sshHostKey: 'ssh-ed25519 AAAA' };
  const settings = { outputs: [output], certificateTtlSeconds: 3600 } as unknown as AgentSettings;
  const wanted = { settings, due: settings.outputs };
  const own = { name: 'identity', ttl: '1h' };
  const other = {
    name: 'output-1',
    ssh_public_key: 'ssh-ed25519 AAAA',
    roles: ['access'],
    ttl: '1m',
  };

  test('all of it, and what else there is does not matter', () => {
    expect(asksFor(replacing(1, [own, other]), wanted)).toBe(true);
    expect(asksFor(replacing(1, [other, own, { name: 'more' }]), wanted)).toBe(true);
  });

  test.each<[string, readonly object[]]>([
    ['without one of them', [own]],
    ['for another type', [own, { ...other, type: 'host' }]],
    ['for another SSH key', [own, { ...other, ssh_public_key: 'ssh-ed25519 BBBB' }]],
    ['for other roles', [own, { ...other, roles: ['access', 'more'] }]],
    ['for another time', [own, { ...other, ttl: '1m1s' }]],
    ['by another name', [own, { ...other, name: 'output-2' }]],
  ])('not %s', (_, certificates) => {
    expect(asksFor(replacing(1, certificates), wanted)).toBe(false);
  });

  test('not where there is none', () => {
    expect(asksFor(undefined, wanted)).toBe(false);
  });
});
