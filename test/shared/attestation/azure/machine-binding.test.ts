/** What binds a document to a token: each test changes one thing of a machine that is bound. */
import { describe, expect, test } from 'vitest';
import {
  type BindingEvidence,
  bindByClaims,
  bindStrictly,
  readClaimedMachine,
  recallMachine,
  type VerifiedFacts,
} from '../../../../shared/attestation/azure/machine-binding.ts';
import {
  type MachineDescription,
  type MachineDirectory,
  refusedHere,
} from '../../../../shared/attestation/azure/machine-directory.ts';
import { parseMachineId } from '../../../../shared/attestation/azure/resource-id.ts';
import type { DenialReason } from '../../../../shared/protocol/denial-reason.ts';
import { type Refusal, unavailable } from '../../../../shared/refusal.ts';

const guid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const SUBSCRIPTION = guid(1);
const inGroup = (path: string, group = 'group1', subscription = SUBSCRIPTION): string =>
  `/subscriptions/${subscription}/resourcegroups/${group}/providers/${path}`;
const vm = (name: string, group?: string, subscription?: string): string =>
  inGroup(`microsoft.compute/virtualmachines/${name}`, group, subscription);
const set = (name: string): string => inGroup(`microsoft.compute/virtualmachinescalesets/${name}`);
const identity = (name: string): string =>
  inGroup(`microsoft.managedidentity/userassignedidentities/${name}`);

interface Changes {
  readonly document?: Partial<BindingEvidence['document']>;
  readonly identity?: Partial<BindingEvidence['identity']>;
  readonly hint?: string | undefined;
}

/** Evidence of `vm-a`, whose system-assigned identity the token is of. */
const evidence = (changes: Changes = {}): BindingEvidence => ({
  document: { vmId: guid(2), subscriptionId: SUBSCRIPTION, ...changes.document },
  identity: {
    tenant: guid(3),
    oid: guid(4),
    machineClaim: undefined,
    identityClaim: vm('vm-a'),
    tokenId: undefined,
    ...changes.identity,
  },
  hint: 'hint' in changes ? changes.hint : vm('vm-a'),
});

const facts: VerifiedFacts = {
  vmId: guid(2),
  tenant: guid(3),
  subscription: SUBSCRIPTION,
  resourceGroup: 'group1',
  resourceId: vm('vm-a'),
  name: 'vm-a',
  oid: guid(4),
  binding: 'strict',
};

/** The reason of a denial; `bound` if there is none. */
async function outcomeOf(bind: () => unknown): Promise<DenialReason | 'bound'> {
  try {
    await bind();
    return 'bound';
  } catch (error) {
    return (error as { reason: DenialReason }).reason;
  }
}

describe('by claims alone', () => {
  const bind = (changes: Changes) => () => {
    const all = evidence(changes);
    return bindByClaims(all, readClaimedMachine(all));
  };

  test('a machine that the token names is bound, with a hint and without', () => {
    expect(bind({})()).toEqual({ ...facts, binding: 'claims' });
    expect(bind({ hint: undefined })()).toEqual({ ...facts, binding: 'claims' });
  });

  test('an instance of a uniform set is bound, whose set the token names', () => {
    const hint = `${set('set-u')}/virtualmachines/7`;
    expect(bind({ hint, identity: { identityClaim: set('set-u') } })()).toMatchObject({
      name: 'set-u_7',
      resourceId: hint,
    });
  });

  test('a set that the token names is bound as a whole, as it names no instance', () => {
    const bound = bind({ hint: undefined, identity: { identityClaim: set('set-u') } })();
    expect(bound).toMatchObject({ name: 'set-u', scaleSet: 'set-u', resourceId: set('set-u') });
    expect(bound).not.toHaveProperty('instanceNumber');
  });

  test.each<[string, Changes, DenialReason]>([
    [
      'a token that names no machine, with a hint',
      { identity: { identityClaim: undefined } },
      'machine_mismatch',
    ],
    [
      'a token that names no machine, with the hint of another group',
      { identity: { identityClaim: undefined }, hint: vm('vm-a', 'prod') },
      'machine_mismatch',
    ],
    [
      'neither claim nor hint',
      { identity: { identityClaim: undefined }, hint: undefined },
      'machine_mismatch',
    ],
    [
      'a token that names its identity only',
      { identity: { identityClaim: identity('uami') } },
      'machine_mismatch',
    ],
    [
      'a token that names a flexible set, with the hint of a machine',
      { identity: { identityClaim: set('set-f') } },
      'machine_mismatch',
    ],
    [
      "a token that names a flexible set, with the hint of another group's machine",
      { identity: { identityClaim: set('set-f') }, hint: vm('vm-a', 'prod') },
      'machine_mismatch',
    ],
    ['the hint of another machine', { hint: vm('vm-b') }, 'machine_mismatch'],
    ['the hint of another group', { hint: vm('vm-a', 'prod') }, 'machine_mismatch'],
    [
      'a document of another subscription',
      { document: { subscriptionId: guid(9) } },
      'machine_mismatch',
    ],
    [
      'two claims of two machines',
      { identity: { machineClaim: vm('vm-b') }, hint: undefined },
      'machine_mismatch',
    ],
    [
      'the claim of something that is no machine',
      { identity: { machineClaim: inGroup('microsoft.web/sites/site') } },
      'access_token_not_machine',
    ],
    [
      'a user-assigned identity where the machine should stand',
      { identity: { machineClaim: identity('uami') } },
      'access_token_not_machine',
    ],
  ])('not with %s', async (_, changes, reason) => {
    expect(await outcomeOf(bind(changes))).toBe(reason);
  });
});

describe('strictly', () => {
  const described: MachineDescription = {
    id: parseMachineId(vm('vm-a')) ?? { kind: 'vm', subscription: '', group: '', vm: '' },
    vmId: guid(2),
    scaleSet: undefined,
    location: 'westeurope',
    identities: [{ principalId: guid(4), resourceId: undefined }],
  };
  const bind = (changes: Changes, answer: Partial<MachineDescription> | undefined) => () => {
    const find = async () => answer && { ...described, ...answer };
    const directory: MachineDirectory = { read: find, findInSet: find, findInSubscription: find };
    const all = evidence(changes);
    return bindStrictly(all, readClaimedMachine(all), directory);
  };
  const elsewhere = parseMachineId(vm('vm-a', 'group1', guid(9)));
  const userAssigned = [{ principalId: guid(4), resourceId: identity('uami') }];

  test.each<[string, Changes, Partial<MachineDescription>]>([
    ['with hint and claim', {}, {}],
    ['without a hint', { hint: undefined }, {}],
    ['without a claim', { identity: { identityClaim: undefined } }, {}],
    ['with neither', { hint: undefined, identity: { identityClaim: undefined } }, {}],
    [
      'with an identity that it carries, named in another case',
      { identity: { identityClaim: identity('UAMI') } },
      { identities: userAssigned },
    ],
    [
      'with an identity that it carries and the token does not name',
      {},
      { identities: userAssigned },
    ],
    [
      'as a machine of the flexible set that the token names',
      { identity: { identityClaim: set('set-f') } },
      { scaleSet: set('set-f') },
    ],
  ])('a machine is bound %s', async (_, changes, answer) => {
    expect(await bind(changes, answer)()).toMatchObject(facts);
  });

  test('a machine of a flexible set is one of it, and any other of none', async () => {
    expect(await bind({}, { scaleSet: set('set-f') })()).toMatchObject({ scaleSet: 'set-f' });
    for (const scaleSet of [undefined, vm('vm-b')])
      expect(await bind({}, { scaleSet })()).not.toHaveProperty('scaleSet');
  });

  test.each<[string, Changes, Partial<MachineDescription> | undefined, DenialReason]>([
    [
      'is of no set, while the token names one that is called undefined',
      { identity: { identityClaim: set('undefined') } },
      {},
      'machine_mismatch',
    ],
    ['nobody knows', {}, undefined, 'machine_not_found'],
    ['has another vmId', {}, { vmId: guid(8) }, 'machine_mismatch'],
    [
      'lies in another subscription',
      { hint: undefined, identity: { identityClaim: undefined } },
      elsewhere ? { id: elsewhere } : {},
      'machine_mismatch',
    ],
    [
      'has another identity',
      {},
      { identities: [{ principalId: guid(8), resourceId: undefined }] },
      'machine_identity',
    ],
    ['has no identity', {}, { identities: [] }, 'machine_identity'],
    [
      'carries an identity of another name',
      { identity: { identityClaim: identity('other') } },
      { identities: userAssigned },
      'machine_identity',
    ],
    [
      'is of no set, while the token names one',
      { identity: { identityClaim: set('set-f') } },
      {},
      'machine_mismatch',
    ],
    [
      'is of another set than the token names',
      { identity: { identityClaim: set('set-f') } },
      { scaleSet: set('set-g') },
      'machine_mismatch',
    ],
    [
      'is another one than the claim without a hint names',
      { hint: undefined, identity: { identityClaim: vm('vm-b') } },
      {},
      'machine_mismatch',
    ],
  ])('a machine is not bound that %s', async (_, changes, answer, reason) => {
    expect(await outcomeOf(bind(changes, answer))).toBe(reason);
  });
});

describe('what is named is refused before anybody is asked:', () => {
  test.each<[string, Changes]>([
    ['a hint that is no resource id', { hint: 'vm-a' }],
    ['the hint of a scale set', { hint: set('set-u'), identity: { identityClaim: undefined } }],
    [
      'the hint of a machine, where the token names a set of another subscription',
      {
        identity: {
          identityClaim: inGroup(
            'microsoft.compute/virtualmachinescalesets/set-f',
            'group1',
            guid(9),
          ),
        },
      },
    ],
    [
      "the hint of another set's instance than the token names",
      {
        hint: `${set('set-v')}/virtualmachines/7`,
        identity: { identityClaim: set('set-u') },
      },
    ],
  ])('%s', async (_, changes) => {
    expect(await outcomeOf(() => readClaimedMachine(evidence(changes)))).toBe('machine_mismatch');
  });

  test('but not a claim of the same machine twice', () => {
    const twice = evidence({ identity: { machineClaim: vm('VM-A') } });
    expect(readClaimedMachine(twice).claims).toHaveLength(2);
  });
});

test.each<[string, Changes, string]>([
  ['the machine that the hint names is read', {}, 'read'],
  [
    'a set that the token names is searched',
    { hint: undefined, identity: { identityClaim: set('set-u') } },
    'set',
  ],
  [
    'where nothing names it, the subscription is searched',
    { hint: undefined, identity: { identityClaim: undefined } },
    'subscription',
  ],
])('%s', async (_, changes, wanted) => {
  const asked: string[] = [];
  const answer = (how: string) => async () => {
    asked.push(how);
    return undefined;
  };
  const directory: MachineDirectory = {
    read: answer('read'),
    findInSet: answer('set'),
    findInSubscription: answer('subscription'),
  };
  const all = evidence(changes);
  const bound = () => bindStrictly(all, readClaimedMachine(all), directory);
  expect(await outcomeOf(bound)).toBe('machine_not_found');
  expect(asked).toEqual([wanted]);
});

describe('a question that the management API refuses', () => {
  const instance = `${set('set-u')}/virtualmachines/7`;
  const asked = async (changes: Changes, error: Refusal): Promise<unknown> => {
    const fail = async (): Promise<never> => {
      throw error;
    };
    const directory: MachineDirectory = { read: fail, findInSet: fail, findInSubscription: fail };
    const all = evidence(changes);
    const bound = bindStrictly(all, readClaimedMachine(all), directory);
    return bound.then(
      () => 'bound',
      (refusal) => refusal,
    );
  };

  test.each<[string, Changes]>([
    ['by a hint alone', { identity: { identityClaim: undefined } }],
    [
      'by a hint, of an instance of the set that the token names',
      { hint: instance, identity: { identityClaim: set('set-u') } },
    ],
    ['by saying nothing', { hint: undefined, identity: { identityClaim: undefined } }],
  ])("is the caller's own doing, where it was chosen %s", async (_, changes) => {
    const refusal = await asked(changes, refusedHere('no', 7));
    expect(refusal).toMatchObject({ code: 'unavailable', callersDoing: true, retryAfter: 7 });
  });

  test.each<[string, Changes]>([
    ['the machine', {}],
    ['the set', { hint: undefined, identity: { identityClaim: set('set-u') } }],
  ])('is not, where the token names %s', async (_, changes) => {
    const refusal = refusedHere('no', 7);
    expect(await asked(changes, refusal)).toBe(refusal);
  });

  test('is not, where the API only gives no answer', async () => {
    const refusal = unavailable('down', 7);
    expect(await asked({ hint: undefined, identity: { identityClaim: undefined } }, refusal)).toBe(
      refusal,
    );
  });
});

test('an instance of a uniform set is one of the set that the token names, and of no other', async () => {
  const id = parseMachineId(`${set('set-u')}/virtualmachines/7`);
  if (!id) throw new Error('no instance');
  const found = async (): Promise<MachineDescription> => ({
    id,
    vmId: guid(2),
    scaleSet: undefined,
    location: undefined,
    identities: [{ principalId: guid(4), resourceId: undefined }],
  });
  const directory: MachineDirectory = {
    read: found,
    findInSet: found,
    findInSubscription: found,
  };
  const bind = (identityClaim: string) => {
    const all = evidence({ hint: undefined, identity: { identityClaim } });
    return bindStrictly(all, readClaimedMachine(all), directory);
  };
  expect(await bind(set('set-u'))).toMatchObject({
    name: 'set-u_7',
    scaleSet: 'set-u',
    instanceNumber: '7',
  });
  expect(await outcomeOf(() => bind(set('set-v')))).toBe('machine_mismatch');
});

test('tags are kept up to 4,096 characters of JSON, and not beyond', async () => {
  const id = parseMachineId(vm('vm-a'));
  if (!id) throw new Error('no machine');
  const tagsOf = async (length: number) => {
    const found = async (): Promise<MachineDescription> => ({
      id,
      vmId: guid(2),
      scaleSet: undefined,
      location: undefined,
      identities: [{ principalId: guid(4), resourceId: undefined }],
      tags: { a: 'x'.repeat(length - '{"a":""}'.length) },
    });
    const directory: MachineDirectory = {
      read: found,
      findInSet: found,
      findInSubscription: found,
    };
    const all = evidence();
    return (await bindStrictly(all, readClaimedMachine(all), directory)).tags;
  };
  expect(await tagsOf(4096)).toHaveLength(4096);
  expect(await tagsOf(4097)).toBeUndefined();
});

describe('a machine that was bound lately', () => {
  const recall = (changes: Changes, record: Partial<VerifiedFacts> = {}) => {
    const all = evidence(changes);
    return recallMachine(all, readClaimedMachine(all), { ...facts, ...record });
  };
  const hidden: Changes = { hint: undefined, identity: { identityClaim: undefined } };

  test('is the same one, with a hint and without', () => {
    expect(recall({})).toEqual(facts);
    expect(recall(hidden)).toEqual(facts);
  });

  test.each<[string, Changes, Partial<VerifiedFacts>]>([
    ['vmId', {}, { vmId: guid(8) }],
    ['subscription', hidden, { subscription: guid(8) }],
    ['tenant', {}, { tenant: guid(8) }],
    ['identity', {}, { oid: guid(8) }],
    ['resource id', {}, { resourceId: vm('vm-b') }],
  ])('is another one with another %s', (_, changes, record) => {
    expect(recall(changes, record)).toBeUndefined();
  });
});
