import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { azureEvidence } from '../../../shared/protocol/evidence.ts';
import { parseWith } from '../../../shared/protocol/schema.ts';
import { smallCloud } from './fixture.ts';

const contentOf = ({ signature }: { readonly signature: string }): string =>
  Buffer.from(signature, 'base64').toString('latin1');

describe('evidence', () => {
  const { cloud, systemVm, userVm } = smallCloud();

  test('is what the protocol asks for', () => {
    const evidence = systemVm.evidence({ nonce: 'abc' });
    expect(parseWith(azureEvidence, evidence)).toEqual({ ok: true, value: evidence });
    expect(contentOf(evidence.attested_data)).toContain('"nonce":"abc"');
    expect(evidence.resource_id).toBe(systemVm.resourceId);
    expect(evidence.intermediates.map((text) => Buffer.from(text, 'base64'))).toEqual(
      systemVm.intermediates.map(Buffer.from),
    );
  });

  test('brings the intermediates of the chain that signs, or those that a test gives', () => {
    const chain = cloud.signingChain({ issuing: { pathLengthExceeded: true } });
    expect(systemVm.evidence({ chain }).intermediates).toHaveLength(2);
    expect(systemVm.evidence({ chain, intermediates: [] }).intermediates).toEqual([]);
  });

  test("takes another machine's token, or options for its own", () => {
    const token = userVm.accessToken();
    expect(systemVm.evidence({ token }).access_token).toBe(token);
    const { access_token } = systemVm.evidence({ token: { resource: 'r' } });
    expect(decodeJwt(access_token)['aud']).toBe('r');
  });

  test('has another hint, or none', () => {
    expect(systemVm.evidence({ resourceId: userVm.resourceId }).resource_id).toBe(
      userVm.resourceId,
    );
    expect(systemVm.evidence({ resourceId: null })).not.toHaveProperty('resource_id');
  });
});

test('a machine has the ids that it is given, in lower case', () => {
  const { cloud } = smallCloud();
  const tenant = cloud.tenant({ id: 'AAAAAAAA-0000-0000-0000-000000000000' });
  const subscription = tenant.subscription({ id: 'BBBBBBBB-0000-0000-0000-000000000000' });
  const vmId = 'CCCCCCCC-0000-0000-0000-000000000000';
  const vm = subscription.virtualMachine('vm', { resourceGroup: 'g', vmId });
  expect([vm.tenant.id, vm.subscription.id, vm.vmId]).toEqual([
    'aaaaaaaa-0000-0000-0000-000000000000',
    'bbbbbbbb-0000-0000-0000-000000000000',
    'cccccccc-0000-0000-0000-000000000000',
  ]);
});

test('instances of a flexible set are virtual machines, those of a uniform set are not', () => {
  const { subscription, identity } = smallCloud();
  const options = { resourceGroup: 'group1', systemAssigned: true, identities: [identity] };
  const flexible = subscription.scaleSet('set-f', { ...options, mode: 'Flexible' });
  const uniform = subscription.scaleSet('set-u', { ...options, mode: 'Uniform' });
  const [a, b, c, d] = [
    flexible.instance(),
    flexible.instance(),
    uniform.instance(),
    uniform.instance(),
  ];
  expect(subscription.virtualMachines.map(({ name }) => name)).toContain(a.name);
  expect([...flexible.instances.values()]).toEqual([a, b]);
  expect(a.identities.systemAssigned).not.toEqual(b.identities.systemAssigned);
  expect(c.identities).toBe(uniform.identities);
  expect(d.resourceId).toBe(`${uniform.resourceId}/virtualMachines/1`);
  expect([a.scaleSet, c.scaleSet]).toEqual([flexible, uniform]);
});
