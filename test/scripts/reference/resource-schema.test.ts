/** The JSON Schemas of resources: editors and the broker are of one opinion, as far as a schema can say it. */
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { RESOURCES } from '../../../scripts/reference/resource-fields.ts';
import {
  anyResourceJsonSchema,
  fieldAt,
  resourceJsonSchema,
} from '../../../scripts/reference/resource-schema.ts';
import { fieldsOf } from '../../../scripts/reference/schema-fields.ts';
import { asWritten } from '../../../shared/protocol/as-written.ts';
import { resourceKind } from '../../../shared/protocol/resource.ts';
import { parseResource, SCHEMAS } from '../../../shared/resources/resource.ts';
import { PRESET_ROLES } from '../../../shared/resources/role.ts';
import { beside } from '../../beside.ts';
import { codeBlocks } from '../../docs/markdown.ts';

const ROOT = new URL('../../../', import.meta.url);
const CASES = beside('cases/resources/');

const ajv = new Ajv({ strict: true, allowUnionTypes: true, strictRequired: false });
for (const kind of resourceKind.options)
  ajv.addSchema(resourceJsonSchema(kind), `${kind}.schema.json`);
const validate = ajv.compile(anyResourceJsonSchema());

/** What an editor says. */
const fits = (resource: unknown): boolean => validate(resource);
/** What the broker says. */
const isTaken = (resource: unknown): boolean => {
  const written = asWritten(resource);
  return written.ok && parseResource(written.value).ok;
};

const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');
const resourcesIn = (text: string): unknown[] =>
  parseAllDocuments(text).flatMap((document) => {
    const value: unknown = document.toJS();
    return Array.isArray(value) ? value : [value];
  });

const documents = (folder: string): string[] =>
  readdirSync(new URL(folder, ROOT), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? documents(`${folder}${entry.name}/`)
      : entry.name.endsWith('.md')
        ? [`${folder}${entry.name}`]
        : [],
  );

/** Every resource that the project shows. */
const EXAMPLES: readonly (readonly [place: string, resource: unknown])[] = [
  ...['examples/bot.yaml', 'examples/bot-token.yaml', 'examples/role.yaml'].map((path) => [
    path,
    read(path),
  ]),
  ...['README.md', ...documents('docs/')].flatMap((path) =>
    codeBlocks(read(path).replaceAll(/^( *```yaml) .*$/gm, '$1'), 'yaml')
      .filter((text) => /^kind: \w+$/m.test(text))
      .map((text, i) => [`${path}, ${i + 1}`, text]),
  ),
].flatMap(([place = '', text = '']) =>
  resourcesIn(text).map((resource, i) => [`${place}: ${i + 1}`, resource] as const),
);

test('the examples of the project are found', () => {
  expect(EXAMPLES.length).toBeGreaterThan(15);
});

test.each(EXAMPLES)('%s is what the broker and an editor take', (_, resource) => {
  expect({ taken: isTaken(resource), fits: fits(resource) }).toEqual({ taken: true, fits: true });
});

test.each(PRESET_ROLES.map((role) => [role.metadata.name, role] as const))(
  'the preset role %s fits',
  (_, role) => {
    expect(fits(JSON.parse(JSON.stringify(role)))).toBe(true);
  },
);

/** Taken as people write them, and made what the schemas say: an editor tells what is to be written. */
const CORRECTED = ['03-deny-empty.yaml', '08-status.yaml', '13-lower-roles.yaml'];
/** What only code can check. */
const ONLY_CODE = ['11-expires-date.yaml', '21-node-labels.yaml', '22-logins-external.yaml'];
/** No text of YAML, or one that says something twice. */
const NO_YAML = ['29-tabs.yaml', '30-dup.yaml'];

describe.skipIf(!CASES.here)('files as people write them', () => {
  test.each(CASES.names.filter((name) => !NO_YAML.includes(name)))('%s', (name) => {
    for (const resource of resourcesIn(readFileSync(new URL(name, CASES.folder), 'utf8'))) {
      const taken = isTaken(resource);
      const expected = taken ? !CORRECTED.includes(name) : ONLY_CODE.includes(name);
      expect({ taken, fits: fits(resource) }).toEqual({ taken, fits: expected });
    }
  });
});

test.each([
  ['an unknown field', { spec: { roles: ['access'], role: 1 } }],
  ['a missing field', { spec: {} }],
  ['text in place of a list', { spec: { roles: 'access' } }],
  ['another version', { version: 'v9' }],
  ['no version', { version: undefined }],
  ['a name that is none', { metadata: { name: 'a/b' } }],
])('%s fits nowhere', (_, change) => {
  const bot = { kind: 'bot', version: 'v1', metadata: { name: 'a' }, spec: { roles: [] } };
  const changed = JSON.parse(JSON.stringify({ ...bot, ...change }));
  expect({ before: fits(bot), after: fits(changed) }).toEqual({ before: true, after: false });
  expect(isTaken(changed)).toBe(false);
});

describe.each(resourceKind.options)('of %s', (kind) => {
  const paths = fieldsOf(SCHEMAS[kind]).map(({ path }) => path);

  test('every field is described, and nothing that is no field', () => {
    for (const path of paths) expect(() => fieldAt(path, kind)).not.toThrow();
    const described = Object.keys(RESOURCES[kind].spec).map((name) => `spec.${name}`);
    expect(paths).toEqual(expect.arrayContaining(described));
  });

  /** Set by the broker, or another spelling of a field beside it. */
  const UNWRITTEN =
    /^metadata\.|^spec\.(?:secret_sha256|options\.(?:port_forwarding|forward_agent))$/;

  test('an example shows every field that people write', () => {
    const shown = RESOURCES[kind].examples.flatMap((text) => pathsIn(resourcesIn(text)[0]));
    const written = paths.filter((path) => !UNWRITTEN.test(path));
    expect(shown).toEqual(expect.arrayContaining(written));
  });
});

function pathsIn(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((one) => pathsIn(one, path));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const at = path === '' ? name : `${path}.${name}`;
    return [at, ...pathsIn(inner, at)];
  });
}
