/** Reads off a schema which fields it has, of what type, and within which limits: what the broker checks is what is told. */
import type * as z from 'zod/mini';

type Schema = z.core.$ZodType;
type Def = z.core.$ZodTypes['_zod']['def'];

export interface SchemaField {
  /** Such as `spec.azure.allow.tenant`: without the places in lists. */
  readonly path: string;
  readonly type: string;
  /** Whether it must be there, wherever its parent is. */
  readonly required: boolean;
  /** What its value has to be, in the words of the checks. */
  readonly limits: readonly string[];
}

/** The fields below a schema of an object, in its order; those of a union's options once each. */
export function fieldsOf(schema: Schema): readonly SchemaField[] {
  const found = new Map<string, SchemaField>();
  for (const field of walk(schema, '')) {
    const before = found.get(field.path);
    found.set(field.path, before ? merged(before, field) : field);
  }
  return [...found.values()];
}

const merged = (one: SchemaField, other: SchemaField): SchemaField => ({
  ...one,
  type: one.type === other.type ? one.type : `${one.type}, ${other.type}`,
  required: one.required && other.required,
  limits: [...new Set([...one.limits, ...other.limits])],
});

function* walk(schema: Schema, path: string): Generator<SchemaField> {
  const { inner } = unwrapped(schema);
  const def = defOf(inner);
  if (def.type === 'union') yield* walkOptions(def.options, path);
  if (def.type === 'array') yield* walk(def.element, path);
  if (def.type !== 'object') return;
  for (const [name, field] of Object.entries(def.shape)) {
    const at = path === '' ? name : `${path}.${name}`;
    const { inner: value, required, limits } = unwrapped(field);
    const all = new Set([...limits, ...limitsOf(value)]);
    yield { path: at, type: typeOf(value), required, limits: [...all] };
    yield* walk(value, at);
  }
}

/** What only some of the options have must not be there in general. */
function* walkOptions(options: readonly Schema[], path: string): Generator<SchemaField> {
  const lists = options.map((option) => [...walk(option, path)]);
  const depth = path === '' ? 1 : path.split('.').length + 1;
  for (const field of lists.flat()) {
    const isInAll = lists.every((list) => list.some((other) => other.path === field.path));
    const isOwn = field.path.split('.').length === depth;
    yield { ...field, required: field.required && (isInAll || !isOwn) };
  }
}

const defOf = (schema: Schema): Def => (schema as z.core.$ZodTypes)._zod.def;

/** Without what only says that it may be absent, or how it is kept. */
function unwrapped(schema: Schema): {
  readonly inner: Schema;
  readonly required: boolean;
  readonly limits: readonly string[];
} {
  const def = defOf(schema);
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'readonly': {
      const below = unwrapped(def.innerType);
      const required = def.type === 'readonly' && below.required;
      return { ...below, required, limits: [...checksOf(def), ...below.limits] };
    }
    case 'pipe':
      return unwrapped(def.in);
    default:
      return { inner: schema, required: true, limits: [] };
  }
}

function typeOf(schema: Schema): string {
  const { inner } = unwrapped(schema);
  const def = defOf(inner);
  switch (def.type) {
    case 'string':
      return 'text';
    case 'boolean':
      return 'true or false';
    case 'number':
      return 'number';
    case 'array':
      return `list of ${typeOf(def.element)}`;
    case 'record':
      return 'names and values';
    case 'object':
      return 'fields';
    case 'enum':
      return Object.values(def.entries).map(String).join(', ');
    case 'literal':
      return def.values.map(String).join(', ');
    case 'union':
      return [...new Set(def.options.map(typeOf))].join(' or ');
    default:
      throw new Error(`no word for a schema of type ${def.type}`);
  }
}

/** Of a list those of its elements, too. */
function limitsOf(schema: Schema): readonly string[] {
  const { inner } = unwrapped(schema);
  const def = defOf(inner);
  const own = [...checksOf(def), ...messageOf(def)];
  if (def.type === 'array')
    return [...own, ...limitsOf(def.element).map((each) => `each: ${each}`)];
  return def.type === 'union' && own.length === 0 ? def.options.flatMap(limitsOf) : own;
}

function checksOf(def: Def): readonly string[] {
  const checks = 'checks' in def ? (def.checks ?? []) : [];
  const noun = def.type === 'array' ? 'items' : 'characters';
  return [...new Set(checks.flatMap((check) => sentenceOf(check._zod.def, noun)))];
}

function sentenceOf(def: object, noun: string): readonly string[] {
  const said = messageOf(def);
  if (said.length > 0) return said;
  const { check, maximum, minimum, value, inclusive } = def as Readonly<Record<string, unknown>>;
  switch (check) {
    case 'max_length':
      return [`at most ${maximum} ${noun}`];
    case 'min_length':
      return [`at least ${minimum} ${noun}`];
    case 'less_than':
      return [`at most ${inclusive === true ? value : `below ${value}`}`];
    case 'greater_than':
      return [`at least ${inclusive === true ? value : `above ${value}`}`];
    default:
      return [];
  }
}

/** What the check says where it fails, as what it wants. */
function messageOf(def: object): readonly string[] {
  const { error } = def as { readonly error?: (issue: object) => unknown };
  const text = typeof error === 'function' ? error({}) : undefined;
  return typeof text === 'string' ? [text.replace(/^expected /, '')] : [];
}
