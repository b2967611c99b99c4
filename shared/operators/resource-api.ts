/** What operators do with resources: list, get, put, delete, every write guarded by an ETag. */

import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { asWritten } from '../protocol/as-written.ts';
import {
  type Resource,
  type ResourceKind,
  type ResourcePage,
  type ResourceWarning,
  resourceKind,
} from '../protocol/resource.ts';
import { type InputProblem, parseJsonWith, parseWith } from '../protocol/schema.ts';
import { name as resourceName } from '../protocol/values.ts';
import { badInput, Refusal } from '../refusal.ts';
import { type Naming, templateFault } from '../resources/host-names.ts';
import { changedOwnership } from '../resources/join-token.ts';
import { type AnyResource, parseResource } from '../resources/resource.ts';
import type { Resources, StoredResource } from '../storage/resources.ts';
import { changesOf, type ResourceChanges } from './changes.ts';
import { checkDocumentAnchor } from './document-anchors.ts';
import { withNewSecret, withOldSecret } from './join-secret.ts';
import { parseField } from './parse-field.ts';
import { checkRemovable, missingReferences } from './references.ts';

/** What a write is conditional on: the headers `If-None-Match` and `If-Match`. */
export interface Condition {
  readonly ifNoneMatch: string | null;
  readonly ifMatch: string | null;
  /** Only says what the write would answer. */
  readonly dryRun?: boolean;
}

type Stored = Omit<WrittenResource, 'warnings'>;

export interface WrittenResource {
  readonly resource: Resource;
  /** Nothing has one that is not stored, or was changed by somebody else at once. */
  readonly etag: string | undefined;
  readonly created: boolean;
  /** The secret of a new join token, which nobody can be shown again. */
  readonly secret?: string;
  /** What was left out, and what may not be as it was meant. */
  readonly warnings: readonly ResourceWarning[];
  readonly changes: ResourceChanges;
}

export interface ResourceApi {
  list(kind: string, after: string | null): Promise<ResourcePage>;
  get(kind: string, name: string): Promise<{ readonly resource: Resource; readonly etag: string }>;
  put(kind: string, name: string, json: string, condition: Condition): Promise<WrittenResource>;
  /** Throws `in_use` for a role that a bot has, unless forced. */
  remove(
    kind: string,
    name: string,
    ifMatch: string | null,
    force: boolean,
  ): Promise<ResourceChanges>;
}

const PAGE = 100;
const MOST_JSON = 32_768;

export interface ResourceChecks {
  readonly naming: Naming;
  /** DER of the roots that sign attested documents whatever resources say. */
  readonly pinnedRoots: readonly Uint8Array[];
  readonly now: () => Date;
}

export function createResourceApi(
  resources: Resources,
  { naming, pinnedRoots, now }: ResourceChecks,
): ResourceApi {
  async function existing(kind: ResourceKind, name: string): Promise<StoredResource> {
    const stored = await resources.read(kind, name);
    if (!stored) throw new Refusal('not_found', `there is no ${kind} ${name}`);
    return stored;
  }

  async function create(wanted: AnyResource, dryRun: boolean): Promise<Stored> {
    const { resource, ...shown } = withNewSecret(wanted);
    const changes = changesOf(undefined, resource);
    if (dryRun) {
      const exists = await resources.read(wanted.kind, wanted.metadata.name);
      if (!exists)
        return { resource: wire(wanted, undefined), etag: undefined, created: false, changes };
    } else {
      const saved = await resources.create(resource);
      if (saved) {
        const { etag } = saved;
        return { resource: wire(resource, etag), etag, created: true, changes, ...shown };
      }
    }
    throw new Refusal(
      'already_exists',
      `${resource.kind} ${resource.metadata.name} exists already`,
    );
  }

  async function replace(
    { resource: wanted, revision }: WrittenBody,
    ifMatch: string,
    dryRun: boolean,
  ): Promise<Stored> {
    const before = await existing(wanted.kind, wanted.metadata.name);
    const resource =
      wanted.kind === 'token' && before.resource.kind === 'token'
        ? withOldSecret(before.resource, wanted)
        : wanted;
    checkSameOwnership(before.resource, resource);
    if (ifMatch !== '*' && ifMatch !== before.etag) throw changedMeanwhile();
    if (revision !== undefined && revision !== revisionOf(before.etag)) {
      throw new Refusal(
        'precondition_failed',
        'it was changed since this revision: get it again, or take metadata.revision out to overwrite it',
        { field: 'metadata.revision' },
      );
    }
    const changes = changesOf(before.resource, resource);
    if (dryRun)
      return { resource: wire(resource, undefined), etag: before.etag, created: false, changes };
    const saved = await resources.replace(resource, before.etag);
    if (!saved)
      throw ifMatch === '*'
        ? new Refusal('try_again', 'it was changed at the same time: try again')
        : changedMeanwhile();
    const { etag } = saved;
    return { resource: wire(resource, etag), etag, created: false, changes };
  }

  return {
    async list(kindText, after) {
      const kind = parseKind(kindText);
      if (after !== null) parseField(resourceName, 'next', after);
      const { items, next } = await resources.list(kind, after ?? undefined, PAGE);
      return {
        items: items.map(({ resource, etag }) => wire(resource, etag)),
        ...(next === undefined ? {} : { next }),
      };
    },
    async get(kindText, nameText) {
      const { resource, etag } = await existing(
        parseKind(kindText),
        parseField(resourceName, 'name', nameText),
      );
      return { resource: wire(resource, etag), etag };
    },
    async put(kindText, nameText, json, condition) {
      const { dryRun = false } = condition;
      const written = parseBody(
        parseKind(kindText),
        parseField(resourceName, 'name', nameText),
        json,
      );
      const { resource, notices } = written;
      checkHostNames(resource, naming);
      const doubts = await checkDocumentAnchor(resource, resources, pinnedRoots, now());
      const withWarnings = async (stored: Stored): Promise<WrittenResource> => ({
        ...stored,
        warnings: [...notices, ...doubts, ...(await missingReferences(resource, resources))],
      });
      if (condition.ifNoneMatch === '*' && condition.ifMatch === null)
        return withWarnings(await create(resource, dryRun));
      if (condition.ifMatch !== null && condition.ifNoneMatch === null)
        return withWarnings(await replace(written, condition.ifMatch, dryRun));
      throw new Refusal(
        'precondition_required',
        'expected If-None-Match: * to create, or If-Match to replace',
      );
    },
    async remove(kindText, nameText, ifMatch, force) {
      const kind = parseKind(kindText);
      const name = parseField(resourceName, 'name', nameText);
      const { resource, etag } = await existing(kind, name);
      if (ifMatch !== null && ifMatch !== '*' && ifMatch !== etag) throw changedMeanwhile();
      await checkRemovable(kind, name, force, resources);
      if (!(await resources.remove(kind, name, etag))) throw changedMeanwhile();
      return changesOf(resource, undefined);
    },
  };
}

function parseKind(text: string): ResourceKind {
  const parsed = parseWith(resourceKind, text);
  if (!parsed.ok)
    throw new Refusal(
      'not_found',
      `there is no such kind: expected one of ${resourceKind.options.join(', ')}`,
    );
  return parsed.value;
}

interface WrittenBody {
  readonly resource: AnyResource;
  /** The version that the writer knows. */
  readonly revision: string | undefined;
  /** What was left out. */
  readonly notices: readonly InputProblem[];
}

function parseBody(kind: ResourceKind, name: string, json: string): WrittenBody {
  const value = parseJsonWith(z.unknown(), json);
  if (!value.ok) throw badInput(value.problem);
  const written = asWritten(value.value);
  if (!written.ok) throw badInput(written.problem);
  const parsed = parseResource(written.value);
  if (!parsed.ok) throw badInput(parsed.problem);
  const { revision, ...metadata } = parsed.value.metadata;
  const resource = { ...parsed.value, metadata } as AnyResource;
  if (resource.kind !== kind)
    throw badInput({ field: 'kind', message: `expected ${kind}, as in the address` });
  if (resource.metadata.name !== name)
    throw badInput({ field: 'metadata.name', message: `expected ${name}, as in the address` });
  if (JSON.stringify(resource).length > MOST_JSON) {
    throw new Refusal('too_large', `the resource is longer than ${MOST_JSON} characters of JSON`);
  }
  return { resource, revision, notices: written.notices };
}

/** The same holds for each join: settings may change. Here, whoever writes the template learns of it. */
function checkHostNames(resource: AnyResource, naming: Naming): void {
  if (resource.kind !== 'token') return;
  for (const [i, template] of (resource.spec.host_names ?? []).entries()) {
    const fault = templateFault(template, naming);
    if (fault !== undefined) throw badInput({ field: `spec.host_names[${i}]`, message: fault });
  }
}

function checkSameOwnership(before: AnyResource, after: AnyResource): void {
  const field =
    before.kind === 'token' && after.kind === 'token' ? changedOwnership(before, after) : undefined;
  if (field !== undefined) {
    throw badInput({
      field,
      message:
        'can not be changed, because it decides who owns what has joined: delete the join token and create it anew',
    });
  }
}

const changedMeanwhile = (): Refusal =>
  new Refusal('precondition_failed', 'it was changed in the meantime: get it again');

/** A checked resource is one of the wire's. One that is stored says which version it is. */
function wire(resource: AnyResource, etag: string | undefined): Resource {
  const revision = etag === undefined ? {} : { revision: revisionOf(etag) };
  const shown = { ...resource, metadata: { ...resource.metadata, ...revision } };
  return shown as unknown as Resource;
}

/** A short name of an ETag, for files. */
const revisionOf = (etag: string): string =>
  createHash('sha256').update(etag).digest('hex').slice(0, 16);
