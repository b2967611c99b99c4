/** Managed identities, and who carries which. */
import { randomUUID } from 'node:crypto';
import { sameId } from './resource-ids.ts';

/** A machine's or set's own identity. */
export interface SystemAssignedIdentity {
  readonly kind: 'system';
  readonly clientId: string;
  /** Object id of its service principal: the `oid` of its tokens. */
  readonly principalId: string;
}

export interface UserAssignedIdentity {
  readonly kind: 'user';
  readonly name: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly resourceId: string;
  readonly clientId: string;
  readonly principalId: string;
}

export interface UserAssignedIdentityOptions {
  readonly resourceGroup: string;
  readonly clientId?: string;
  readonly principalId?: string;
  readonly location?: string;
}

export type ManagedIdentity = SystemAssignedIdentity | UserAssignedIdentity;

/** The identities of a machine or a scale set. */
export interface IdentityHolder {
  readonly systemAssigned: SystemAssignedIdentity | undefined;
  readonly userAssigned: readonly UserAssignedIdentity[];
  assign(identity: UserAssignedIdentity): void;
  unassign(identity: UserAssignedIdentity): void;
}

export function createIdentityHolder(
  systemAssigned: boolean,
  userAssigned: readonly UserAssignedIdentity[],
): IdentityHolder {
  const assigned = new Set(userAssigned);
  const own = systemAssigned ? newSystemAssignedIdentity() : undefined;
  return {
    systemAssigned: own,
    get userAssigned() {
      return [...assigned];
    },
    assign: (identity) => void assigned.add(identity),
    unassign: (identity) => void assigned.delete(identity),
  };
}

export const newSystemAssignedIdentity = (): SystemAssignedIdentity => ({
  kind: 'system',
  clientId: randomUUID(),
  principalId: randomUUID(),
});

/** How a caller names the identity that it wants: IMDS's parameters of the same names. */
export interface IdentityChoice {
  readonly clientId?: string | undefined;
  readonly objectId?: string | undefined;
  readonly resourceId?: string | undefined;
}

/** The identity that IMDS picks: the one named; else the machine's own; else the only user-assigned one. */
export function chooseIdentity(
  { systemAssigned, userAssigned }: IdentityHolder,
  { clientId, objectId, resourceId }: IdentityChoice = {},
): ManagedIdentity | 'none' | 'several' {
  if (clientId === undefined && objectId === undefined && resourceId === undefined) {
    if (systemAssigned) return systemAssigned;
    const [first, ...others] = userAssigned;
    if (others.length > 0) return 'several';
    return first ?? 'none';
  }
  const all: readonly ManagedIdentity[] = systemAssigned
    ? [systemAssigned, ...userAssigned]
    : userAssigned;
  const found = all.find(
    (identity) =>
      (clientId === undefined || sameId(identity.clientId, clientId)) &&
      (objectId === undefined || sameId(identity.principalId, objectId)) &&
      (resourceId === undefined ||
        (identity.kind === 'user' && sameId(identity.resourceId, resourceId))),
  );
  return found ?? 'none';
}
