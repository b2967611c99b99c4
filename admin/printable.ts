/** Keeps what came from outside from steering a terminal (rule 15). */

/** Controls, marks that are not seen or change the direction of writing, and line separators. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The text as one line that is safe to show: whatever is not plainly visible becomes a replacement character. */
export const printable = (text: string): string =>
  text.replace(/\r?\n|\t/g, ' ').replace(UNSAFE, '\u{fffd}');

/** The text as a sentence, which ends once. */
export const ended = (text: string): string => (/[.?!]$/.test(text) ? text : `${text}.`);

/** Whether a text holds more than visible characters, line feeds and tabs. */
export const isUnsafe = (text: string): boolean => text.replace(/[\n\t]/g, '').search(UNSAFE) >= 0;

/** Writes unsafe characters, except line feeds and tabs, as escapes. */
export const escapeUnsafe = (text: string, asEscape: (codePoint: number) => string): string =>
  text.replace(UNSAFE, (character) =>
    character === '\n' || character === '\t' ? character : asEscape(character.codePointAt(0) ?? 0),
  );
