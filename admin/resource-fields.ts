/** Reads what a resource's `spec` may hold. Its schema is the broker's to check, so nothing is taken for granted. */
import { readCertificate, type ShownCertificate } from './certificate.ts';

/** The value at a path of names, `undefined` where there is none. */
export const field = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, name)
        ? (inner as Record<string, unknown>)[name]
        : undefined,
    value,
  );

/** The items of a list; a single value counts as a list of one, nothing as an empty one. */
export function items(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** The items of a list as text. */
export const texts = (value: unknown): readonly string[] =>
  items(value).map((item) => (typeof item === 'string' ? item : JSON.stringify(item)));

/** The names and values of an object. */
export const entries = (value: unknown): readonly (readonly [string, unknown])[] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : [];

/** The certificate of an `azure_root`. */
export function certificateIn(spec: unknown): ShownCertificate | undefined {
  const pem = field(spec, 'certificate');
  return typeof pem === 'string' ? readCertificate(pem) : undefined;
}
