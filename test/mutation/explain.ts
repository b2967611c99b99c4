/** What survived, beside what is explained. */
import type { Explanation } from './explained/explanation.ts';

/** What is needed of one of Stryker's results. Lines and columns count from 1. */
export interface Mutant {
  readonly fileName: string;
  readonly mutatorName: string;
  readonly replacement: string;
  readonly status: string;
  /** The change is made when the code is loaded. */
  readonly isConstant: boolean;
  readonly location: { readonly start: Position; readonly end: Position };
}
interface Position {
  readonly line: number;
  readonly column: number;
}

const SURVIVED = ['Survived', 'NoCoverage'];

/** `survivors` have no explanation; `stale` explanations are about nothing that survived in the files that were run. */
export function explain(
  mutants: readonly Mutant[],
  sources: ReadonlyMap<string, string>,
  explained: Readonly<Record<string, readonly Explanation[]>>,
): { survivors: string[]; stale: string[] } {
  const used = new Set<string>();
  const survivors: string[] = [];
  for (const mutant of mutants.filter(({ status }) => SURVIVED.includes(status))) {
    const { fileName, location, replacement, status } = mutant;
    const lines = (sources.get(fileName) ?? '').split('\n');
    const line = lines[location.start.line - 1]?.trim() ?? '';
    const found = explained[fileName]?.some(
      (entry) =>
        entry.line === line &&
        entry.becomes.some((text) => plain(text) === plain(replacement)) &&
        used.add(keyOf(fileName, line, replacement)),
    );
    if (found) continue;
    const how = status === 'NoCoverage' ? ', which no test runs' : '';
    survivors.push(
      `${fileName}:${location.start.line}:${location.start.column}${how}\n- ${textAt(lines, location)}\n+ ${replacement}`,
    );
  }
  const stale = Object.entries(explained)
    .filter(([file]) => sources.has(file))
    .flatMap(([file, entries]) =>
      entries.flatMap(({ line, becomes }) =>
        becomes
          .filter((text) => !used.has(keyOf(file, line, text)))
          .map((text) => `${file}: ${line} => ${text}`),
      ),
    );
  return { survivors, stale };
}

const plain = (text: string): string => text.replaceAll(/\s+/g, '');
const keyOf = (file: string, line: string, becomes: string): string =>
  JSON.stringify([file, line, plain(becomes)]);

function textAt(lines: readonly string[], { start, end }: Mutant['location']): string {
  const all = lines.slice(start.line - 1, end.line);
  const last = all.length - 1;
  const cut = all.map((line, i) =>
    line.slice(i === 0 ? start.column - 1 : 0, i === last ? end.column - 1 : undefined),
  );
  return cut.join('\n');
}
