/** Finds a field that a schema doesn't know, and says which one was probably meant, or where it belongs. */
import type * as z from 'zod/mini';
import { fieldPath } from './field-path.ts';
import { nearestName } from './nearest-name.ts';

type Schema = z.core.$ZodType;
type Path = readonly PropertyKey[];
type Fields = Readonly<Record<string, unknown>>;

export interface UnknownField {
  readonly path: Path;
  readonly message: string;
}

/** The first field of the value that no schema at its place knows. */
export function findUnknownField(schema: Schema, value: unknown): UnknownField | undefined {
  const path = search([schema], value, []);
  if (!path) return undefined;
  return { path, message: `unknown field${advice(schema, value, path)}` };
}

/** `schemas` are all that could hold here: more than one where a union leaves it open. */
function search(schemas: readonly Schema[], value: unknown, path: Path): Path | undefined {
  const open = schemas.flatMap((schema) => optionsOf(schema, value));
  if (Array.isArray(value)) {
    const elements = open.flatMap(({ def }) => (def.type === 'array' ? [def.element] : []));
    return firstOf(value.entries(), ([i, item]) => search(elements, item, [...path, i]));
  }
  const shapes = open.flatMap(({ shape }) => (shape ? [shape] : []));
  if (!isFields(value) || shapes.length === 0) return undefined;
  const names = Object.keys(value);
  const unknown = names.find((name) => shapes.every((shape) => !Object.hasOwn(shape, name)));
  if (unknown !== undefined && open.every(({ isStrict }) => isStrict)) return [...path, unknown];
  return firstOf(names, (name) => {
    const below = shapes.flatMap((shape) => (Object.hasOwn(shape, name) ? [shape[name]] : []));
    const known = below.filter((schema) => schema !== undefined);
    return search(known, value[name], [...path, name]);
  });
}

function advice(schema: Schema, value: unknown, path: Path): string {
  const name = String(path.at(-1));
  const here = path.slice(0, -1);
  const siblings = fieldsAt([schema], value, here);
  const meant = nearestName(name, siblings);
  if (meant !== undefined) return `; did you mean ${meant}?`;
  const home = homesOf(schema, value, name).toSorted(
    (a, b) => shared(b, here) - shared(a, here) || a.length - b.length,
  )[0];
  if (home) return `; it belongs into ${placeOf(home)}`;
  return siblings.length > 0 && siblings.length <= MOST_SHOWN
    ? `; there ${siblings.length === 1 ? 'is' : 'are'} ${siblings.join(', ')}`
    : '';
}

const MOST_SHOWN = 12;

/** Stands for any position in a list. */
const ANY = -1;

/** The places in the schema that have a field of this name. */
function homesOf(schema: Schema, value: unknown, name: string, path: Path = []): Path[] {
  return optionsOf(schema, value).flatMap(({ def, shape = {} }) => {
    if (def.type === 'array') return homesOf(def.element, undefined, name, [...path, ANY]);
    return Object.entries(shape).flatMap(([field, below]) => [
      ...(field === name ? [path] : []),
      ...homesOf(below, isFields(value) ? value[field] : undefined, name, [...path, field]),
    ]);
  });
}

const shared = (home: Path, here: Path): number => {
  const differs = here.findIndex((part, i) => home[i] !== part);
  return differs < 0 ? here.length : differs;
};

const placeOf = (home: Path): string =>
  home.at(-1) === ANY
    ? `an entry of ${fieldPath(home.filter((part) => part !== ANY))}`
    : fieldPath(home.filter((part) => part !== ANY)) || 'the top';

/** The names of the fields that may stand at a path. */
function fieldsAt(schemas: readonly Schema[], value: unknown, path: Path): string[] {
  const open = schemas.flatMap((schema) => optionsOf(schema, value));
  const [first, ...rest] = path;
  if (first === undefined)
    return [...new Set(open.flatMap(({ shape }) => Object.keys(shape ?? {})))];
  const below = open.flatMap(({ def, shape }) => {
    const field = def.type === 'array' ? def.element : shape?.[String(first)];
    return field ? [field] : [];
  });
  return fieldsAt(below, (value as Readonly<Record<PropertyKey, unknown>>)[first], rest);
}

interface Option {
  readonly def: z.core.$ZodTypes['_zod']['def'];
  readonly shape: Readonly<Record<string, Schema>> | undefined;
  readonly isStrict: boolean;
}

/** What a schema comes down to: of a union the option that the value names, or all. */
function optionsOf(schema: Schema, value: unknown): Option[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'readonly':
      return optionsOf(def.innerType, value);
    case 'pipe':
      return optionsOf(def.in, value);
    case 'union': {
      const options = def.options.flatMap((option) => optionsOf(option, value));
      if (!('discriminator' in def)) return options;
      const named = options.filter(({ shape }) => shape && isNamed(shape, value));
      // A name that there is not explains everything else.
      const isGiven = isFields(value) && value[String(def.discriminator)] !== undefined;
      return named.length > 0 || isGiven ? named : options;
    }
    case 'object': {
      const strict = def.catchall?._zod.def.type === 'never';
      return [{ def, shape: def.shape, isStrict: strict }];
    }
    default:
      return [{ def, shape: undefined, isStrict: false }];
  }
}

/** Whether every literal of an object's shape is what the value has. */
const isNamed = (shape: Readonly<Record<string, Schema>>, value: unknown): boolean =>
  Object.entries(shape).every(([name, schema]) => {
    const { def } = (schema as z.core.$ZodTypes)._zod;
    if (def.type !== 'literal') return true;
    const given = isFields(value) ? value[name] : undefined;
    return def.values.some((literal) => literal === given);
  });

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function firstOf<T, R>(items: Iterable<T>, find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
