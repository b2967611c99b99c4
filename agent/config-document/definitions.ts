/** A JSON Schema, and how it says once what it would say often. */

/** The words of JSON Schema that the config file's one uses. */
export interface Schema {
  readonly $schema?: string | undefined;
  readonly title?: string;
  readonly description?: string | undefined;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly additionalProperties?: Schema | boolean;
  readonly definitions?: Readonly<Record<string, unknown>>;
}

/** Shorter ones are easier to read where they are used. */
const LEAST_DEFINITION = 300;

/** Fields and types that stand in more than one place are said once, under their names. */
export function withDefinitions(schema: Schema): Schema {
  const definitions: Record<string, unknown> = {};
  const whole = JSON.stringify(schema);
  const names = new Map<string, string>();
  const name = (text: string, wanted: string): string => {
    let free = wanted;
    for (let number = 2; Object.hasOwn(definitions, free); number += 1)
      free = `${wanted}_${number}`;
    names.set(text, free);
    definitions[free] = undefined;
    return free;
  };
  const partsOf = (value: unknown, isFields: boolean): unknown => {
    if (Array.isArray(value)) return value.map((one) => referTo(one, titleOf(one)));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        isFields ? referTo(inner, key) : partsOf(inner, key === 'properties'),
      ]),
    );
  };
  /** Only what has a name becomes a definition. */
  const referTo = (value: unknown, called: string | undefined): unknown => {
    const text = JSON.stringify(value);
    const isOften = whole.split(text).length > 2;
    if (called === undefined || text.length < LEAST_DEFINITION || !isOften)
      return partsOf(value, false);
    const known = names.get(text);
    const own = known ?? name(text, called);
    if (known === undefined) definitions[own] = partsOf(value, false);
    return { $ref: `#/definitions/${own}` };
  };
  return { ...(partsOf(schema, false) as Schema), definitions };
}

const titleOf = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null ? (value as Schema).title : undefined;
