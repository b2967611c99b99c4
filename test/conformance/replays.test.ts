/** Conformance: a request counts once, for one broker, while its evidence is fresh (rows D8 and D11). */
import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createInstances } from '../../shared/storage/instances.ts';
import { botExample, createScene, type Scene } from '../broker/fixtures.ts';
import { join, joined, makeJoin } from '../broker/joiner.ts';
import type { Answer, TestBroker } from '../broker/test-broker.ts';

/** How long a document is good for, and what clocks may differ by. */
const DOCUMENT_SECONDS = 300;
const SKEW_SECONDS = 60;

const instanceCount = async ({ tables }: TestBroker): Promise<number> =>
  (await tables.instances.list({})).length;
const send = (api: TestBroker, body: unknown): Promise<Answer> =>
  api.request('POST', '/v1/join', { body });

describe('D11 a request', () => {
  test('gives, sent again, the same instance, generation and serial', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm);
    const instances = [api, api.another(), api.another()];
    const again = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        (instances[i % instances.length] ?? api).request('POST', '/v1/join', { body: first.sent }),
      ),
    );
    const { instance_id, certificates } = joined(first);
    for (const answer of again) {
      expect(joined(answer)).toMatchObject({ instance_id, generation: 1 });
      expect(leaf(answer)).toBe(leaf(first));
      expect(joined(answer).certificates[0]?.expires).toBe(certificates[0]?.expires);
    }
    expect(await instanceCount(api)).toBe(1);
  });

  test('sent 50 times at once makes one instance', async () => {
    const { api, vm } = await createScene();
    const body = await makeJoin(api, vm);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => api.request('POST', '/v1/join', { body })),
    );
    expect(new Set(answers.map((answer) => joined(answer).instance_id)).size).toBe(1);
    expect(new Set(answers.map(leaf)).size).toBe(1);
    expect(answers.every((answer) => joined(answer).generation === 1)).toBe(true);
    expect(await instanceCount(api)).toBe(1);
  });

  test('sent again gets no more than what holds by then', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm, { wish: { ttl: '1h' } });
    const role = (await api.tables.resources.read('config', 'role!access'))?.values['json'];
    const { spec, ...rest } = JSON.parse(String(role));
    await api.put({ ...rest, spec: { ...spec, options: { max_session_ttl: '10m' } } });
    const again = joined(await send(api, first.sent));
    expect(joined(first).certificates[0]?.expires).toBe('2026-11-20T13:00:00Z');
    expect(again.certificates[0]?.expires).toBe('2026-11-20T12:10:00Z');
    expect(again.generation).toBe(1);

    await api.put(botExample({ roles: [] }));
    expect(joined(await send(api, first.sent)).certificates[0]).toMatchObject({ roles: [] });
  });

  test('is answered again as long as its evidence is fresh, and not after', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm);
    api.clock.advance(DOCUMENT_SECONDS + SKEW_SECONDS);
    expect(await send(api, first.sent)).toBeAdmitted();
    api.clock.advance(1);
    expect(await send(api, first.sent)).toBeDenied(api, 'document_times');
  });

  test('counts once although its evidence is made anew', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm);
    api.clock.advance(DOCUMENT_SECONDS + 3 * SKEW_SECONDS);
    const { request } = first.sent as { request: string };
    const anew = await makeJoin(api, vm, {
      changedBody: (body) => ({
        ...body,
        request,
        azure: vm.evidence({ nonce: nonceOf(request) }),
      }),
    });
    expect(await send(api, anew)).toBeDenied(api, 'request_used');
    expect(await instanceCount(api)).toBe(1);
  });

  test('is denied with the evidence that it had once its row has been swept', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm, { wish: { ttl: '1m' } });
    api.clock.advance(2 * 3600);
    expect(await api.broker.sweep()).toBe(1);
    expect(await send(api, first.sent)).toBeDenied(api, 'document_times');
    expect(await instanceCount(api)).toBe(0);
  });

  test('of an instance that was removed by hand makes no other one', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm);
    await remove(api, joined(first).instance_id);
    expect(await send(api, first.sent)).toBeDenied(api, 'instance_removed');
    expect(await send(api.another(), first.sent)).toMatchObject({ status: 403 });
    expect(await join(api, vm, { renews: first })).toBeProblem('instance_unknown');
    expect(await join(api, vm)).toBeAdmitted();
  });

  test('makes an instance whose id comes from the request, and not from what the metadata service sees', async () => {
    const { api, vm } = await createScene();
    const first = await join(api, vm);
    const { request } = first.sent as { request: string };
    const { instance_id } = joined(first);
    expect(instance_id.replaceAll('-', '').slice(0, 8)).toBe(digestOf(request).slice(32, 40));
    expect(instance_id).not.toContain(nonceOf(request).slice(0, 8));
  });
});

describe('D8 a request that names another broker', () => {
  const TRUSTED: [string, Readonly<Record<string, unknown>>][] = [
    ['of another name', { broker: 'other.example.org' }],
    ['of a name that begins like ours', { broker: 'test.example.org.evil' }],
    ['of a name that ends like ours', { broker: 'a.test.example.org' }],
  ];
  test.each(TRUSTED)('%s is denied', async (_, request) => {
    const { api, vm } = await createScene();
    expect(await join(api, vm, { request })).toBeDenied(api, 'other_broker');
  });

  test('is denied although both brokers admit the machine', async () => {
    const scene: Scene = await createScene();
    const { api, vm } = scene;
    const captured = await makeJoin(api, vm);
    const settings = { JOIN_BROKER_CLUSTER_NAME: 'second.example.org' };
    const second = await createScene({ cloud: api.cloud, clock: api.clock, settings });
    expect(await send(second.api, captured)).toBeDenied(second.api, 'other_broker');
  });
});

async function remove({ tables }: TestBroker, id: string): Promise<void> {
  const instances = createInstances(tables.instances);
  const stored = await instances.read('bot:example', id);
  if (!stored || 'removed' in stored) throw new Error('there is no such instance');
  expect(await instances.remove(stored.instance, stored.etag)).toBe(true);
}

const digestOf = (request: string): string =>
  createHash('sha256').update(`join-broker-v1\n${request}`).digest('hex');
const nonceOf = (request: string): string => digestOf(request).slice(0, 32);

/** The certificate's serial number and times, without its signature, which is never the same twice. */
const leaf = (answer: Answer): string => {
  const { serialNumber, validFrom, validTo, publicKey } = new X509Certificate(
    joined(answer).certificates[0]?.tls ?? '',
  );
  const key = publicKey.export({ format: 'pem', type: 'spki' });
  return JSON.stringify([serialNumber, validFrom, validTo, key]);
};
