/** Checks resources against the published types of infra/types. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Extract, ObjectType, Type } from '../../scripts/azure-type-extract.ts';
import { type BicepFile, bodyOf, type Declaration, placeOf } from './bicep-file.ts';
import { readValue, type Value } from './bicep-value.ts';
import { ROOT } from './project-files.ts';

const extracts = globSync('infra/types/*.json', { cwd: ROOT }).map(
  (file): Extract => JSON.parse(readFileSync(join(ROOT, file), 'utf8')),
);

/** What Bicep itself reads out of a resource's body. */
const BICEP_PROPERTIES = ['parent', 'scope', 'dependsOn'];

/** Everything that is wrong with the resources of a file. */
export function typeProblems(file: BicepFile): string[] {
  return file.declarations
    .filter(({ kind }) => kind === 'resource')
    .flatMap((resource) => resourceProblems(file, resource));
}

function resourceProblems(file: BicepFile, resource: Declaration): string[] {
  const body = bodyOf(resource.value);
  const at = placeOf(file.path, resource.node);
  const published = publishedType(resource.type);
  if (!published) return [`${at}: ${resource.type} is not in infra/types: see its README.md`];
  const value = body && readValue(file, body);
  if (value?.kind !== 'object') return [`${at}: expected a body`];
  const own = Object.entries(value.properties).filter(([name]) => !BICEP_PROPERTIES.includes(name));
  const stated = { ...value, properties: Object.fromEntries(own), open: resource.existing };
  return check(stated, published.type, {
    objects: published.objects,
    say: (node, problem) => `${placeOf(file.path, node)}: ${problem}`,
  });
}

/** A resource's type, and the objects that it is made of. */
export function publishedType(
  resource: string,
): { readonly type: Type; readonly objects: Extract['objects'] } | undefined {
  for (const { resources, objects } of extracts) {
    const type = resources[resource];
    if (type !== undefined) return { type, objects };
  }
  return undefined;
}

interface Context {
  readonly objects: Extract['objects'];
  readonly say: (node: Value['node'], problem: string) => string;
}

function check(value: Value, type: Type, context: Context): string[] {
  if (type === 'any' || value.kind === 'null') return [];
  if (value.kind === 'either') return value.values.flatMap((one) => check(one, type, context));
  if (value.kind === 'computed')
    return fits(value.type, type) ? [] : [mismatch(value, type, context)];
  if (typeof type === 'object' && 'list' in type && value.kind === 'list') {
    return value.items.flatMap((item) => check(item, type.list, context));
  }
  if (value.kind === 'object' && typeof type === 'object') {
    if ('map' in type) {
      return Object.values(value.properties).flatMap((one) => check(one, type.map, context));
    }
    const object = objectType(value, type, context.objects);
    if (object) return checkObject(value, object, context);
  }
  if (value.kind === 'text' && isText(value.text, type)) return [];
  return [mismatch(value, type, context)];
}

function isText(text: string, type: Type): boolean {
  return (
    type === 'string' || (typeof type === 'object' && 'enum' in type && type.enum.includes(text))
  );
}

/** Whether a value of which only this is known may be of the type. */
function fits(known: ComputedValue['type'], type: Type): boolean {
  if (known === 'any') return true;
  if (typeof type === 'string') return known === type;
  if ('enum' in type) return known === 'string';
  return 'list' in type ? known === 'list' : known === 'object';
}
type ComputedValue = Value & { readonly kind: 'computed' };

/** The properties that an object may have: with cases, those of the case that it names. */
function objectType(
  value: Value & { readonly kind: 'object' },
  type: Type,
  objects: Extract['objects'],
): ObjectType | undefined {
  if (typeof type !== 'object') return undefined;
  if ('object' in type) return objects[type.object];
  if (!('by' in type)) return undefined;
  const base = objects[type.base];
  const named = value.properties[type.by];
  const chosen = named?.kind === 'text' ? type.cases[named.text] : undefined;
  if (!base || typeof chosen !== 'object' || !('object' in chosen)) return base;
  const own = objects[chosen.object];
  if (!own) return base;
  return {
    required: [...(base.required ?? []), ...(own.required ?? [])],
    readOnly: [...(base.readOnly ?? []), ...(own.readOnly ?? [])],
    properties: { ...base.properties, ...own.properties },
    ...(own.others && { others: own.others }),
  };
}

function checkObject(
  value: Value & { readonly kind: 'object' },
  { properties, required = [], readOnly = [], others }: ObjectType,
  context: Context,
): string[] {
  const given = Object.entries(value.properties).flatMap(([name, one]) => {
    const type = properties[name] ?? others;
    if (readOnly.includes(name)) return [context.say(one.node, `${name} is made by Azure`)];
    if (type !== undefined) return check(one, type, context);
    const known = Object.keys(properties).filter((key) => !readOnly.includes(key));
    return [context.say(one.node, `${name} is unknown; expected one of ${known.join(', ')}`)];
  });
  const missing = value.open ? [] : required.filter((name) => !(name in value.properties));
  return [...given, ...missing.map((name) => context.say(value.node, `${name} is missing`))];
}

const mismatch = (value: Value, type: Type, { say }: Context): string =>
  say(value.node, `expected ${describe(type)}, got ${value.node.text.slice(0, 60)}`);

function describe(type: Type): string {
  if (typeof type === 'string') return type;
  if ('enum' in type) return `one of ${type.enum.join(', ')}`;
  return 'list' in type ? 'a list' : 'an object';
}
