/**
 * The config file's JSON Schema (draft 7), for editors: made from the schema that the agent itself checks with, and a
 * description of each field. A part of the build, not of the agent.
 */
import * as z from 'zod/mini';
import { address, audienceText, caPinText, configFile } from '../config-schema.ts';
import { durationText } from '../duration.ts';
import { directoryPath } from '../outputs/common-fields.ts';
import { type Schema, withDefinitions } from './definitions.ts';
import { FIELDS, KINDS } from './fields.ts';

/** What code checks, as far as a pattern can say it: each takes all that the agent takes. */
const PATTERNS = new Map<unknown, string>([
  [
    durationText,
    String.raw`^(?=.*[1-9])(?:\d{1,6}(?:\.\d{1,3})?h)?(?:\d{1,6}(?:\.\d{1,3})?m)?(?:\d{1,6}s)?$`,
  ],
  [
    address,
    String.raw`^(?:[Hh][Tt][Tt][Pp][Ss]:\/\/|[Hh][Tt][Tt][Pp]:\/\/(?=127\.|\[|[Ll]ocalhost))?(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\\$\{\}]+)(?::\d{0,5})?\/?$`,
  ],
  [audienceText, String.raw`^(?!.*\$\{)[\x21-\x7e]{1,256}$`],
  [caPinText, '^[Ss][Hh][Aa]256:[0-9A-Fa-f]{64}$'],
  [
    directoryPath,
    String.raw`^(?!~(?:\/|$))(?![A-Za-z][A-Za-z0-9+.-]*:)(?!.*\$\{)[^\p{Cc}"\\]{1,1024}$`,
  ],
]);

export function configJsonSchema(): Schema {
  const made = z.toJSONSchema(configFile, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const pattern = PATTERNS.get(zodSchema);
      if (pattern !== undefined) jsonSchema.pattern = pattern;
      if (zodSchema._zod.def.type === 'undefined') jsonSchema.not = {};
    },
  }) as unknown as Schema;
  const missing = new Set(Object.keys(FIELDS));
  const described = describe(made, '', undefined, missing);
  if (missing.size > 0) throw new Error(`described, but no fields: ${[...missing].join(', ')}`);
  const { $schema, ...rest } = described;
  return withDefinitions({
    $schema,
    title: 'The config file of joinbot, version v2',
    description:
      'What joins, as what, and where its certificates go. See docs/agent.md and docs/outputs.md of Join Broker.',
    ...rest,
  });
}

/** `path` has the names of the fields above; `kind` is the type of the output around it. */
function describe(
  schema: Schema,
  path: string,
  kind: string | undefined,
  missing: Set<string>,
): Schema {
  const inner = (one: Schema, at: string): Schema => describe(one, at, kind, missing);
  const alternatives = (list: readonly Schema[]): Schema[] =>
    list.map((one) => {
      const type = kindOf(one);
      const about = path === 'outputs' && type !== undefined ? KINDS[type] : undefined;
      const made = describe(one, path, path === 'outputs' ? type : kind, missing);
      return about === undefined || type === undefined
        ? made
        : { title: type, description: about, ...made };
    });
  const { properties, items, oneOf, anyOf, additionalProperties, required = [] } = schema;
  return {
    ...schema,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, field]) => {
          const at = pathOf(path, name);
          const made = { description: aboutField(at, kind, missing), ...inner(field, at) };
          return [name, required.includes(name) ? made : orNothing(made)];
        }),
      ),
    }),
    ...(items !== undefined && { items: inner(items, path) }),
    ...(oneOf && { oneOf: alternatives(oneOf) }),
    ...(anyOf && { anyOf: alternatives(anyOf) }),
    ...(typeof additionalProperties === 'object' && {
      additionalProperties: orNothing(additionalProperties),
    }),
  };
}

/** tbot writes outputs under either name. */
const pathOf = (path: string, name: string): string =>
  path === '' ? (name === 'services' ? 'outputs' : name) : `${path}.${name}`;

const kindOf = ({ properties }: Schema): string | undefined => {
  const type = properties?.['type']?.const;
  return typeof type === 'string' ? type : undefined;
};

function aboutField(path: string, kind: string | undefined, missing: Set<string>): string {
  const own = kind === undefined ? path : path.replace('outputs.', `outputs[${kind}].`);
  const key = own in FIELDS ? own : path;
  const about = FIELDS[key];
  if (about === undefined) throw new Error(`no description: ${own}`);
  missing.delete(key);
  return about;
}

/** A field with nothing below it is as good as none (config-forms.ts). */
function orNothing(schema: Schema): Schema {
  const { description, type, enum: values, const: value, ...rest } = schema;
  if (typeof type !== 'string' || value !== undefined || schema.allOf)
    return { description, anyOf: [{ ...schema, description: undefined }, { type: 'null' }] };
  return {
    description,
    type: [type, 'null'],
    ...(values && { enum: [...values, null] }),
    ...rest,
  };
}
