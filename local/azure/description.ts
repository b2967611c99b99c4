/** A cloud from its description in YAML: what the local stack runs. */

import * as z from 'zod/mini';
import { guid } from '../../shared/protocol/values.ts';
import { parseDescription } from '../parse-description.ts';
import { type Cloud, type CloudOptions, createCloud } from './cloud.ts';
import type { UserAssignedIdentity } from './identities.ts';
import type { Machine } from './machine.ts';
import type { Application, Operator } from './operator.ts';
import type { Subscription } from './subscription.ts';
import type { Tenant } from './tenant.ts';

/** A name as Azure's resources have it. */
const resourceName = z
  .string()
  .check(
    z.regex(
      /^[\p{L}\p{N}][\p{L}\p{N}._()-]{0,88}$/u,
      'expected 1 to 89 letters, digits, dots, dashes, underscores or parentheses',
    ),
  );

const place = {
  name: resourceName,
  resource_group: resourceName,
  location: z._default(
    z.string().check(z.regex(/^[a-z0-9]+$/, 'expected a region such as eastus')),
    'eastus',
  ),
};
const identityFields = {
  system_assigned: z._default(z.boolean(), false),
  /** Names of user-assigned identities of the description. */
  identities: z._default(z.array(resourceName), []),
};

const subscriptionDescription = z.strictObject({
  id: guid,
  identities: z._default(
    z.array(
      z.strictObject({
        ...place,
        client_id: z.optional(guid),
        principal_id: z.optional(guid),
      }),
    ),
    [],
  ),
  virtual_machines: z._default(
    z.array(z.strictObject({ ...place, ...identityFields, vm_id: z.optional(guid) })),
    [],
  ),
  scale_sets: z._default(
    z.array(
      z.strictObject({
        ...place,
        ...identityFields,
        mode: z.enum(['Uniform', 'Flexible']),
        instances: z.int().check(z.minimum(0), z.maximum(20)),
      }),
    ),
    [],
  ),
});

const cloudDescription = z.strictObject({
  tenant: guid,
  subscriptions: z.array(subscriptionDescription),
  operators: z.strictObject({
    application: z.strictObject({ client_id: guid, app_roles: z.array(z.string()) }),
    members: z.array(
      z.strictObject({ name: resourceName, client_id: guid, roles: z.array(z.string()) }),
    ),
  }),
});
type CloudDescription = z.infer<typeof cloudDescription>;
type SubscriptionDescription = CloudDescription['subscriptions'][number];

export interface DescribedCloud {
  readonly cloud: Cloud;
  readonly tenant: Tenant;
  /** By name. A uniform set's instances are `<set>_0` and so on. */
  readonly machines: ReadonlyMap<string, Machine>;
  readonly application: Application;
  /** By name. */
  readonly operators: ReadonlyMap<string, Operator>;
}

/** Makes the cloud that the YAML describes. Throws one plain sentence where the description is wrong. */
export function describedCloud(yaml: string, options: CloudOptions): DescribedCloud {
  const description = parseDescription(cloudDescription, yaml, 'the cloud');
  const cloud = createCloud(options);
  const tenant = cloud.tenant({ id: description.tenant });
  const subscriptions = description.subscriptions.map(
    (described) => [described, tenant.subscription({ id: described.id })] as const,
  );
  const identities = new Map<string, UserAssignedIdentity>();
  for (const [described, subscription] of subscriptions) {
    addIdentities(identities, described, subscription);
  }
  const machines = new Map<string, Machine>();
  for (const [described, subscription] of subscriptions) {
    for (const machine of addMachines(identities, described, subscription)) {
      addNamed(machines, 'machine', machine.name, machine);
    }
  }
  const { application: registered, members } = description.operators;
  const application = tenant.application({
    clientId: registered.client_id,
    appRoles: registered.app_roles,
  });
  const operators = new Map<string, Operator>();
  for (const { name, client_id: id, roles } of members) {
    addNamed(operators, 'operator', name, tenant.operator({ application, roles, id }));
  }
  return { cloud, tenant, machines, application, operators };
}

function addIdentities(
  identities: Map<string, UserAssignedIdentity>,
  described: SubscriptionDescription,
  subscription: Subscription,
): void {
  for (const { name, resource_group, location, client_id, principal_id } of described.identities) {
    const identity = subscription.userAssignedIdentity(name, {
      resourceGroup: resource_group,
      location,
      ...(client_id !== undefined && { clientId: client_id }),
      ...(principal_id !== undefined && { principalId: principal_id }),
    });
    addNamed(identities, 'identity', name, identity);
  }
}

function addMachines(
  identities: ReadonlyMap<string, UserAssignedIdentity>,
  described: SubscriptionDescription,
  subscription: Subscription,
): Machine[] {
  const named = (names: readonly string[]): UserAssignedIdentity[] =>
    names.map((name) => {
      const identity = identities.get(name);
      if (identity) return identity;
      throw new Error(
        `No identity of the description is called ${name}: describe it, or correct the name.`,
      );
    });

  const machines = described.virtual_machines.map((machine) =>
    subscription.virtualMachine(machine.name, {
      resourceGroup: machine.resource_group,
      location: machine.location,
      systemAssigned: machine.system_assigned,
      identities: named(machine.identities),
      ...(machine.vm_id !== undefined && { vmId: machine.vm_id }),
    }),
  );
  const instances = described.scale_sets.flatMap((scaleSet) => {
    const set = subscription.scaleSet(scaleSet.name, {
      resourceGroup: scaleSet.resource_group,
      location: scaleSet.location,
      mode: scaleSet.mode,
      systemAssigned: scaleSet.system_assigned,
      identities: named(scaleSet.identities),
    });
    return Array.from({ length: scaleSet.instances }, () => set.instance());
  });
  return [...machines, ...instances];
}

function addNamed<T>(all: Map<string, T>, kind: string, name: string, value: T): void {
  if (all.has(name)) {
    throw new Error(`The description has two of the ${kind} ${name}: names must differ.`);
  }
  all.set(name, value);
}
