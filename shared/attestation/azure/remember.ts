import { keepLatest } from '../../remembered.ts';

/** What is remembered of what callers name has a bound. */
const MOST_REMEMBERED = 10_000;

export const remember = <T>(known: Map<string, T>, key: string, value: T): void =>
  keepLatest(known, key, value, MOST_REMEMBERED);
