/** What the doctor found, and how it says so. */
import { plainError } from '../durable-file.ts';
import { Failure } from '../failure.ts';
import { printable } from '../printable.ts';

/** `warning`: it works, or may; `problem`: it doesn't, or won't for long. */
export interface Finding {
  readonly verdict: 'ok' | 'warning' | 'problem';
  readonly said: string;
}

export const ok = (said: string): Finding => ({ verdict: 'ok', said });
export const warning = (said: string): Finding => ({ verdict: 'warning', said });
export const problem = (said: string): Finding => ({ verdict: 'problem', said });

/** One thing to look at. */
export interface Check {
  /** One word or two, for the second column. */
  readonly what: string;
  /** May throw a `Failure`, which is a problem. */
  readonly look: () => Promise<Finding | readonly Finding[]>;
}

export async function findingsOf(look: Check['look']): Promise<readonly Finding[]> {
  try {
    const found = await look();
    return 'verdict' in found ? [found] : found;
  } catch (thrown) {
    const error = plainError(thrown);
    if (!(error instanceof Failure) || error.code === 'stopped') throw error;
    return [problem(error.message)];
  }
}

const MARKS = { ok: 'ok', warning: 'WARNING', problem: 'PROBLEM' } as const;

export const lineOf = (what: string, { verdict, said }: Finding): string =>
  `${MARKS[verdict].padEnd(8)} ${what.padEnd(10)} ${printable(said, 1000)}\n`;
