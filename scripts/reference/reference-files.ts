/** Everything in docs/reference: made when the project is built, for whoever changed its sources to commit. */
import { configJsonSchema } from '../../agent/config-document/json-schema.ts';
import { resourceKind } from '../../shared/protocol/resource.ts';
import { denialsMarkdown } from './denials-document.ts';
import { MADE } from './markdown.ts';
import { problemsMarkdown } from './problems-document.ts';
import { anyResourceJsonSchema, resourceJsonSchema } from './resource-schema.ts';
import { resourcesMarkdown } from './resources-document.ts';

const FOLDER = 'docs/reference';

/** Paths, and the text of each. */
export function referenceFiles(): readonly (readonly [path: string, text: string])[] {
  const schemas: readonly (readonly [string, object])[] = [
    ['joinbot', configJsonSchema()],
    ['resource', anyResourceJsonSchema()],
    ...resourceKind.options.map((kind) => [kind, resourceJsonSchema(kind)] as const),
  ];
  return [
    [`${FOLDER}/README.md`, CONTENTS],
    [`${FOLDER}/resources.md`, resourcesMarkdown()],
    [`${FOLDER}/denials.md`, denialsMarkdown()],
    [`${FOLDER}/problems.md`, problemsMarkdown()],
    ...schemas.map(
      ([name, schema]) =>
        [`${FOLDER}/${name}.schema.json`, `${JSON.stringify(schema, null, 2)}\n`] as const,
    ),
  ];
}

const CONTENTS = `# Reference

${MADE}

- [Resources](resources.md): every kind, every field with its type, limits and what holds without it
- [Why a join is denied](denials.md): every reason with its cause, what mends it, and the test that shows it
- [Codes of the API](problems.md): every code with its cause, what to do, and the test that shows it
- [Settings](../settings.md) of the broker, and [its metrics](../metrics.md)
- JSON Schemas for editors: [any resource](resource.schema.json), or one of its kind:
${resourceKind.options.map((kind) => `  [${kind}](${kind}.schema.json)`).join(',\n')};
  and [the config file of joinbot](joinbot.schema.json)
- The API as OpenAPI: \`GET /v1/openapi.json\` of a broker
`;
