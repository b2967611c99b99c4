/** What a command is: its words, its shape, its help, and what it does. */
import type { Arguments } from './arguments.ts';
import type { FlagName } from './flags.ts';
import type { Io } from './io.ts';

export interface Command {
  /** `['bots', 'add']` */
  readonly words: readonly string[];
  readonly summary: string;
  /** `<file|->`; in brackets where it may be left out; with ` …` at its end where more may follow. */
  readonly operands: readonly string[];
  /** The flags it takes beside the global ones, with what help says about each. */
  readonly flags: Partial<Record<FlagName, string>>;
  readonly examples: readonly string[];
  /** Ends early with a `Failure`. */
  readonly run: (io: Io, args: Arguments) => Promise<void>;
}
