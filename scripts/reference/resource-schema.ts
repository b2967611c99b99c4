/**
 * JSON Schemas (draft 7) of the kinds of resources, for editors: made from the schemas that the broker checks with, and a
 * description of each field. What only code can check is left to the broker: a schema takes all that the broker takes.
 */
import * as z from 'zod/mini';
import { type ResourceKind, resourceKind } from '../../shared/protocol/resource.ts';
import { SCHEMAS } from '../../shared/resources/resource.ts';
import { type Field, METADATA, RESOURCES } from './resource-fields.ts';

interface JsonSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly [word: string]: unknown;
}

const DRAFT = 'http://json-schema.org/draft-07/schema#';

export function resourceJsonSchema(kind: ResourceKind): JsonSchema {
  const made = z.toJSONSchema(SCHEMAS[kind], {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
  }) as unknown as JsonSchema;
  const { $schema: _, ...rest } = described(made, '', kind);
  const { about } = RESOURCES[kind];
  return { $schema: DRAFT, title: `Join Broker: kind ${kind}`, description: about, ...rest };
}

/** Any kind of resource: which one, its field `kind` says. */
export const anyResourceJsonSchema = (): JsonSchema => ({
  $schema: DRAFT,
  title: 'Join Broker: a resource',
  type: 'object',
  properties: { kind: { enum: resourceKind.options } },
  required: ['kind'],
  allOf: resourceKind.options.map((kind) => ({
    if: { properties: { kind: { const: kind } }, required: ['kind'] },
    // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema.
    then: { $ref: `${kind}.schema.json` },
  })),
});

function described(schema: JsonSchema, path: string, kind: ResourceKind): JsonSchema {
  const below = (one: JsonSchema): JsonSchema => described(one, path, kind);
  const { properties, items, anyOf, oneOf } = schema;
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, inner]) => {
          const at = path === '' ? name : `${path}.${name}`;
          const description = descriptionOf(fieldAt(at, kind));
          return [
            name,
            { ...(description !== undefined && { description }), ...described(inner, at, kind) },
          ];
        }),
      ),
    }),
    ...(items && { items: below(items) }),
    ...(anyOf && { anyOf: anyOf.map(below) }),
    ...(oneOf && { oneOf: oneOf.map(below) }),
  };
}

/** What is written of the field at a path; nothing of the frame that all resources have. */
export function fieldAt(path: string, kind: ResourceKind): Field | undefined {
  const [top, ...rest] = path.split('.');
  const name = rest.join('.');
  if (name === '') return undefined;
  const field = (top === 'metadata' ? METADATA : RESOURCES[kind].spec)[name];
  if (!field)
    throw new Error(`scripts/reference/resource-fields.ts says nothing of ${kind} ${path}`);
  return field;
}

const descriptionOf = (field: Field | undefined): string | undefined =>
  field && `${field.about}${field.absent === undefined ? '' : ` Without it: ${field.absent}.`}`;
