/** What is kept of Azure's published resource types: which properties there are, which are needed, what they hold. */

/** What a value may be: a plain type, or text out of a list, or a composition. */
export type Type =
  | 'string'
  | 'int'
  | 'bool'
  | 'any'
  /** The texts that are known; Azure may take others, too. */
  | { readonly enum: readonly string[] }
  | { readonly list: Type }
  | { readonly map: Type }
  | { readonly object: string }
  /** The properties of `base`, and those of the case that the property `by` names. */
  | { readonly by: string; readonly base: string; readonly cases: Readonly<Record<string, Type>> };

export interface ObjectType {
  readonly required?: readonly string[];
  /** Not to be written. */
  readonly readOnly?: readonly string[];
  readonly properties: Readonly<Record<string, Type>>;
  /** The type of properties with any other name. */
  readonly others?: Type;
}

/** One file of infra/types: the types of one resource provider. */
export interface Extract {
  /** Where they come from. */
  readonly source: string;
  /** By `Provider/type@version`. */
  readonly resources: Record<string, Type>;
  readonly objects: Record<string, ObjectType>;
}

/** An entry of a published types.json (https://github.com/Azure/bicep-types). */
export interface Published {
  readonly $type: string;
  readonly name?: string;
  readonly value?: string;
  readonly body?: Reference;
  readonly itemType?: Reference;
  readonly elements?: readonly Reference[] | Readonly<Record<string, Reference>>;
  readonly properties?: Properties;
  readonly baseProperties?: Properties;
  readonly additionalProperties?: Reference;
  readonly discriminator?: string;
}
interface Reference {
  readonly $ref: string;
}
type Properties = Readonly<Record<string, { readonly type: Reference; readonly flags: number }>>;

const REQUIRED = 1;
const READ_ONLY = 2;

/** Adds a resource and all that it is made of. */
export function addResource(
  { resources, objects }: Extract,
  resource: string,
  types: readonly Published[],
): void {
  const names = new Map<Published, string>();
  const body = types.find((entry) => isResource(entry, resource))?.body;
  if (!body) throw new Error(`${resource}: no published types`);
  resources[resource] = typeOf(body);

  function typeOf(reference: Reference): Type {
    const entry = types[indexOf(reference)];
    switch (entry?.$type) {
      case 'StringType':
        return 'string';
      case 'IntegerType':
        return 'int';
      case 'BooleanType':
        return 'bool';
      case 'StringLiteralType':
        return { enum: [entry.value ?? ''] };
      case 'UnionType':
        return unionOf(entry);
      case 'ArrayType':
        return { list: entry.itemType ? typeOf(entry.itemType) : 'any' };
      case 'ObjectType':
        return objectOf(entry, entry.properties);
      case 'DiscriminatedObjectType':
        return casesOf(entry);
      default:
        return 'any';
    }
  }

  function unionOf({ elements }: Published): Type {
    const parts = (elements as readonly Reference[]).map(typeOf);
    const texts = parts.flatMap((part) =>
      typeof part === 'object' && 'enum' in part ? part.enum : [],
    );
    const isText = parts.length === texts.length + (parts.includes('string') ? 1 : 0);
    return isText && texts.length > 0 ? { enum: texts } : 'any';
  }

  function casesOf(entry: Published): Type {
    const base = objectOf(entry, entry.baseProperties) as { readonly object: string };
    const cases = Object.entries(entry.elements as Readonly<Record<string, Reference>>);
    return {
      by: entry.discriminator ?? '',
      base: base.object,
      cases: Object.fromEntries(cases.map(([value, reference]) => [value, typeOf(reference)])),
    };
  }

  function objectOf(entry: Published, all: Properties = {}): Type {
    const known = names.get(entry);
    if (known !== undefined) return { object: known };
    const others = entry.additionalProperties;
    if (others && Object.keys(all).length === 0) return { map: typeOf(others) };
    const name = freeName(`${entry.name}@${resource.slice(resource.indexOf('@') + 1)}`);
    names.set(entry, name);
    const has = (key: string, flag: number) => ((all[key]?.flags ?? 0) & flag) !== 0;
    const keys = Object.keys(all);
    const readOnly = keys.filter((key) => has(key, READ_ONLY));
    const required = keys.filter((key) => has(key, REQUIRED) && !has(key, READ_ONLY));
    const properties: Record<string, Type> = {};
    // Entered before its properties are read: types refer to themselves.
    objects[name] = {
      ...(required.length > 0 && { required }),
      ...(readOnly.length > 0 && { readOnly }),
      properties,
      ...(others && { others: typeOf(others) }),
    };
    for (const [key, { type }] of Object.entries(all)) {
      // What Azure lists by itself is most of the published types, and nothing that is asked for here.
      const isListed = has(key, READ_ONLY) && types[indexOf(type)]?.$type === 'ArrayType';
      properties[key] = isListed ? 'any' : typeOf(type);
    }
    return { object: name };
  }

  function freeName(name: string): string {
    let free = name;
    for (let n = 2; Object.hasOwn(objects, free); n += 1) free = `${name}#${n}`;
    return free;
  }
}

const indexOf = ({ $ref }: Reference): number => Number($ref.slice('#/'.length));

/** Whether an entry is this resource; types differ in case from one version to the next. */
export const isResource = ({ $type, name }: Published, resource: string): boolean =>
  $type === 'ResourceType' && name?.toLowerCase() === resource.toLowerCase();
