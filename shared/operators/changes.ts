/**
 * What a write changed, for the audit: which fields, and from what to what, without secrets and of bounded length. What was
 * cut can be told from the SHA-256 of the whole.
 */
import { createHash } from 'node:crypto';
import type { AnyResource } from '../resources/resource.ts';

export interface ResourceChanges {
  /** Paths of the fields that differ, such as `spec.allow[2].zone`; of a new or deleted resource none. `…`: there are more. */
  readonly changed: readonly string[];
  /**
   * JSON of the resource before and after the write, where there was one. Where either is too long, and there are both: of the
   * changed fields only, by their paths, the shortest first. What is too long even so ends in `…`.
   */
  readonly before?: string;
  readonly after?: string;
  /** SHA-256 in hex of the whole JSON, of which only a secret's hash is left out. */
  readonly before_sha256?: string;
  readonly after_sha256?: string;
}

/**
 * Characters that each of the three may take up in the record, where texts are written once more as JSON: together they leave
 * 8,192 of a column's 32,768 to the rest. Application Insights keeps as many of a property.
 */
const MOST = 8192;

/** Compares what was there with what is there now. */
export function changesOf(
  before: AnyResource | undefined,
  after: AnyResource | undefined,
): ResourceChanges {
  const old = before && withoutSecret(before);
  const now = after && withoutSecret(after);
  const whole = { before: old && JSON.stringify(old), after: now && JSON.stringify(now) };
  const isWhole = !old || !now || Object.values(whole).every((json = '') => sizeOf(json) <= MOST);
  const shown = isWhole ? whole : fieldsOf(differences(old, now));
  const changed = before && after ? differences(before, after).map(({ path }) => path) : [];
  return {
    changed: asManyAsFit(changed),
    ...(whole.before !== undefined && {
      before: bounded(shown.before ?? ''),
      before_sha256: sha256(whole.before),
    }),
    ...(whole.after !== undefined && {
      after: bounded(shown.after ?? ''),
      after_sha256: sha256(whole.after),
    }),
  };
}

/** The hash of a secret names a join token, but nobody who reads the log needs it. */
function withoutSecret(resource: AnyResource): AnyResource {
  if (resource.kind !== 'token' || resource.spec.join_method !== 'token') return resource;
  const { secret_sha256: _, ...spec } = resource.spec;
  return { ...resource, spec };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Characters of a text within JSON. */
const sizeOf = (text: string): number => JSON.stringify(text).length;

function bounded(text: string): string {
  if (sizeOf(text) <= MOST) return text;
  let left = MOST - sizeOf('…');
  // Whole characters: half of one would take up six.
  const kept = [...text].findIndex((character) => {
    left -= sizeOf(character) - 2;
    return left < 0;
  });
  return `${[...text].slice(0, kept).join('')}…`;
}

/** One that is too long keeps no other out. */
function asManyAsFit(paths: readonly string[]): readonly string[] {
  let left = MOST - sizeOf('…');
  const kept = paths.filter((path) => {
    const size = sizeOf(path) + 1;
    if (size > left) return false;
    left -= size;
    return true;
  });
  return kept.length < paths.length ? [...kept, '…'] : kept;
}

interface Difference {
  readonly path: string;
  /** `undefined`: it is not there. */
  readonly before: unknown;
  readonly after: unknown;
}

/** The shortest first: behind a long one nothing is hidden. */
function fieldsOf(fields: readonly Difference[]): { before: string; after: string } {
  const sizes = new Map(fields.map((field) => [field, JSON.stringify(field).length]));
  const sorted = fields.toSorted((a, b) => (sizes.get(a) ?? 0) - (sizes.get(b) ?? 0));
  const jsonOf = (side: 'before' | 'after'): string =>
    JSON.stringify(Object.fromEntries(sorted.map((field) => [field.path, field[side]])));
  return { before: jsonOf('before'), after: jsonOf('after') };
}

/** The innermost fields that differ. */
function differences(before: unknown, after: unknown, path = ''): readonly Difference[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const old = membersOf(before);
  const now = membersOf(after);
  if (!old || !now || Array.isArray(before) !== Array.isArray(after))
    return [{ path: path.replace(/^\./, ''), before, after }];
  const steps = new Set([...old.keys(), ...now.keys()]);
  return [...steps].flatMap((step) => differences(old.get(step), now.get(step), `${path}${step}`));
}

/** What is in a list or a mapping, by the step of a path that leads there. */
function membersOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (Array.isArray(value)) return new Map(value.map((member, i) => [`[${i}]`, member]));
  if (typeof value !== 'object' || value === null) return undefined;
  return new Map(Object.entries(value).map(([name, member]) => [stepTo(name), member]));
}

/** A name that could be taken for several steps is put in quotes. */
const stepTo = (name: string): string =>
  /^[\w-]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
