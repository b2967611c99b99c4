/** Conformance: an instance renews itself, with evidence of its machine and with the key that it has (rows G5 and more). */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { botExample, createScene, joinToken, type Scene } from '../broker/fixtures.ts';
import {
  type Attempt,
  certificationRequest,
  type JoinOptions,
  join,
  joined,
  newKey,
} from '../broker/joiner.ts';
import { sharedRsaKeys } from '../shared-rsa-keys.ts';

/** How long a denial by the management API is remembered. */
const NEGATIVE_SECONDS = 5;

interface JoinedScene extends Scene {
  readonly first: Attempt;
  readonly instanceId: string;
  /** Renews with the right instance and key, unless told otherwise. */
  renew(options?: JoinOptions): Promise<Attempt>;
}

async function joinedScene(options: JoinOptions = {}): Promise<JoinedScene> {
  const scene = await createScene();
  const first = await join(scene.api, scene.vm, options);
  const { instance_id: instanceId } = joined(first);
  return {
    ...scene,
    first,
    instanceId,
    renew: (more = {}) => join(scene.api, scene.vm, { renews: first, ...more }),
  };
}

describe('a renewal', () => {
  test('keeps the instance and counts its generation up', async () => {
    const { api, vm, first, instanceId } = await joinedScene();
    let newest = first;
    for (let generation = 2; generation <= 5; generation += 1) {
      const attempt = await join(api, vm, { renews: newest });
      expect(joined(attempt)).toMatchObject({
        bot: 'example',
        instance_id: instanceId,
        generation,
      });
      expect(api.audit.at(-1)).toMatchObject({ instance_id: instanceId, generation });
      newest = attempt;
    }
    expect(await api.tables.instances.list({})).toHaveLength(1);
  });

  test('may keep its key', async () => {
    const { first, renew } = await joinedScene();
    const second = await renew({ key: first.key });
    expect(joined(await renew({ renews: second }))).toMatchObject({ generation: 3 });
  });

  test.each([
    ['Ed25519', () => generateKeyPairSync('ed25519').privateKey],
    ['RSA', () => sharedRsaKeys().keyPair('certificate').privateKey],
    ['ECDSA P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
  ] satisfies [string, () => KeyObject][])('is proved with a key of %s', async (_, makeKey) => {
    const { renew } = await joinedScene({ key: makeKey() });
    expect(await renew()).toBeAdmitted();
  });

  test('within six hours asks nobody, even of a function instance that never saw the machine', async () => {
    const { api, vm, first } = await joinedScene({ wish: { ttl: '24h' } });
    const other = api.another();
    // Fetches the directory's keys, and is denied before the machine is looked up.
    await join(other, vm, { evidence: { resourceId: `${vm.resourceId}-gone` } });
    api.cloud.calls.clear();
    api.clock.advance(6 * 3600 - 1);
    expect(await join(other, vm, { renews: first })).toBeAdmitted();
    expect(api.cloud.calls.all).toEqual([]);
  });

  test('after the join token became strict asks the management API', async () => {
    const { api, vm, subscription } = await createScene();
    const allow = [{ subscription: subscription.id }];
    await api.put(joinToken({ allow, azure: { vm_binding: 'claims' } }));
    const first = await join(api, vm);
    await api.put(joinToken({ allow }));
    vm.remove();
    expect(await join(api, vm, { renews: first })).toBeDenied(api, 'machine_not_found');
  });

  test('with the token of another identity asks the management API', async () => {
    const { api, vm, subscription, first } = await joinedScene();
    const identity = subscription.userAssignedIdentity('uami-1', { resourceGroup: 'group1' });
    const options = { renews: first, evidence: { token: { identity } } };
    expect(await join(api, vm, options)).toBeDenied(api, 'machine_identity');
    vm.assign(identity);
    api.clock.advance(NEGATIVE_SECONDS);
    expect(await join(api, vm, options)).toBeAdmitted();
  });

  test('after six hours asks the management API, and is denied where the machine has changed', async () => {
    const { api, vm, renew } = await joinedScene({ wish: { ttl: '24h' } });
    vm.recreate();
    api.clock.advance(6 * 3600);
    expect(await renew()).toBeDenied(api, 'machine_mismatch');
  });

  test('is denied where the join token does not admit the machine any more', async () => {
    const { api, subscription, renew } = await joinedScene();
    const allow = [{ subscription: subscription.id, resource_groups: ['group2'] }];
    await api.put(joinToken({ allow }));
    expect(await renew()).toBeDenied(api, 'rule_mismatch');
  });

  test('with as many certificates as there may be, again and again, is put off before its row is full', async () => {
    const { api, first, renew } = await joinedScene();
    const csr = certificationRequest(first.key);
    const certificates = Array.from({ length: 16 }, (_, i) => ({
      name: `${String(i).padStart(2, '0')}-${'x'.repeat(60)}`,
      csr,
    }));
    const attempts: Attempt[] = [];
    const admitted = () => attempts.filter(({ status }) => status === 200);
    const renewAll = async () => {
      const { generation } = joined(admitted().at(-1) ?? first);
      return renew({ key: first.key, instance: { generation }, request: { certificates } });
    };
    do attempts.push(await renewAll());
    while (attempts.at(-1)?.status === 200 && attempts.length < 50);
    expect(attempts.length).toBeGreaterThan(5);
    expect(attempts.at(-1)).toBeProblem('try_again');

    api.clock.advance(420);
    expect(joined(await renewAll())).toMatchObject({ generation: attempts.length + 1 });
  });
});

describe('a renewal without', () => {
  test('a proof is refused', async () => {
    const { api, vm, instanceId } = await joinedScene();
    const instance = { id: instanceId, generation: 1 };
    expect(await join(api, vm, { instance })).toBeProblem('bad_request', 'proof');
  });

  test('base64 in its proof is refused', async () => {
    const { renew } = await joinedScene();
    const attempt = await renew({ changedBody: (body) => ({ ...body, proof: 'not base64!' }) });
    expect(attempt).toBeProblem('bad_request', 'proof');
  });

  test('an instance in its request is refused', async () => {
    const { api, vm, first } = await joinedScene();
    const attempt = await join(api, vm, { proofKey: first.key });
    expect(attempt).toBeProblem('bad_request', 'proof');
  });

  test('evidence is refused', async () => {
    const { renew } = await joinedScene();
    const attempt = await renew({ changedBody: ({ azure: _, ...body }) => body });
    expect(attempt).toBeProblem('bad_request', 'azure');
  });
});

const OWN = { resourceGroup: 'group1', systemAssigned: true } as const;

describe('G5 a renewal gets 409 instance_unknown where it is proved by', () => {
  test('another key', async () => {
    const { renew } = await joinedScene();
    expect(await renew({ proofKey: newKey() })).toBeProblem('instance_unknown');
  });

  test("the key of an output, in place of the instance's", async () => {
    const [instanceKey, outputKey] = [newKey(), newKey()];
    const certificates = [
      { name: 'identity', csr: certificationRequest(instanceKey) },
      { name: 'output', csr: certificationRequest(outputKey) },
    ];
    const { renew } = await joinedScene({ key: instanceKey, request: { certificates } });
    expect(await renew({ proofKey: outputKey })).toBeProblem('instance_unknown');
    expect(await renew({ proofKey: instanceKey })).toBeAdmitted();
  });

  test('the instance key of another instance', async () => {
    const { api, vm, renew } = await joinedScene();
    const other = await join(api, vm);
    expect(await renew({ proofKey: other.key })).toBeProblem('instance_unknown');
  });

  test('the key that it asks a certificate for', async () => {
    const { renew } = await joinedScene();
    const key = newKey();
    expect(await renew({ key, proofKey: key })).toBeProblem('instance_unknown');
  });

  test('the key of the generation before', async () => {
    const { first, renew } = await joinedScene();
    const second = await renew();
    const instance = { generation: 2 };
    expect(await renew({ instance, proofKey: first.key })).toBeProblem('instance_unknown');
    expect(await renew({ renews: second })).toBeAdmitted();
  });

  test('its own key, over another request', async () => {
    const { first, renew } = await joinedScene();
    const second = await renew({ key: first.key });
    const { proof } = second.sent as { proof: string };
    const attempt = await renew({ renews: second, changedBody: (body) => ({ ...body, proof }) });
    expect(attempt).toBeProblem('instance_unknown');
  });

  test('an empty signature', async () => {
    const { renew } = await joinedScene();
    const attempt = await renew({ changedBody: (body) => ({ ...body, proof: '' }) });
    expect(attempt).toBeProblem('instance_unknown');
  });

  test('its own key, from the second of its expiry on', async () => {
    const { api, first, renew } = await joinedScene({ wish: { ttl: '10m' } });
    api.clock.advance(599);
    const second = await renew({ key: first.key, wish: { ttl: '1s' } });
    expect(second).toBeAdmitted();
    api.clock.advance(1);
    expect(await renew({ renews: second })).toBeProblem('instance_unknown');
  });
});

describe('a renewal gets 409 instance_unknown where it is', () => {
  test('of an instance that never was', async () => {
    const { renew } = await joinedScene();
    expect(await renew({ instance: { id: crypto.randomUUID() } })).toBeProblem('instance_unknown');
  });

  test('of an instance that was swept away', async () => {
    const { api, renew } = await joinedScene({ wish: { ttl: '1h' } });
    api.clock.advance(3 * 3600);
    expect(await api.broker.sweep()).toBe(1);
    expect(await renew()).toBeProblem('instance_unknown');
  });

  test('made under another join token of the same bot', async () => {
    const { api, subscription, renew } = await joinedScene();
    await api.put(joinToken({ name: 'second', allow: [{ subscription: subscription.id }] }));
    expect(await renew({ token: 'second' })).toBeProblem('instance_unknown');
  });

  test('made under a join token of another bot', async () => {
    const { api, subscription, renew } = await joinedScene();
    await api.put({ ...botExample(), metadata: { name: 'another' } });
    const spec = { bot_name: 'another' };
    await api.put(joinToken({ name: 'second', allow: [{ subscription: subscription.id }], spec }));
    expect(await renew({ token: 'second' })).toBeProblem('instance_unknown');
  });

  test('of another machine, although its key is right', async () => {
    const { api, subscription, first, renew } = await joinedScene();
    const thief = subscription.virtualMachine('vm-b', OWN);
    const attempt = await join(api, thief, { renews: first });
    expect(attempt).toBeProblem('instance_unknown');
    expect(await renew()).toBeAdmitted();
  });
});

test('a refused renewal changes nothing: the instance renews itself as before', async () => {
  const { api, renew } = await joinedScene();
  const [before] = await api.tables.instances.list({});
  await renew({ proofKey: newKey() });
  await renew({ evidence: { document: { changedSignature: true } } });
  await renew({ wish: { roles: ['editor'] } });
  expect(await api.tables.instances.list({})).toEqual([before]);
  expect(joined(await renew())).toMatchObject({ generation: 2 });
});

test('the agent joins afresh after 409 instance_unknown, as another instance', async () => {
  const { api, vm, instanceId, renew } = await joinedScene();
  expect(await renew({ proofKey: newKey() })).toBeProblem('instance_unknown');
  const again = joined(await join(api, vm));
  expect(again.generation).toBe(1);
  expect(again.instance_id).not.toBe(instanceId);
});
