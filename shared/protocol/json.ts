/**
 * JSON in which every name of an object stands once. Of a name that stands twice one reader takes the first value and
 * another the last: whoever checks would see another thing than whoever acts (RFC 8259 section 4).
 */

/** The value of JSON text, or what was expected of it. */
export function parseStrictJson(
  text: string,
): { readonly value: unknown } | { readonly expected: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { expected: 'JSON text' };
  }
  return hasNameTwice(text) ? { expected: 'every name once in its object' } : { value };
}

/** Whether text that is JSON has a name twice in one object: one walk over its strings and brackets. */
function hasNameTwice(text: string): boolean {
  /** The names of each object that is open; an array has none. */
  const open: (Set<string> | undefined)[] = [];
  let nameIsNext = false;
  for (let i = 0; i < text.length; i += 1) {
    const character = text[i];
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined);
      nameIsNext = character === '{';
    } else if (character === '}' || character === ']') {
      open.pop();
      nameIsNext = false;
    } else if (character === ',') nameIsNext = open.at(-1) !== undefined;
    else if (character === '"') {
      const end = endOfString(text, i);
      const names = nameIsNext ? open.at(-1) : undefined;
      nameIsNext = false;
      if (names) {
        const name = nameOf(text.slice(i, end + 1));
        if (names.has(name)) return true;
        names.add(name);
      }
      i = end;
    }
  }
  return false;
}

/** Where the string that starts here ends: at the next quotation mark that no odd number of backslashes stands before. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end > 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

/** A name may be written in several ways: `a` is `\u0061`. */
const nameOf = (string: string): string =>
  string.includes('\\') ? String(JSON.parse(string)) : string.slice(1, -1);
