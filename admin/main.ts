#!/usr/bin/env node
/** The process around `joinctl`: gives `run` the real world and exits with its code. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { homedir, tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Io, Output } from './io.ts';
import { nodeFetch } from './node-fetch.ts';
import { run } from './run.ts';

const io: Io = {
  fetch: nodeFetch,
  stdout: outputOf(process.stdout),
  stderr: outputOf(process.stderr),
  readStdin: () => text(process.stdin),
  stdinIsTerminal: process.stdin.isTTY === true,
  env: process.env,
  cwd: process.cwd(),
  home: homedir(),
  temporary: tmpdir(),
  now: () => new Date(),
  sleep: async (milliseconds) => sleep(milliseconds),
  randomId: randomUUID,
  openEditor,
  signIn: async (request) => (await import('./sign-in/entra.ts')).signInWithEntra(request),
};

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
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

run(process.argv.slice(2), io).then((code) => {
  process.exitCode = code;
});
