/** What a join asks for, and of whom: of the broker whose bundle was verified. */
import { createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Broker } from '../../agent/broker.ts';
import type { Instance } from '../../agent/instance-state.ts';
import { clusterOf, createKeys, makeRequest, OWN, wishes } from '../../agent/join-request.ts';
import type { AgentSettings, HostService, Output } from '../../agent/settings.ts';
import { caPin, makeTrustBundle } from '../../shared/authority/trust-bundle.ts';
import { parseCertificationRequest } from '../../shared/encoding/certification-request.ts';
import { decodeSinglePem } from '../../shared/encoding/pem.ts';
import { verifyingKey } from '../../shared/encoding/public-key-info.ts';
import { createAuthorities } from './authorities.ts';
import { START } from './clock.ts';

const LINE = 'ssh-ed25519 AAAA';
const outputs = [
  {},
  { roles: ['access'], ttlSeconds: 60 },
  { sshHostKey: LINE },
] as unknown as readonly Output[];
const settingsOf = (host?: HostService) =>
  ({
    token: 'example-bot',
    joinMethod: 'azure',
    certificateTtlSeconds: 3600,
    caPins: [],
    outputs,
    host,
  }) as unknown as AgentSettings;

describe('is asked for:', () => {
  test("the agent's own certificate, and one for each output that is due, by its place among all", () => {
    expect(wishes(settingsOf(), outputs.slice(1))).toStrictEqual([
      { name: OWN, ttl: '1h' },
      { name: 'output-2', roles: ['access'], ttl: '1m' },
      { name: 'output-3', ssh_public_key: LINE, ttl: '1h' },
    ]);
  });

  test('the same for a host, with the key that its sshd has where there is one', () => {
    const [first = {} as Output] = outputs;
    expect(
      wishes(settingsOf({ role: 'Node', sshHostKey: LINE, notes: [] }), [first]),
    ).toStrictEqual([
      { name: OWN, type: 'host', ssh_public_key: LINE, ttl: '1h' },
      { name: 'output-1', type: 'host', ttl: '1h' },
    ]);
    expect(wishes(settingsOf({ role: 'App', notes: [] }), [])).toStrictEqual([
      { name: OWN, type: 'host', ttl: '1h' },
    ]);
  });
});

describe('a request', () => {
  const more = { instance: { id: 'i', generation: 2 } };

  test('names the broker, who joins and how, and has a proof of possession of each key', async () => {
    const keys = await createKeys(outputs.slice(0, 1));
    const request = makeRequest(settingsOf(), outputs.slice(0, 1), 'example.com', keys, more);
    expect(request).toStrictEqual({
      broker: 'example.com',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      token: 'example-bot',
      join_method: 'azure',
      role: 'Bot',
      ...more,
      certificates: [
        { name: OWN, ttl: '1h', csr: expect.any(String) },
        { name: 'output-1', ttl: '1h', csr: expect.any(String) },
      ],
    });
    const asked = request.certificates.map(({ csr }) => {
      const der = decodeSinglePem('CERTIFICATE REQUEST', csr) ?? Buffer.of();
      return verifyingKey(parseCertificationRequest(der).publicKey);
    });
    expect(asked.map((key, i) => key.equals(createPublicKey(keys[i] ?? '')))).toEqual([true, true]);
  });

  test('is that of a host where one joins, and none is like another', async () => {
    const keys = await createKeys([]);
    const host = settingsOf({ role: 'Node', notes: [] });
    const requests = [1, 2].map(() => makeRequest(host, [], 'example.com', keys, {}));
    expect(requests.map(({ role }) => role)).toEqual(['Node', 'Node']);
    expect(requests[0]?.id).not.toBe(requests[1]?.id);
  });

  test('can be made anew for the same first key', async () => {
    const [own] = await createKeys([]);
    const keys = await createKeys(outputs, own);
    expect(keys).toHaveLength(4);
    expect(keys[0]).toBe(own);
    expect(new Set(keys).size).toBe(4);
  });
});

describe('a request is for the broker', () => {
  async function setUp() {
    const authorities = await createAuthorities(START);
    const bundle = makeTrustBundle('example.com', authorities, START);
    const root = caPin(authorities.roots[0]?.publicKeyInfo ?? Buffer.of());
    let asked = 0;
    const broker = {
      trust: async () => {
        asked += 1;
        return bundle;
      },
    } as Broker;
    const trust = {
      root,
      version: 1,
      cluster: 'held.example.com',
      refreshAfter: new Date(START.getTime() + 1000).toISOString(),
    };
    const find = (caPins: readonly string[], changes?: object, now = START) => {
      const known = changes && ({ trust: { ...trust, ...changes } } as unknown as Instance);
      return clusterOf({ caPins }, known, broker, now);
    };
    return { find, root, asked: () => asked };
  }
  const ELSE = `sha256:${'0'.repeat(64)}`;

  test('of the bundle that is held, until that wants to be refreshed', async () => {
    const { find, root, asked } = await setUp();
    for (const pins of [[], [root]]) expect(await find(pins, {})).toBe('held.example.com');
    expect(asked()).toBe(0);
    const then = new Date(START.getTime() + 1000);
    expect(await find([], { root: ELSE }, then)).toBe('example.com');
    expect(asked()).toBe(1);
  });

  test('that is asked where nothing is held, or not when to ask', async () => {
    const { find } = await setUp();
    expect(await find([])).toBe('example.com');
    expect(await find([], { root: ELSE, refreshAfter: 'soon' })).toBe('example.com');
  });

  test('that is asked where what is held is of a root that does not count', async () => {
    const { find, root, asked } = await setUp();
    expect(await find([root], { root: ELSE })).toBe('example.com');
    const vouched = { root: ELSE, configured: [root], pins: [ELSE] };
    expect(await find([root], vouched)).toBe('held.example.com');
    expect(asked()).toBe(1);
  });

  test('of no bundle that is not verified', async () => {
    const { find } = await setUp();
    await expect(find([ELSE])).rejects.toMatchObject({ code: 'untrusted' });
    const newer = { cluster: 'example.com', version: Number.MAX_SAFE_INTEGER, refreshAfter: '' };
    await expect(find([], newer)).rejects.toMatchObject({ code: 'try_again' });
  });
});
