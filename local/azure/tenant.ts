/** A tenant of the directory: its signing keys, subscriptions, applications and operators. */
import { randomUUID } from 'node:crypto';
import { createSigningKey, type SigningKey } from './evidence/signing-key.ts';
import {
  type Application,
  createOperator,
  type Operator,
  type OperatorOptions,
} from './operator.ts';
import { createSubscription, type Subscription } from './subscription.ts';
import type { World } from './world.ts';

export interface Tenant {
  readonly id: string;
  readonly subscriptions: readonly Subscription[];
  readonly operators: readonly Operator[];
  /** The key that signs the tenant's tokens now. */
  readonly signingKey: SigningKey;
  /** Every key that the directory publishes for the tenant. */
  readonly publishedKeys: readonly SigningKey[];
  /** The `iss` of its tokens, by their version. */
  issuer(version: 1 | 2): string;
  /** Signs with a new key from now on; the old ones stay published, unless they are withdrawn. */
  rollSigningKeys(options?: { readonly withdrawOld?: boolean }): void;
  subscription(options?: { readonly id?: string }): Subscription;
  /** Registers an application that tokens can be for. */
  application(options: {
    readonly clientId?: string;
    readonly appRoles: readonly string[];
  }): Application;
  /** Registers somebody with app roles of an application. */
  operator(options: OperatorOptions): Operator;
}

/** Forms of `iss`. They lie in a domain that can't exist, so that no token of a simulation passes anywhere else. */
export const ISSUERS = [
  'https://sts.simulated.invalid/{tenant}/',
  'https://login.simulated.invalid/{tenant}/v2.0',
] as const;

export function createTenant(world: World, position: number, id?: string): Tenant {
  const subscriptions: Subscription[] = [];
  const operators: Operator[] = [];
  const keys: SigningKey[] = [];
  let made = 0;

  function newSigningKey(): SigningKey {
    made += 1;
    return createSigningKey(world.keys.keyPair(`tenant ${position}, key ${made}`), world.now());
  }

  function newestKey(): SigningKey {
    const newest = keys.at(-1) ?? newSigningKey();
    if (keys.length === 0) keys.push(newest);
    return newest;
  }

  const tenant: Tenant = {
    id: id?.toLowerCase() ?? randomUUID(),
    subscriptions,
    operators,
    get signingKey() {
      return newestKey();
    },
    get publishedKeys() {
      newestKey();
      return [...keys];
    },
    issuer: (version) => ISSUERS[version === 1 ? 0 : 1].replace('{tenant}', tenant.id),
    rollSigningKeys({ withdrawOld = false } = {}) {
      newestKey();
      if (withdrawOld) keys.splice(0);
      keys.push(newSigningKey());
    },
    subscription(options = {}) {
      const subscription = createSubscription(world, tenant, options.id);
      subscriptions.push(subscription);
      return subscription;
    },
    application: ({ clientId, appRoles }) => ({
      clientId: clientId?.toLowerCase() ?? randomUUID(),
      appRoles,
    }),
    operator(options) {
      const operator = createOperator(world, tenant, options);
      operators.push(operator);
      return operator;
    },
  };
  return tenant;
}
