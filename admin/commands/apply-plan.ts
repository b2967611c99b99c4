/** What `joinctl apply` has to change: the files' resources compared with the broker's. */
import { isDeepStrictEqual } from 'node:util';
import type { Resource, ResourceKind } from '../../shared/protocol/resource.ts';
import { guid } from '../../shared/protocol/values.ts';
import { type BrokerClient, type StoredResource, withoutRevision } from '../broker-client.ts';
import { DocumentFailure, type ResourceDocument } from '../documents.ts';
import { hasSecret, keepingSecret, secretReference } from '../join-tokens.ts';
import type { ResourceReference } from '../kinds.ts';

export type Change =
  | { readonly action: 'none'; readonly document: ResourceDocument }
  /** A join token of a backup whose secret nobody can make again. */
  | { readonly action: 'lost'; readonly document: ResourceDocument }
  | { readonly action: 'create'; readonly document: ResourceDocument }
  | {
      readonly action: 'update';
      readonly document: ResourceDocument;
      readonly stored: StoredResource;
    }
  | { readonly action: 'delete'; readonly stored: StoredResource };

/** A resource is created after what it names, and deleted before it. */
const CREATION_ORDER = [
  'role',
  'bot',
  'token',
  'lock',
  'azure_denied_signer',
  'azure_root',
] as const satisfies readonly ResourceKind[];

/** An answer to what happens: files bring it back, and never end or change it. */
const ANSWERS: readonly ResourceKind[] = ['lock', 'azure_denied_signer'];

/** Nothing of these is deleted because it stands in no file: trust in a root is not for who deploys join tokens to end. */
const KEPT: readonly ResourceKind[] = [...ANSWERS, 'azure_root'];

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
    const isKept = KEPT.includes(kind);
    if (wanted.length === 0 && (!prune || isKept)) continue;
    const present = new Map((await client.list(kind)).map((found) => [found.metadata.name, found]));
    for (const document of wanted) {
      const { name } = document.resource.metadata;
      const found = present.get(name);
      present.delete(name);
      changes.push(
        found && (ANSWERS.includes(kind) || isSame(document.resource, found))
          ? { action: 'none', document }
          : await changeTo(client, document),
      );
    }
    if (prune && !isKept) removals.unshift(...(await removalsOf(client, [...present.values()])));
  }
  return [...changes, ...removals];
}

/**
 * What one document changes now. Lists have no ETags, so whatever differs is read on its own. A join token with a secret
 * is not created: `apply` runs where its output is kept, and the secret would be in the log (rule 14).
 */
export async function changeTo(client: BrokerClient, document: ResourceDocument): Promise<Change> {
  const { kind, metadata } = document.resource;
  const stored = await client.get(kind, metadata.name);
  if (!stored && secretReference(document.resource) !== undefined)
    return { action: 'lost', document };
  if (!stored && hasSecret(document.resource)) {
    throw new DocumentFailure(
      `${document.locate('spec.join_method')}: a join token with a secret is not made by apply, whose output is often kept in a log: use joinctl tokens add, or joinctl create.`,
    );
  }
  if (!stored) return { action: 'create', document };
  return isSame(document.resource, stored.resource)
    ? { action: 'none', document }
    : { action: 'update', document, stored };
}

/** Join tokens with a secret come from no file, and preset roles from the broker: they stay. */
async function removalsOf(
  client: BrokerClient,
  absent: readonly Resource[],
): Promise<readonly Change[]> {
  const removals: Change[] = [];
  const names = absent.filter((found) => !isPreset(found) && !hasSecret(found));
  for (const { kind, metadata } of names.toSorted(byName)) {
    const stored = await client.get(kind, metadata.name);
    if (stored) removals.push({ action: 'delete', stored });
  }
  return removals;
}

const isPreset = ({ kind, metadata }: Resource): boolean =>
  kind === 'role' && PRESET_ROLES.includes(metadata.name);

const byName = (a: Resource, b: Resource): number => (a.metadata.name < b.metadata.name ? -1 : 1);

export function referenceOf(change: Change): ResourceReference {
  const { kind, metadata } =
    change.action === 'delete' ? change.stored.resource : change.document.resource;
  return { kind, name: metadata.name };
}

const isSame = (wanted: Resource, stored: Resource): boolean =>
  isDeepStrictEqual(asStored(keepingSecret(wanted, stored)), asStored(stored));

/** A resource as the broker will store it: with its default, and GUIDs in lower case. */
export function asStored(written: Resource): Resource {
  const { kind, version, metadata, spec } = withoutRevision(written);
  const resource = { kind, version, metadata, spec };
  switch (resource.kind) {
    case 'role':
      return { ...resource, spec: { allow: {}, ...resource.spec } };
    case 'token':
      return { ...resource, spec: JSON.parse(JSON.stringify(resource.spec, lowerCaseGuids)) };
    default:
      return resource;
  }
}

function lowerCaseGuids(key: string, value: unknown): unknown {
  if (key === 'tenant' || key === 'subscription') return lowerCaseGuid(value);
  return key === 'managed_identities' && Array.isArray(value) ? value.map(lowerCaseGuid) : value;
}

const lowerCaseGuid = (value: unknown): unknown =>
  typeof value === 'string' && guid.safeParse(value).success ? value.toLowerCase() : value;
