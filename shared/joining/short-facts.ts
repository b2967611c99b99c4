/**
 * What is told of an attempt to join is short enough for one line and one row: a column of Table Storage takes 32,768
 * characters, and so does a message of Application Insights. Everything else in it has limits of its own, about 12,000
 * characters in all.
 */
import type { JoinEvent } from '../telemetry/telemetry.ts';

type Long = Pick<JoinEvent, 'detail' | 'logins'>;

/** As JSON. */
const MOST_CHARACTERS = 6000;
/** A character is at most six in JSON. */
const LONGEST_ESCAPE = 6;

/** The same facts, where the detail and the logins are cut off with `…` if they are too long. */
export const shortFacts = <T extends Long>(facts: T): T => ({
  ...facts,
  ...(facts.detail !== undefined && { detail: shortText(facts.detail) }),
  ...(facts.logins !== undefined && { logins: shortList(facts.logins) }),
});

const lengthOf = (value: unknown): number => JSON.stringify(value).length;

const shortText = (text: string): string =>
  lengthOf(text) <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS / LONGEST_ESCAPE)}…`;

function shortList(texts: readonly string[]): readonly string[] {
  let left = MOST_CHARACTERS;
  const end = texts.findIndex((text) => {
    left -= lengthOf(text) + 1;
    return left < 0;
  });
  return end < 0 ? texts : [...texts.slice(0, end), '…'];
}
