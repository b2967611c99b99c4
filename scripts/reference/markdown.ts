/** What the documents of the reference have in common. */

export const MADE =
  'Made by `npm run build` from what the broker itself checks and says: change it there.';

/** Text in a cell of a table: nothing in it is taken for markup. */
export const cell = (text: string): string =>
  text.replace(/[|*<>]/g, (character) => `\\${character}`);
