/** What `joinctl apply` has to change: the files' resources compared with the broker's. */
import { isDeepStrictEqual } from 'node:util';
import type { Resource, ResourceKind } from '../../shared/protocol/resource.ts';
import type { BrokerClient, StoredResource } from '../broker-client.ts';
import type { ResourceDocument } from '../documents.ts';
import type { ResourceReference } from '../kinds.ts';

export type Change =
  | { readonly action: 'none'; readonly document: ResourceDocument }
  | { readonly action: 'create'; readonly document: ResourceDocument }
  | {
      readonly action: 'update';
      readonly document: ResourceDocument;
      readonly stored: StoredResource;
    }
  | { readonly action: 'delete'; readonly stored: StoredResource };

/** A resource is created after what it names, and deleted before it. */
const CREATION_ORDER = ['role', 'bot', 'token'] as const satisfies readonly ResourceKind[];

/** Roles that every broker starts with; they are no file's to delete. */
export const PRESET_ROLES: readonly string[] = ['access', 'auditor', 'editor'];

/** The changes in the order in which they are safe: first all creations and updates, then, with `prune`, deletions. */
export async function planChanges(
  client: BrokerClient,
  documents: readonly ResourceDocument[],
  prune: boolean,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  const removals: Change[] = [];
  for (const kind of CREATION_ORDER) {
    const wanted = documents.filter(({ resource }) => resource.kind === kind);
    if (wanted.length === 0 && !prune) continue;
    const present = new Map((await client.list(kind)).map((found) => [found.metadata.name, found]));
    for (const document of wanted) {
      const { name } = document.resource.metadata;
      const found = present.get(name);
      present.delete(name);
      changes.push(
        found && isSame(document.resource, found)
          ? { action: 'none', document }
          : await changeTo(client, document),
      );
    }
    if (prune) removals.unshift(...(await removalsOf(client, kind, [...present.keys()])));
  }
  return [...changes, ...removals];
}

/** What one document changes now. Lists have no ETags, so whatever differs is read on its own. */
export async function changeTo(client: BrokerClient, document: ResourceDocument): Promise<Change> {
  const { kind, metadata } = document.resource;
  const stored = await client.get(kind, metadata.name);
  if (!stored) return { action: 'create', document };
  return isSame(document.resource, stored.resource)
    ? { action: 'none', document }
    : { action: 'update', document, stored };
}

async function removalsOf(
  client: BrokerClient,
  kind: ResourceKind,
  names: readonly string[],
): Promise<readonly Change[]> {
  const removals: Change[] = [];
  for (const name of names.toSorted()) {
    if (kind === 'role' && PRESET_ROLES.includes(name)) continue;
    const stored = await client.get(kind, name);
    if (stored) removals.push({ action: 'delete', stored });
  }
  return removals;
}

export function referenceOf(change: Change): ResourceReference {
  const { kind, metadata } =
    change.action === 'delete' ? change.stored.resource : change.document.resource;
  return { kind, name: metadata.name };
}

const isSame = (wanted: Resource, stored: Resource): boolean =>
  isDeepStrictEqual(asStored(wanted), asStored(stored));

/** A resource as the broker will store it: with its default, and GUIDs in lower case. */
export function asStored(resource: Resource): Resource {
  switch (resource.kind) {
    case 'role':
      return { ...resource, spec: { allow: {}, ...resource.spec } };
    case 'token':
      return { ...resource, spec: JSON.parse(JSON.stringify(resource.spec, lowerCaseGuids)) };
    default:
      return resource;
  }
}

const lowerCaseGuids = (key: string, value: unknown): unknown =>
  (key === 'tenant' || key === 'subscription') && typeof value === 'string'
    ? value.toLowerCase()
    : value;
