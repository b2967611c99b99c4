/** Compares two texts line by line and writes the difference as `diff -u` does. */

type Edit = readonly [mark: ' ' | '-' | '+', line: string];

const CONTEXT = 3;
/** Texts with more pairs of lines than this are not compared: all lines go, all lines come. */
const MOST_PAIRS = 4_000_000;

/** The hunks of a unified diff, line by line, without its header; none where the texts are the same. */
export function unifiedDiff(before: string, after: string): readonly string[] {
  const edits = compare(linesOf(before), linesOf(after));
  return hunksOf(edits).flatMap(({ start, end }) => {
    const lines = edits.slice(start, end);
    const from = rangeOf(edits.slice(0, start), lines, '-');
    const to = rangeOf(edits.slice(0, start), lines, '+');
    return [`@@ -${from} +${to} @@`, ...lines.map(([mark, line]) => mark + line)];
  });
}

const linesOf = (text: string): readonly string[] =>
  text === '' ? [] : text.replace(/\n$/, '').split('\n');

/** `first line,count`; a range without lines is named by the line before it. */
function rangeOf(earlier: readonly Edit[], lines: readonly Edit[], side: '-' | '+'): string {
  const count = (edits: readonly Edit[]): number =>
    edits.filter(([mark]) => mark === ' ' || mark === side).length;
  const length = count(lines);
  const first = count(earlier) + (length > 0 ? 1 : 0);
  return length === 1 ? `${first}` : `${first},${length}`;
}

/** The parts around changes; two changes whose context touches share one. */
function hunksOf(edits: readonly Edit[]): readonly { start: number; end: number }[] {
  const hunks: { start: number; end: number }[] = [];
  for (const [at, [mark]] of edits.entries()) {
    if (mark === ' ') continue;
    const start = Math.max(at - CONTEXT, 0);
    const end = Math.min(at + 1 + CONTEXT, edits.length);
    const last = hunks.at(-1);
    if (last && start <= last.end) last.end = end;
    else hunks.push({ start, end });
  }
  return hunks;
}

function compare(before: readonly string[], after: readonly string[]): readonly Edit[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start])
    start += 1;
  let tail = 0;
  const longest = Math.min(before.length, after.length) - start;
  while (tail < longest && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const same = (line: string): Edit => [' ', line];
  return [
    ...before.slice(0, start).map(same),
    ...compareMiddle(
      before.slice(start, before.length - tail),
      after.slice(start, after.length - tail),
    ),
    ...before.slice(before.length - tail).map(same),
  ];
}

/** By the longest common subsequence of lines. */
function compareMiddle(before: readonly string[], after: readonly string[]): readonly Edit[] {
  const common =
    before.length * after.length > MOST_PAIRS ? undefined : commonLengths(before, after);
  const removalKeepsMore = (i: number, j: number): boolean =>
    !common || common(i + 1, j) >= common(i, j + 1);
  const edits: Edit[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    const [old, fresh] = [before[i], after[j]];
    if (common && old !== undefined && old === fresh) {
      edits.push([' ', old]);
      i += 1;
      j += 1;
    } else if (fresh === undefined || (old !== undefined && removalKeepsMore(i, j))) {
      edits.push(['-', old ?? '']);
      i += 1;
    } else {
      edits.push(['+', fresh]);
      j += 1;
    }
  }
  return edits;
}

/** How many lines two tails have in common at most: the one from line `i`, the other from line `j`. */
function commonLengths(
  before: readonly string[],
  after: readonly string[],
): (i: number, j: number) => number {
  const width = after.length + 1;
  const lengths = new Uint16Array((before.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] =
        before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  return at;
}
