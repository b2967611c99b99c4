/** What the steps of the demonstration work with. */
import { join, relative } from 'node:path';
import process from 'node:process';
import type { Endpoints } from '../endpoints.ts';
import type { FunctionsHost } from '../functions-host.ts';
import { type Outcome, runProgram } from '../programs.ts';
import type { Report } from '../report.ts';

export interface Demo {
  /** The project's folder. */
  readonly root: string;
  /** The folder whose `.local` holds the stack's endpoints. */
  readonly directory: string;
  /** The folder for what the steps make. */
  readonly output: string;
  /** What the broker has logged so far, line by line. */
  readonly log: readonly string[];
  readonly report: Report;
  readonly endpoints: Endpoints;
  readonly host: FunctionsHost;
  /** Aborted when the demonstration is to end early. */
  readonly signal: AbortSignal;
}

/** A step did not prove what it is there for. */
export class StepFailed extends Error {
  /** What the programs said. */
  readonly details: readonly string[];

  constructor(message: string, details: readonly string[] = []) {
    super(message);
    this.details = details;
  }
}

/** Throws unless the condition holds; the message says what was expected. */
export function prove(
  condition: boolean,
  expected: string,
  ...outcomes: Outcome[]
): asserts condition {
  if (condition) return;
  const details = outcomes.flatMap(({ command, code, stdout, stderr }) => [
    `$ ${command}`,
    stdout + stderr,
    `exit code ${code}`,
  ]);
  throw new StepFailed(`Expected: ${expected}`, details);
}

/** Runs the built `joinctl` or `joinbot`, as one would in the project's folder. */
export async function runOwn(
  { root, directory, signal }: Demo,
  program: 'joinctl' | 'joinbot',
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Outcome> {
  const file = join(root, 'dist', `${program}.cjs`);
  const outcome = await runProgram(process.execPath, [file, ...args], {
    cwd: directory,
    env: { ...process.env, ...env },
    signal,
  });
  if (!outcome) throw new StepFailed(`${file} can't be run.`);
  const command = [program, ...args.map((argument) => relativeTo(root, argument))].join(' ');
  return { ...outcome, command };
}

const relativeTo = (folder: string, path: string): string =>
  path.startsWith(join(folder, '/')) ? relative(folder, path) : path;
