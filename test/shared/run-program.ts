/** Runs a program of the system on files of a folder of their own, and gives what it prints. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ProgramInput {
  /** Contents by name; `@name` in an argument is that file's path. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly stdin?: string | Uint8Array;
}

/** What the program writes to its standard output. Fails where the program does. */
export function runProgram(
  program: string,
  args: readonly string[],
  { files = {}, stdin = '' }: ProgramInput = {},
): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'join-broker-test-'));
  try {
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(folder, name), content, { mode: 0o600 });
    const paths = args.map((arg) => arg.replace(/^@/, `${folder}/`));
    return execFileSync(program, paths, { cwd: folder, input: stdin, stdio: 'pipe' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The same, as text. */
export const textOf = (...call: Parameters<typeof runProgram>): string =>
  runProgram(...call).toString('utf8');
