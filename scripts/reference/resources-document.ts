/** docs/reference/resources.md: every kind of resource, every field. */
import { type ResourceKind, resourceKind, VERSIONS } from '../../shared/protocol/resource.ts';
import { SCHEMAS } from '../../shared/resources/resource.ts';
import { cell, MADE } from './markdown.ts';
import { RESOURCES } from './resource-fields.ts';
import { fieldAt } from './resource-schema.ts';
import { fieldsOf, type SchemaField } from './schema-fields.ts';

export const resourcesMarkdown = (): string =>
  [
    '# Resources',
    '',
    MADE,
    '',
    'A resource is YAML or JSON with the fields `kind`, `version`, `metadata` and `spec`; other fields are refused. As JSON it has at most',
    '32,768 characters. An editor checks a file against the JSON Schema beside this document: `# yaml-language-server:',
    '$schema=<where it lies>/resource.schema.json` in its first line, or the schema of its kind. What only the broker can check (whether names',
    'exist, whether a certificate is good) it says when the resource is written: `joinctl create --dry-run`.',
    '',
    '## metadata',
    '',
    'The same for all kinds.',
    '',
    ...tableOf(fieldsOf(SCHEMAS.bot).filter(isBelow('metadata')), 'metadata', 'bot'),
    ...resourceKind.options.flatMap((kind) => ['', ...sectionOf(kind)]),
    '',
  ].join('\n');

function sectionOf(kind: ResourceKind): readonly string[] {
  const { about, examples } = RESOURCES[kind];
  const versions = VERSIONS[kind].map((version) => `\`${version}\``).join(', ');
  return [
    `## ${kind}`,
    '',
    `${about} Version ${versions}. [JSON Schema](${kind}.schema.json).`,
    '',
    ...tableOf(fieldsOf(SCHEMAS[kind]).filter(isBelow('spec')), 'spec', kind),
    '',
    '```yaml',
    examples.join('---\n').trimEnd(),
    '```',
  ];
}

const isBelow =
  (part: string) =>
  ({ path }: SchemaField): boolean =>
    path.startsWith(`${part}.`);

const tableOf = (
  fields: readonly SchemaField[],
  part: string,
  kind: ResourceKind,
): readonly string[] => [
  `| ${part}. | type | without it | limits | what |`,
  '| --- | --- | --- | --- | --- |',
  ...fields.map(({ path, type, required, limits }) => {
    const { about = '', absent = '' } = fieldAt(path, kind) ?? {};
    const without = required ? '**must be there**' : cell(absent);
    const name = path.slice(part.length + 1);
    return `| \`${name}\` | ${cell(type)} | ${without} | ${cell(limits.join('; '))} | ${cell(about)} |`;
  }),
];
