/** How messages name a field. */

/** A path as people write it: dots between names, brackets around positions. */
export const fieldPath = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const name = printable(String(part));
    return text === '' ? name : `${text}.${name}`;
  }, '');

/** Names are the input's own text: no control characters, and not too long. */
const printable = (text: string): string => text.slice(0, 64).replace(/[^\x21-\x7e]/g, '?');
