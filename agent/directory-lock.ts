/**
 * One process at a time works in a directory. The lock is a Unix socket in it that its holder listens on: the kernel
 * ends that with the process, however it ends, so a name that nobody answers on is left over and may be taken. Process
 * ids would be told apart neither after a reboot nor between containers; a socket is the same for all who see the
 * directory on this machine. It lies in the directory, so nobody else can take the name.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { codeOf, withPlainErrors } from './durable-file.ts';
import { Failure } from './failure.ts';

const LOCK = 'joinbot.lock';
const LEFTOVER = /^joinbot\.lock\.[0-9a-f]{12}$/;
/** Each time, somebody's leftover was cleared away. */
const TRIES = 10;

/** Makes the directory if need be and locks it. What comes back gives it free. Throws a `Failure` if it is taken. */
export const lockDirectory = (directory: string): Promise<() => Promise<void>> =>
  withPlainErrors(directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const handle = await open(directory, 'r');
    // The address of a socket has at most 107 bytes; over the open directory it is short, whatever the directory's path.
    const at = (name: string): string =>
      process.platform === 'linux' ? `/proc/self/fd/${handle.fd}/${name}` : join(directory, name);
    const server = createServer((socket) => socket.destroy());
    try {
      const held = await takeLock(directory, server, at);
      return async () => {
        const present = await stat(at(LOCK)).catch(() => undefined);
        if (present?.ino === held) await unlink(at(LOCK));
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

/** Gives the inode of the lock that was taken. */
async function takeLock(directory: string, server: Server, at: At): Promise<number> {
  // It listens before it gets the name: what has the name and doesn't answer is dead.
  const own = leftoverName();
  await listen(server, at(own), directory);
  try {
    for (let tries = 1; tries <= TRIES; tries += 1) {
      if (await isLinked(at(own), at(LOCK))) {
        await removeLeftovers(directory, at);
        return (await stat(at(LOCK))).ino;
      }
      if (await answers(at(LOCK))) break;
      if (!(await removeDead(at))) break;
    }
  } finally {
    await unlink(at(own)).catch(() => undefined);
  }
  throw new Failure(
    'files',
    `another joinbot works with ${directory}: stop it first, or let it renew now (SIGHUP), or give this one a directory of its own`,
  );
}

const leftoverName = (): string => `${LOCK}.${randomBytes(6).toString('hex')}`;

function listen(server: Server, address: string, directory: string): Promise<void> {
  const { promise, resolve, reject } = promiseOf<void>();
  server.once('error', (error) => {
    const why = `a lock can't be made in ${directory} (${codeOf(error) || error.message}): joinbot needs a local file system that has sockets`;
    reject(new Failure('files', why, { cause: error }));
  });
  server.listen(address, resolve);
  // It doesn't keep the process from ending.
  server.unref();
  return promise;
}

/** Whether the socket got the lock's name: only one can. Without its own name it lost to one that cleared up. */
async function isLinked(own: string, lock: string): Promise<boolean> {
  try {
    await link(own, lock);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Clears a dead lock away. `false` if another process has taken it in the meantime: that one gets its name back. */
async function removeDead(at: At): Promise<boolean> {
  const aside = leftoverName();
  try {
    await rename(at(LOCK), at(aside));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    throw error;
  }
  const isAlive = await answers(at(aside));
  if (isAlive) await isLinked(at(aside), at(LOCK));
  await unlink(at(aside));
  return !isAlive;
}

/** Names of processes that ended while they took the lock. */
async function removeLeftovers(directory: string, at: At): Promise<void> {
  for (const name of await readdir(directory)) {
    if (LEFTOVER.test(name) && !(await answers(at(name)))) {
      await unlink(at(name)).catch(() => undefined);
    }
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
