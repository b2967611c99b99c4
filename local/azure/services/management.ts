/** The management API (Azure Resource Manager), as far as reading machines and their identities goes. */
import { sameId } from '../resource-ids.ts';
import type { Subscription } from '../subscription.ts';
import type { Tenant } from '../tenant.ts';
import { armError, resourceNotFound } from './arm-error.ts';
import { refuseCaller } from './management-auth.ts';
import {
  scaleSetInstanceResource,
  scaleSetResource,
  userAssignedIdentityResource,
  virtualMachineResource,
} from './management-resources.ts';

export interface ManagementOptions {
  readonly now: () => Date;
  readonly tenants: () => readonly Tenant[];
  /** Audiences that tokens for it may have, without a trailing slash. */
  readonly audiences: readonly string[];
  /** Items in one page of a list. */
  readonly pageSize: number;
}

/** What a path names: one resource, or the whole of a list. */
type Found = { readonly resource: unknown } | { readonly list: readonly unknown[] };

interface Place {
  readonly subscription: Subscription;
  readonly group: string;
  readonly name: string;
  readonly instance: string;
}

type Route = readonly [path: RegExp, find: (place: Place) => Found | Response];

const SUBSCRIPTION = '/subscriptions/(?<subscription>[^/]+)';
const GROUP = `${SUBSCRIPTION}/resourceGroups/(?<group>[^/]+)`;
const route = (path: string): RegExp => new RegExp(`^${path}$`, 'i');

const MACHINES = 'Microsoft.Compute/virtualMachines';
const SETS = 'Microsoft.Compute/virtualMachineScaleSets';
const IDENTITIES = 'Microsoft.ManagedIdentity/userAssignedIdentities';

const ROUTES: readonly Route[] = [
  [
    route(`${SUBSCRIPTION}/providers/${MACHINES}`),
    ({ subscription }) => ({ list: subscription.virtualMachines.map(virtualMachineResource) }),
  ],
  [
    route(`${SUBSCRIPTION}/providers/${SETS}`),
    ({ subscription }) => ({ list: subscription.scaleSets.map(scaleSetResource) }),
  ],
  [
    route(`${GROUP}/providers/${MACHINES}/(?<name>[^/]+)`),
    (place) => {
      const machine = place.subscription.virtualMachines.find(isAt(place));
      return machine ? { resource: virtualMachineResource(machine) } : missing(MACHINES, place);
    },
  ],
  [
    route(`${GROUP}/providers/${SETS}/(?<name>[^/]+)`),
    (place) => {
      const set = place.subscription.scaleSets.find(isAt(place));
      return set ? { resource: scaleSetResource(set) } : missing(SETS, place);
    },
  ],
  [
    route(`${GROUP}/providers/${SETS}/(?<name>[^/]+)/virtualMachines`),
    (place) => {
      const set = place.subscription.scaleSets.find(isAt(place));
      if (!set) return missing(SETS, place);
      const instances = [...set.instances];
      return { list: instances.map(([id, vm]) => scaleSetInstanceResource(set, id, vm)) };
    },
  ],
  [
    route(`${GROUP}/providers/${SETS}/(?<name>[^/]+)/virtualMachines/(?<instance>[^/]+)`),
    (place) => {
      const set = place.subscription.scaleSets.find(isAt(place));
      if (!set) return missing(SETS, place);
      const found = [...set.instances].find(([id]) => sameId(id, place.instance));
      return found
        ? { resource: scaleSetInstanceResource(set, ...found) }
        : armError(404, 'NotFound', 'The entity was not found in this Azure location.');
    },
  ],
  [
    route(`${GROUP}/providers/${IDENTITIES}/(?<name>[^/]+)`),
    (place) => {
      const identity = place.subscription.identities.find(isAt(place));
      return identity
        ? { resource: userAssignedIdentityResource(identity, place.subscription.tenant) }
        : missing(IDENTITIES, place);
    },
  ],
];

const isAt =
  ({ group, name }: Place) =>
  (resource: { readonly name: string; readonly resourceGroup: string }): boolean =>
    sameId(resource.name, name) && sameId(resource.resourceGroup, group);

/** 404, of the resource or of its whole group. */
function missing(type: string, { subscription, group, name }: Place): Response {
  const resources = [
    ...subscription.virtualMachines,
    ...subscription.scaleSets,
    ...subscription.identities,
  ];
  return resources.some(({ resourceGroup }) => sameId(resourceGroup, group))
    ? resourceNotFound(type, name, group)
    : armError(404, 'ResourceGroupNotFound', `Resource group '${group}' could not be found.`);
}

export function createManagement({ now, tenants, audiences, pageSize }: ManagementOptions) {
  return (request: Request, path: string): Response => {
    const check = { tenants: tenants(), audiences, at: now() };
    const refused = refuseCaller(request.headers.get('authorization'), check);
    if (refused) return refused;
    if (request.method !== 'GET') {
      return armError(405, 'MethodNotAllowed', `The method ${request.method} is not simulated.`);
    }
    const { searchParams } = new URL(request.url);
    if (!/^\d{4}-\d\d-\d\d(-preview)?$/.test(searchParams.get('api-version') ?? '')) {
      return armError(
        400,
        'MissingApiVersionParameter',
        'The api-version query parameter (?api-version=) is required for all requests.',
      );
    }
    const found = find(decodePath(path), tenants());
    if (found instanceof Response) return found;
    return 'resource' in found
      ? Response.json(found.resource)
      : Response.json(pageOf(found.list, request, pageSize));
  };
}

/** The path without its escapes; unchanged where they are not valid, so that it names nothing. */
function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function find(path: string, tenants: readonly Tenant[]): Found | Response {
  for (const [pattern, read] of ROUTES) {
    const groups = pattern.exec(path)?.groups;
    if (!groups) continue;
    const { subscription: id = '', group = '', name = '', instance = '' } = groups;
    const subscription = tenants
      .flatMap(({ subscriptions }) => subscriptions)
      .find((candidate) => sameId(candidate.id, id));
    return subscription
      ? read({ subscription, group, name, instance })
      : armError(404, 'SubscriptionNotFound', `The subscription '${id}' could not be found.`);
  }
  return armError(404, 'InvalidResourceType', 'The resource type could not be found.');
}

/** One page. The next one's address is the request's own, so a client that speaks TLS to a proxy stays with TLS. */
function pageOf(list: readonly unknown[], request: Request, size: number): unknown {
  const url = new URL(request.url);
  const start = Number(url.searchParams.get('$skiptoken') ?? 0) || 0;
  const end = start + size;
  const value = list.slice(start, end);
  if (end >= list.length) return { value };
  url.searchParams.set('$skiptoken', `${end}`);
  if (request.headers.get('x-forwarded-proto') === 'https') url.protocol = 'https:';
  return { value, nextLink: url.href };
}
