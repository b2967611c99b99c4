/**
 * One process at a time works in a directory. The lock is a Unix socket in it that its holder listens on: the kernel
 * ends that with the process, however it ends, so a name that nobody answers on is left over. Process ids would be told
 * apart neither after a reboot nor between containers; a socket is the same for all who see the directory on this
 * machine. It lies in the directory, so nobody else can take the name.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, withPlainErrors } from './durable-file.ts';
import { Failure } from './failure.ts';
import { type LockPlace, takeLock } from './lock-number.ts';

/** Makes the directory if need be and locks it. What comes back gives it free. Throws a `Failure` if it is taken. */
export const lockDirectory = (directory: string): Promise<() => Promise<void>> =>
  withPlainErrors(directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const handle = await open(directory, 'r');
    // The address of a socket has at most 107 bytes; over the open directory it is short, whatever the directory's path.
    const isLinux = process.platform === 'linux';
    const at = (name: string): string =>
      join(isLinux ? `/proc/self/fd/${handle.fd}` : directory, name);
    const server = createServer((socket) => socket.destroy());
    try {
      const name = await lockWith(server, directory, at);
      return async () => {
        await removeIfThere(at(name));
        await closed(server);
        await handle.close();
      };
    } catch (error) {
      await closed(server);
      await handle.close();
      throw error;
    }
  });

type At = (name: string) => string;

/** Gives the name of the lock that was taken. */
async function lockWith(server: Server, directory: string, at: At): Promise<string> {
  // It listens before it gets a number: a number that doesn't answer is left over.
  const own = at(`joinbot.lock.new-${randomBytes(6).toString('hex')}`);
  await listen(server, own, directory);
  const name = await takeLock(placeIn(directory, own, at)).finally(() => removeIfThere(own));
  if (name !== undefined) return name;
  throw new Failure(
    'busy',
    `another joinbot works with ${directory}: stop it first, or let it renew now (SIGHUP), or give this one a directory of its own`,
  );
}

/** `own` is what listens. */
export const placeIn = (directory: string, own: string, at: At): LockPlace => ({
  names: () => readdir(directory),
  take: async (name) => {
    try {
      await link(own, at(name));
      return 'mine';
    } catch (error) {
      // The holder clears up, and took the new name for left over.
      if (codeOf(error) === 'ENOENT') return 'lost';
      if (codeOf(error) === 'EEXIST') return 'taken';
      throw error;
    }
  },
  answers: (name) => answers(at(name)),
  remove: (name) => removeIfThere(at(name)),
  sleep: (ms) => delay(ms),
});

function listen(server: Server, address: string, directory: string): Promise<void> {
  const { promise, resolve, reject } = promiseOf<void>();
  server.once('error', (error) => {
    const why = `a lock can't be made in ${directory} (${codeOf(error)}): joinbot needs a local file system that has sockets`;
    reject(new Failure('files', why, { cause: error }));
  });
  server.listen(address, resolve);
  // It doesn't keep the process from ending.
  server.unref();
  return promise;
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Whether somebody listens there. */
function answers(address: string): Promise<boolean> {
  const { promise, resolve } = promiseOf<boolean>();
  const socket = createConnection(address);
  socket.once('connect', () => resolve(true));
  socket.once('error', (error) => {
    const code = codeOf(error);
    resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT');
  });
  return promise.finally(() => socket.destroy());
}

const closed = (server: Server): Promise<void> => {
  const { promise, resolve } = promiseOf<void>();
  // An error says that it doesn't listen: then it is closed already.
  server.close(() => resolve());
  return promise;
};

/** `Promise.withResolvers`, which Node 20 doesn't have. */
function promiseOf<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}
