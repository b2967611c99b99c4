/** Names of join tokens that nobody chose: the bot's or system role's, and six random letters. */
import type { Io } from '../io.ts';

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const COUNT = 6;
const LONGEST_NAME = 63;

/** `robot-kqzvwe`. It is public: what nobody may guess is the secret. */
export function madeName(io: Io, base: string): string {
  let number = Number.parseInt(io.randomId().slice(-12), 16);
  let letters = '';
  for (let i = 0; i < COUNT; i += 1) {
    letters = LETTERS.charAt(number % LETTERS.length) + letters;
    number = Math.floor(number / LETTERS.length);
  }
  return `${base.slice(0, LONGEST_NAME - COUNT - 1)}-${letters}`;
}
