/** Everything through which a command touches the world, passed in so that tests run commands in process. */
import type { SignIn } from './sign-in/sign-in.ts';

export interface Output {
  readonly write: (text: string) => void;
  /** The terminal's width in characters; absent where the output is no terminal. */
  readonly columns?: number;
}

/** What commands need of `fetch`, with limits that hold. It follows no redirect. */
export type Fetch = (url: string, request: FetchRequest) => Promise<Response>;

interface FetchRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly timeoutMs: number;
  readonly mostBytes: number;
}

export interface Io {
  readonly fetch: Fetch;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly readStdin: () => Promise<string>;
  /** Whether a person types there, who would be waited for. */
  readonly stdinIsTerminal: boolean;
  /** Shows a question on stderr and reads a line from the terminal; empty at its end. */
  readonly ask: (question: string) => Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The operator's home directory. */
  readonly home: string;
  /** Where temporary files go. */
  readonly temporary: string;
  readonly now: () => Date;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Runs a task after some time, unless what it gives back is called before. */
  readonly after: (milliseconds: number, task: () => void) => () => void;
  /** Calls back when somebody ends the program (Ctrl-C), instead of ending it, unless what it gives back is called before. */
  readonly onInterrupt: (stop: () => void) => () => void;
  readonly randomId: () => string;
  /** Opens a file in an editor, given as the shell command that `$EDITOR` holds, and waits; answers its exit code. */
  readonly openEditor: (command: string, file: string) => Promise<number>;
  readonly signIn: SignIn;
}
