/**
 * JSON in which every name of an object stands once. Of a name that stands twice one reader takes the first value and
 * another the last: whoever checks would see another thing than whoever acts (RFC 8259 section 4). What is nested too
 * deep, or is more work than it may be, is refused before it is parsed.
 */

export interface JsonLimits {
  /** How many objects and arrays may be open at once. */
  readonly depth: number;
  /**
   * How much work reading may be: a character outside of strings is 1, an escape 4, a string 8, a name 32, an object or
   * array 16. The other characters of strings are free: nobody looks at them one by one.
   */
  readonly work: number;
}

/** For text whose size alone bounds the work: that of operators, files and answers that were asked for. */
const DEEP: JsonLimits = { depth: 64, work: Number.POSITIVE_INFINITY };

/**
 * For text of callers who have proved nothing. The largest honest request (sixteen certificates with 32 roles each, laid
 * out in lines) is less than 17,000, a token in 200 groups less than 3,000.
 */
export const STRANGERS: JsonLimits = { depth: 8, work: 18_000 };

/** The value of JSON text, or what was expected of it. */
export function parseStrictJson(
  text: string,
  limits: JsonLimits = DEEP,
): { readonly value: unknown } | { readonly expected: string } {
  const problem = problemOf(text, limits);
  if (problem !== undefined) return { expected: problem };
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { expected: 'JSON text' };
  }
}

/**
 * What keeps text from being parsed: one walk over its strings and brackets, which ends where it is too much. Of text that
 * is no JSON it may say anything.
 */
function problemOf(text: string, { depth, work }: JsonLimits): string | undefined {
  /** The names of each object that is open; an array has none. */
  const open: (Set<string> | undefined)[] = [];
  const strings = stringsOf(text);
  let nameIsNext = false;
  let left = work;
  for (let i = 0; i < text.length; i += 1) {
    left -= 1;
    const character = text[i];
    if (character === '{' || character === '[') {
      if (open.length === depth) return `JSON that is at most ${depth} objects and arrays deep`;
      open.push(character === '{' ? new Set() : undefined);
      nameIsNext = character === '{';
      left -= 15;
    } else if (character === '}' || character === ']') {
      open.pop();
      nameIsNext = false;
    } else if (character === ',') nameIsNext = open.at(-1) !== undefined;
    else if (character === '"') {
      const { end, escapes } = strings.endOf(i, left / 4);
      left -= 7 + 4 * escapes;
      const names = nameIsNext ? open.at(-1) : undefined;
      nameIsNext = false;
      if (names) {
        const name = nameOf(text.slice(i, end + 1));
        if (names.has(name)) return 'every name once in its object';
        names.add(name);
        left -= 24;
      }
      i = end;
    }
    if (left < 0) return 'JSON with fewer names, values, escapes and spaces';
  }
  return undefined;
}

/** Finds the ends of strings, in the order in which they stand in the text. */
function stringsOf(text: string) {
  let slash = text.indexOf('\\');
  return {
    /** Where the string that starts here ends, and how many escapes it has; it looks at so many and no more. */
    endOf(start: number, most: number): { readonly end: number; readonly escapes: number } {
      let escapes = 0;
      let end = text.indexOf('"', start + 1);
      while (slash >= 0 && slash < start) slash = text.indexOf('\\', start);
      while (slash >= 0 && slash < end && escapes <= most) {
        escapes += 1;
        if (slash + 1 === end) end = text.indexOf('"', end + 1);
        slash = text.indexOf('\\', slash + 2);
      }
      return { end: end < 0 ? text.length : end, escapes };
    },
  };
}

/** A name may be written in several ways: `a` is `\u0061`. What is no string is told when the whole is parsed. */
function nameOf(string: string): string {
  if (!string.includes('\\')) return string.slice(1, -1);
  try {
    return String(JSON.parse(string));
  } catch {
    return string;
  }
}
