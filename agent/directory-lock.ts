/**
 * One process at a time works in a directory. The lock is a Unix socket in it that its holder listens on: the kernel
 * ends that with the process, however it ends, so a name that nobody answers on is left over. Process ids would be told
 * apart neither after a reboot nor between containers; a socket is the same for all who see the directory on this
 * machine. It lies in the directory, so nobody else can take the name.
 *
 * Whoever wants the lock takes the next free number first and looks at the other numbers then: of two, the later one
 * sees the earlier one, so never do both get it. The lower number stays, the higher one gives way.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, withPlainErrors } from './durable-file.ts';
import { Failure } from './failure.ts';

const NUMBERED = /^joinbot\.lock\.(\d{1,15})$/;
const NEW = /^joinbot\.lock\.new-[0-9a-f]{12}$/;
/** So often may others take the number that was to be the next one. */
const TRIES = 100;
/** So long may one with a higher number take to give way. One that doesn't has the lock. */
const GIVE_WAY_MS = 3000;
const LOOK_EVERY_MS = 10;

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
      const name = await takeLock(directory, server, at);
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
async function takeLock(directory: string, server: Server, at: At): Promise<string> {
  // It listens before it gets a number: a number that doesn't answer is left over.
  const own = `joinbot.lock.new-${randomBytes(6).toString('hex')}`;
  await listen(server, at(own), directory);
  try {
    const number = await takeNumber(directory, at(own), at);
    if (number !== undefined && (await isAlone(directory, number, at))) {
      await removeLeftovers(directory, own, numbered(number), at);
      return numbered(number);
    }
    if (number !== undefined) await removeIfThere(at(numbered(number)));
  } finally {
    await removeIfThere(at(own));
  }
  throw new Failure(
    'busy',
    `another joinbot works with ${directory}: stop it first, or let it renew now (SIGHUP), or give this one a directory of its own`,
  );
}

const numbered = (number: number): string => `joinbot.lock.${number}`;

const numbersIn = async (directory: string): Promise<number[]> =>
  (await readdir(directory)).flatMap((name) => {
    const number = NUMBERED.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });

/** Takes the number after the highest one. `undefined` if that can't be done because of others. */
async function takeNumber(directory: string, own: string, at: At): Promise<number | undefined> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const number = Math.max(0, ...(await numbersIn(directory))) + 1;
    try {
      await link(own, at(numbered(number)));
      return number;
    } catch (error) {
      // The holder clears up, and took the new name for left over.
      if (codeOf(error) === 'ENOENT') return undefined;
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }
  return undefined;
}

/** Whether no other number answers; waits for higher ones to give way. */
async function isAlone(directory: string, own: number, at: At): Promise<boolean> {
  for (let waited = 0; waited <= GIVE_WAY_MS; waited += LOOK_EVERY_MS) {
    const others = (await numbersIn(directory)).filter((number) => number !== own);
    const alive: number[] = [];
    for (const number of others) if (await answers(at(numbered(number)))) alive.push(number);
    if (alive.length === 0) return true;
    if (alive.some((number) => number < own)) return false;
    await delay(LOOK_EVERY_MS);
  }
  return false;
}

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

/** Names of processes that died. Only the holder clears up: nobody else can come to hold one of them meanwhile. */
async function removeLeftovers(
  directory: string,
  own: string,
  held: string,
  at: At,
): Promise<void> {
  for (const name of await readdir(directory)) {
    const isLock = NUMBERED.test(name) || NEW.test(name);
    if (isLock && name !== own && name !== held && !(await answers(at(name))))
      await removeIfThere(at(name));
  }
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
