#!/usr/bin/env node
/** The process around `joinctl`: gives `run` the real world and exits with its code. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { homedir, tmpdir } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { textOf } from './files.ts';
import type { Io, Output } from './io.ts';
import { nodeFetch } from './node-fetch.ts';
import { run } from './run.ts';

const INTERRUPTS = ['SIGINT', 'SIGTERM'] as const;

const io: Io = {
  fetch: nodeFetch,
  stdout: outputOf(process.stdout),
  stderr: outputOf(process.stderr),
  readStdin: async () => textOf(await buffer(process.stdin), 'stdin'),
  stdinIsTerminal: process.stdin.isTTY === true,
  ask,
  env: process.env,
  cwd: process.cwd(),
  home: homedir(),
  temporary: tmpdir(),
  now: () => new Date(),
  sleep: async (milliseconds) => delay(milliseconds),
  after: (milliseconds, task) => {
    const timer = setTimeout(task, milliseconds);
    return () => clearTimeout(timer);
  },
  onInterrupt: (stop) => {
    for (const signal of INTERRUPTS) process.once(signal, stop);
    return () => {
      for (const signal of INTERRUPTS) process.off(signal, stop);
    };
  },
  randomId: randomUUID,
  openEditor,
  signIn: async (request) => (await import('./sign-in/entra.ts')).signInWithEntra(request),
};

async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    terminal.once('close', () => resolve(''));
    terminal.question(question, (line) => {
      resolve(line);
      terminal.close();
    });
  });
}

/** As git does it: the editor's command may hold arguments, so a shell reads it; the file's name is passed apart. */
function openEditor(command: string, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const editor =
      process.platform === 'win32'
        ? spawn(`${command} "${file}"`, { stdio: 'inherit', shell: true })
        : spawn('sh', ['-c', `${command} "$@"`, 'sh', file], { stdio: 'inherit' });
    editor.once('error', reject);
    editor.once('exit', (code) => resolve(code ?? 1));
  });
}

function outputOf(stream: NodeJS.WriteStream): Output {
  return {
    write: (chunk) => {
      stream.write(chunk);
    },
    ...(stream.isTTY && { columns: stream.columns }),
  };
}

/** A reader that has seen enough (`| head`) is no failure. */
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') process.exit(0);
  const reason = code === 'ENOSPC' ? 'there is no space left' : (code ?? message);
  process.stderr.write(`joinctl: The output can't be written: ${reason}.\n`);
  process.exit(1);
});
/** Where messages can't be written either, the exit code says it. */
process.stderr.on('error', () => process.exit(1));

run(process.argv.slice(2), io).then((code) => {
  process.exitCode = code;
});
