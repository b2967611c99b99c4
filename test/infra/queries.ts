/** All queries: of the alerts, of the workbook with something put in for its parameters, and of the documents. */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import type { BicepFile } from './bicep-file.ts';
import { readValue, type Value } from './bicep-value.ts';
import { bicepFile, ROOT, readText } from './project-files.ts';

export interface Query {
  readonly name: string;
  readonly text: string;
}

export const alertQueries: readonly Query[] = globSync('infra/alerts/*.kql', { cwd: ROOT })
  .toSorted()
  .map((path) => ({ name: basename(path, '.kql'), text: readText(path.replaceAll('\\', '/')) }));

/** The rules of `alerts.bicep`: each one's section of the runbook, and how far back its query looks, as ISO 8601 has it. */
export const alertRules = alertRulesOf(bicepFile('infra/alerts.bicep'));

/** The blocks of Kusto in docs/, for people to copy. */
export const documentQueries: readonly Query[] = globSync('docs/*.md', { cwd: ROOT })
  .toSorted()
  .flatMap((path) =>
    [...readText(path).matchAll(/^( *)```kusto\n(.*?)^ *```$/gms)].map(
      ([, , text = ''], index) => ({
        name: `${basename(path)} ${index + 1}`,
        text,
      }),
    ),
  );

/** As much of the form of a workbook as is read here. */
interface Workbook {
  readonly items: readonly {
    readonly name: string;
    readonly content: {
      readonly query?: string;
      readonly parameters?: readonly { readonly name: string; readonly type: number }[];
      readonly timeContextFromParameter?: string;
      readonly crossComponentResources?: readonly string[];
    };
  }[];
  readonly fallbackResourceIds: readonly string[];
}

export const workbook: Workbook = JSON.parse(readText('infra/workbook.json'));

export const workbookQueries: readonly Query[] = workbook.items.flatMap(({ name, content }) =>
  content.query === undefined ? [] : [{ name, text: content.query }],
);

const TIME_RANGE = 4;

/** The query as the portal sends it. A parameter that the workbook doesn't have stays, and is no Kusto. */
export function withParameters({ text }: Query): string {
  const parameters = workbook.items.flatMap(({ content }) => content.parameters ?? []);
  return parameters
    .reduce(
      (query, { name, type }) =>
        type === TIME_RANGE
          ? query.replaceAll(`{${name}:grain}`, '1h')
          : query.replaceAll(`{${name}}`, '0.5'),
      text,
    )
    .replaceAll('<instance memory>', '2048');
}

function alertRulesOf(
  file: BicepFile,
): readonly { readonly section: string; readonly range: string }[] {
  const list = file.declarations.find(({ name }) => name === 'alerts')?.value;
  const alerts = list && readValue(file, list);
  const textOf = (value?: Value): string => (value?.kind === 'text' ? value.text : '');
  return (alerts?.kind === 'list' ? alerts.items : []).map((item) => {
    const { section, range } = item.kind === 'object' ? item.properties : {};
    return { section: textOf(section), range: textOf(range) };
  });
}
