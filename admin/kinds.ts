/** How operators name resources: `role/access`, `roles`, `bots,tokens`, `all`. */
import { type ResourceKind, resourceKind } from '../shared/protocol/resource.ts';
import { name as resourceName } from '../shared/protocol/values.ts';
import { UsageFailure } from './failure.ts';
import { printable } from './printable.ts';
import { didYouMean } from './suggestion.ts';

export interface ResourceReference {
  readonly kind: ResourceKind;
  readonly name: string;
}

export const KINDS: readonly ResourceKind[] = resourceKind.options;

/** A kind in the singular or plural. */
function parseKind(text: string): ResourceKind {
  const kind = KINDS.find(
    (known) => text.toLowerCase() === known || text.toLowerCase() === `${known}s`,
  );
  if (kind) return kind;
  const hint = didYouMean(
    text,
    KINDS.flatMap((known) => [known, `${known}s`]),
  );
  throw new UsageFailure(
    `"${printable(text)}" is no kind of resource${hint}: there are ${KINDS.join(', ')}.`,
  );
}

/** `kind/name` */
export function parseReference(text: string): ResourceReference {
  const slash = text.indexOf('/');
  if (slash < 0) {
    throw new UsageFailure(`"${printable(text)}" names no resource: write <kind>/<name>.`);
  }
  return { kind: parseKind(text.slice(0, slash)), name: parseName(text.slice(slash + 1)) };
}

/** A resource's name; the message says what one looks like. */
export function parseName(text: string): string {
  if (resourceName.safeParse(text).success) return text;
  throw new UsageFailure(
    `"${printable(text)}" is no resource name: expected 1 to 63 letters, digits, dots, dashes or underscores.`,
  );
}

/** `roles`, `role/access`, several of these with commas, or `all`. */
export function parseSelection(text: string): readonly (ResourceKind | ResourceReference)[] {
  if (text.toLowerCase() === 'all') return KINDS;
  return text
    .split(',')
    .map((part) => (part.includes('/') ? parseReference(part) : parseKind(part)));
}

/** How messages name a resource: `token "example-bot"`. */
export const display = ({ kind, name }: ResourceReference): string => `${kind} "${name}"`;
