/** What a write changed, for the audit: which fields, and from what to what, without secrets and of bounded length. */
import type { AnyResource } from '../resources/resource.ts';

export interface ResourceChanges {
  /** Paths of the fields that differ; of a new or deleted resource none. */
  readonly changed: readonly string[];
  /** JSON of the resource before and after the write, where there was one. */
  readonly before?: string;
  readonly after?: string;
}

const MOST_FIELDS = 50;
const MOST_JSON = 4096;

/** Compares what was there with what is there now. */
export function changesOf(
  before: AnyResource | undefined,
  after: AnyResource | undefined,
): ResourceChanges {
  const old = before && withoutSecret(before);
  const now = after && withoutSecret(after);
  const changed = before && after ? differences(before, after, '') : [];
  return {
    changed: changed.length > MOST_FIELDS ? [...changed.slice(0, MOST_FIELDS), '…'] : changed,
    ...(old !== undefined && { before: bounded(JSON.stringify(old)) }),
    ...(now !== undefined && { after: bounded(JSON.stringify(now)) }),
  };
}

/** The hash of a secret names a join token, but nobody who reads the log needs it. */
function withoutSecret(resource: AnyResource): AnyResource {
  if (resource.kind !== 'token' || resource.spec.join_method !== 'token') return resource;
  const { secret_sha256: _, ...spec } = resource.spec;
  return { ...resource, spec };
}

const bounded = (json: string): string =>
  json.length > MOST_JSON ? `${json.slice(0, MOST_JSON)}…` : json;

function differences(before: unknown, after: unknown, path: string): string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!isMapping(before) || !isMapping(after)) return [path];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) =>
    differences(before[name], after[name], path === '' ? name : `${path}.${name}`),
  );
}

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
