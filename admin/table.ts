/** Text tables as the guides print them: a header, a line of dashes, columns as wide as what they hold. */
import { printable } from './printable.ts';

export interface Column<Row> {
  readonly header: string;
  readonly cell: (row: Row) => string;
  /** Cut where the terminal is too narrow. */
  readonly elastic?: true;
}

const NARROWEST = 12;

/** Rows as lines. `width` is the terminal's, where there is one: then, and only then, elastic columns are cut. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width = Number.POSITIVE_INFINITY,
): string {
  const cells = rows.map((row) => columns.map(({ cell }) => printable(cell(row))));
  const natural = columns.map(({ header }, at) =>
    Math.max(length(header), ...cells.map((line) => length(line[at] ?? ''))),
  );
  const widths = fittingWidths(columns, natural, width);
  const line = (texts: readonly string[]): string =>
    `${texts
      .map((text, at) => pad(cut(text, widths[at] ?? 0), widths[at] ?? 0))
      .join(' ')
      .trimEnd()}\n`;
  const header = line(columns.map((column) => column.header));
  return [header, line(widths.map((size) => '-'.repeat(size))), ...cells.map(line)].join('');
}

function fittingWidths<Row>(
  columns: readonly Column<Row>[],
  natural: readonly number[],
  width: number,
): readonly number[] {
  const widths = [...natural];
  let excess = natural.reduce((sum, size) => sum + size + 1, -1) - width;
  for (const [at, { header, elastic }] of [...columns.entries()].toReversed()) {
    const size = widths[at] ?? 0;
    const spare = elastic ? Math.max(0, size - Math.max(NARROWEST, length(header))) : 0;
    const taken = Math.max(0, Math.min(spare, excess));
    widths[at] = size - taken;
    excess -= taken;
  }
  return widths;
}

const length = (text: string): number => [...text].length;

const pad = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - length(text)));

const cut = (text: string, width: number): string =>
  length(text) <= width ? text : `${[...text].slice(0, width - 3).join('')}...`;
