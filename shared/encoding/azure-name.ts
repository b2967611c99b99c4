/**
 * Names in Azure (groups, machines, resource ids) differ in case only by accident: everything that compares them compares
 * what this makes of them (rule 3).
 */

const ASCII = /^[\0-\x7f]*$/;

/**
 * The name in lower case, which no other name shares but those that differ from it in case alone; `undefined` where a
 * letter has no plain partner. The Kelvin sign's lower case is `k`, but no `k` becomes a Kelvin sign: a name with such a
 * letter would pass for another one.
 */
export function foldAzureName(name: string): string | undefined {
  if (ASCII.test(name)) return name.toLowerCase();
  let folded = '';
  for (const letter of name) {
    const lower = letter.toLowerCase();
    const upper = upperOf(lower);
    const plain = (letter === lower || letter === upper) && upper.toLowerCase() === lower;
    if (!plain) return undefined;
    folded += lower;
  }
  return folded;
}

/** Whether two names are the same one. A name that has no folding is nobody's. */
export function isSameAzureName(a: string, b: string): boolean {
  const folded = foldAzureName(a);
  return folded !== undefined && folded === foldAzureName(b);
}

/** A letter's upper case; the letter itself where that would be several, as with the German sharp s. */
function upperOf(letter: string): string {
  const upper = letter.toUpperCase();
  return [...upper].length === 1 ? upper : letter;
}
