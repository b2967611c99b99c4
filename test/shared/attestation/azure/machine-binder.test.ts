/** For how long what was found out about a machine is good, and what a denial keeps from being asked again (rule 7). */
import { describe, expect, test } from 'vitest';
import { createMachineBinder } from '../../../../shared/attestation/azure/machine-binder.ts';
import {
  type BindingEvidence,
  readClaimedMachine,
} from '../../../../shared/attestation/azure/machine-binding.ts';
import {
  type MachineDescription,
  unavailableHere,
} from '../../../../shared/attestation/azure/machine-directory.ts';
import { unavailable } from '../../../../shared/refusal.ts';
import { createClock, NOON } from '../../../broker/test-broker.ts';

const guid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const SUBSCRIPTION = guid(1);
const [VM_ID, TENANT, OID] = [guid(2), guid(3), guid(4)];
const idOf = (name: string): string =>
  `/subscriptions/${SUBSCRIPTION}/resourcegroups/group1/providers/microsoft.compute/virtualmachines/${name}`;
const SIX_HOURS = 6 * 3600;

const DESCRIBED: MachineDescription = {
  id: { kind: 'vm', subscription: SUBSCRIPTION, group: 'group1', vm: 'vm-a' },
  vmId: VM_ID,
  scaleSet: undefined,
  location: 'westeurope',
  identities: [{ principalId: OID, resourceId: undefined }],
};

interface Changes {
  readonly vmId?: string;
  readonly tenant?: string;
  readonly oid?: string;
  readonly hint?: string | undefined;
}

const evidence = (changes: Changes = {}): BindingEvidence => {
  const { vmId = VM_ID, tenant = TENANT, oid = OID } = changes;
  return {
    document: { vmId, subscriptionId: SUBSCRIPTION },
    identity: {
      tenant,
      oid,
      machineClaim: undefined,
      identityClaim: 'hint' in changes ? undefined : idOf('vm-a'),
      tokenId: undefined,
    },
    hint: changes.hint,
  };
};

function createScene() {
  const clock = createClock();
  const lookups: string[] = [];
  const asked = { count: 0 };
  let answer: () => Promise<MachineDescription | undefined> = async () => DESCRIBED;
  const ask = () => {
    asked.count += 1;
    return answer();
  };
  const directory = { read: ask, findInSet: ask, findInSubscription: ask };
  const binder = createMachineBinder(directory, clock.now, (found) => lookups.push(found));
  type Bind = Parameters<typeof binder.bind>;
  const bind = (changes: Changes = {}, binding: Bind[2] = 'strict', record?: Bind[3]) => {
    const all = evidence(changes);
    return binder.bind(all, readClaimedMachine(all), binding, record);
  };
  const refusalOf = (changes: Changes = {}): Promise<unknown> =>
    bind(changes).catch((error: unknown) => error);
  return {
    clock,
    lookups,
    asked,
    bind,
    refusalOf,
    answers(next: () => Promise<MachineDescription | undefined>) {
      answer = next;
    },
  };
}

describe('a machine that was bound strictly', () => {
  test('is known for six hours, as of when the management API was asked', async () => {
    const { clock, lookups, asked, bind } = createScene();
    const first = await bind();
    expect(first).toMatchObject({ machine: { vmId: VM_ID, binding: 'strict' }, verified: NOON });
    clock.advance(SIX_HOURS - 1);
    expect(await bind()).toEqual(first);
    expect(asked.count).toBe(1);
    clock.advance(1);
    expect((await bind()).verified).toEqual(clock.now());
    expect(asked.count).toBe(2);
    expect(lookups).toEqual(['miss', 'hit', 'miss']);
  });

  test.each<[string, Changes]>([
    ['of another vmId', { vmId: guid(9) }],
    ['of another tenant', { tenant: guid(9) }],
    ['with another identity', { oid: guid(9) }],
    ['with the hint of another one', { hint: idOf('vm-b') }],
  ])('makes nobody know one %s', async (_, changes) => {
    const { asked, bind, refusalOf } = createScene();
    await bind();
    await refusalOf(changes);
    expect(asked.count).toBe(2);
  });

  test('is known by its own record, too: until six hours after that was verified', async () => {
    const { clock, asked, bind } = createScene();
    const { machine } = await createScene().bind();
    const verified = NOON.getTime() / 1000;
    clock.advance(SIX_HOURS - 1);
    expect(await bind({}, 'strict', { ...machine, verified })).toEqual({ machine, verified: NOON });
    expect(asked.count).toBe(0);
    clock.advance(1);
    await bind({}, 'strict', { ...machine, verified });
    expect(asked.count).toBe(1);
  });

  test('is known although the record is of another machine', async () => {
    const { asked, bind } = createScene();
    const { machine } = await bind();
    await bind({}, 'strict', { ...machine, vmId: guid(9), verified: NOON.getTime() / 1000 });
    expect(asked.count).toBe(1);
  });
});

describe('with vm_binding: claims', () => {
  test('nobody is asked, and nothing is known of it by the strict way', async () => {
    const { clock, asked, bind } = createScene();
    clock.advance(7);
    expect(await bind({}, 'claims')).toMatchObject({
      machine: { binding: 'claims' },
      verified: clock.now(),
    });
    expect(asked.count).toBe(0);
    expect((await bind()).machine.binding).toBe('strict');
    expect(asked.count).toBe(1);
  });

  test('a record of claims is no record of the strict way', async () => {
    const { asked, bind } = createScene();
    const { machine } = await bind({}, 'claims');
    const record = { ...machine, verified: NOON.getTime() / 1000 };
    expect((await bind({}, 'strict', record)).machine.binding).toBe('strict');
    expect(asked.count).toBe(1);
  });
});

describe('a denial', () => {
  test('is given again for five seconds, whatever the hint says', async () => {
    const { clock, asked, answers, refusalOf, bind } = createScene();
    answers(async () => undefined);
    const denied = { code: 'access_denied', reason: 'machine_not_found' };
    expect(await refusalOf({ hint: idOf('vm-a') })).toMatchObject(denied);
    answers(async () => DESCRIBED);
    clock.advance(4.999);
    expect(await refusalOf({ hint: idOf('vm-b') })).toMatchObject(denied);
    expect(await refusalOf({ hint: undefined })).toMatchObject(denied);
    expect(asked.count).toBe(1);
    clock.advance(0.001);
    expect(await bind()).toMatchObject({ machine: { vmId: VM_ID } });
  });

  test.each<[string, Changes]>([
    ['another machine', { vmId: guid(9) }],
    ['the same machine as another identity', { oid: guid(9) }],
    ['the same machine as an identity of another tenant', { tenant: guid(9) }],
  ])('is not given to %s', async (_, changes) => {
    const { asked, answers, refusalOf } = createScene();
    answers(async () => undefined);
    await refusalOf();
    await refusalOf(changes);
    expect(asked.count).toBe(2);
  });
});

describe('what can not be asked', () => {
  test('about one machine is left alone for as long as the management API says', async () => {
    const { clock, asked, answers, refusalOf, bind } = createScene();
    answers(() => Promise.reject(unavailableHere('not yours', 30)));
    await refusalOf({ hint: idOf('vm-a') });
    answers(async () => DESCRIBED);
    clock.advance(29.999);
    expect(await refusalOf({ hint: idOf('vm-b') })).toMatchObject({ message: 'not yours' });
    expect(asked.count).toBe(1);
    clock.advance(0.001);
    await bind();
  });

  test('about anything is not held against the machine', async () => {
    const { answers, refusalOf, bind } = createScene();
    answers(() => Promise.reject(unavailable('throttled', 30)));
    expect(await refusalOf()).toMatchObject({ message: 'throttled' });
    answers(async () => DESCRIBED);
    await bind();
  });
});
