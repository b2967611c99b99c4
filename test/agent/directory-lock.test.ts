import { once } from 'node:events';
import { link, mkdir, readdir, rm, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, test } from 'vitest';
import { lockDirectory, placeIn } from '../../agent/directory-lock.ts';
import { temporaryFolder } from './folder.ts';
import { openAt } from './open-files.ts';

/** What a process leaves in a directory that dies while it has the lock, or while it takes it. */
async function leaveBehind(directory: string, name = 'joinbot.lock.1'): Promise<void> {
  const server = createServer();
  const path = join(directory, 'socket');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  await link(path, join(directory, name));
  // This removes the name that it listened on, and no other.
  await new Promise((resolve) => server.close(resolve));
}

async function outcomes(attempts: readonly Promise<() => Promise<void>>[]) {
  const settled = await Promise.allSettled(attempts);
  return {
    holders: settled.filter((one) => one.status === 'fulfilled').map(({ value }) => value),
    said: settled.filter((one) => one.status === 'rejected').map(({ reason }) => String(reason)),
  };
}

const TAKEN = /another joinbot works with .*: stop it first, or let it renew now \(SIGHUP\)/;

test('one at a time has the directory, and leaves nothing in it', async () => {
  const directory = join(await temporaryFolder(), 'bot');
  const free = await lockDirectory(directory);
  await expect(lockDirectory(directory)).rejects.toThrow(TAKEN);
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'busy' });
  expect(await readdir(directory)).toEqual(['joinbot.lock.1']);
  await free();
  expect(await readdir(directory)).toEqual([]);
  await (await lockDirectory(directory))();
});

test('a directory that it makes is for nobody but its owner', async () => {
  const directory = join(await temporaryFolder(), 'bot');
  await (await lockDirectory(directory))();
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
});

test.skipIf(process.platform !== 'linux')('keeps nothing open that it does not need', async () => {
  const directory = await temporaryFolder();
  const free = await lockDirectory(directory);
  await expect(lockDirectory(directory)).rejects.toThrow(TAKEN);
  expect(await openAt(directory)).toEqual([directory]);
  await free();
  expect(await openAt(directory)).toEqual([]);
});

test('takes over from a process that died', async () => {
  const directory = await temporaryFolder();
  await leaveBehind(directory);
  await leaveBehind(directory, 'joinbot.lock.new-0123456789ab');
  const free = await lockDirectory(directory);
  expect(await readdir(directory)).toEqual(['joinbot.lock.2']);
  await expect(lockDirectory(directory)).rejects.toThrow(TAKEN);
  await free();
});

test.each([
  ['two', 2, 'at once', async () => undefined],
  ['two', 2, 'at once after a power cut', leaveBehind],
  ['eight', 8, 'at once after a power cut', leaveBehind],
] as const)('of %s (%i) that start %s, exactly one gets it', async (_, many, __, prepare) => {
  for (let i = 0; i < 10; i += 1) {
    const directory = await temporaryFolder();
    await prepare(directory);
    const { holders, said } = await outcomes(
      Array.from({ length: many }, () => lockDirectory(directory)),
    );
    expect(holders).toHaveLength(1);
    expect(said).toEqual(Array.from({ length: many - 1 }, () => expect.stringMatching(TAKEN)));
    await holders[0]?.();
  }
});

test('a directory with a long path, and with a file of the same name', async () => {
  const directory = join(await temporaryFolder(), 'x'.repeat(120), 'y'.repeat(120));
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'joinbot.lock.1'), '');
  const free = await lockDirectory(directory);
  await expect(lockDirectory(directory)).rejects.toThrow(TAKEN);
  await free();
});

describe('a name', () => {
  test('that nobody can be asked behind is taken for that of a holder', async () => {
    const directory = await temporaryFolder();
    await symlink('joinbot.lock.1', join(directory, 'joinbot.lock.1'));
    await expect(lockDirectory(directory)).rejects.toThrow(TAKEN);
    expect(await readdir(directory)).toEqual(['joinbot.lock.1']);
  });

  test('that leads nowhere is taken for that of somebody who died', async () => {
    const directory = await temporaryFolder();
    await symlink('none', join(directory, 'joinbot.lock.1'));
    const free = await lockDirectory(directory);
    expect(await readdir(directory)).toEqual(['joinbot.lock.2']);
    await free();
  });

  test('of a holder is asked for no longer than it takes to answer', async () => {
    const directory = await temporaryFolder();
    const holder = createServer().listen(join(directory, 'joinbot.lock.1'));
    await once(holder, 'listening');
    const asked = once(holder, 'connection');
    await expect(lockDirectory(directory)).rejects.toThrow(TAKEN);
    const [socket] = await asked;
    if (!socket.closed) await once(socket.resume(), 'close');
    await new Promise((resolve) => holder.close(resolve));
  });
});

test('taking a number that is free makes it mine, and each way to miss it is told from the others', async () => {
  const directory = await temporaryFolder();
  const at = (name: string) => join(directory, name);
  await writeFile(at('own'), '');
  const { take } = placeIn(directory, at('own'), at);
  expect(await take('1')).toBe('mine');
  expect(await take('1')).toBe('taken');
  await unlink(at('own'));
  expect(await take('2')).toBe('lost');
  // What is no miss is no reason to say that another one works here.
  await mkdir(at('own'));
  await expect(take('3')).rejects.toThrow('EPERM');
});

describe('giving a directory free', () => {
  test('nobody answers any more, under whatever name', async () => {
    const directory = await temporaryFolder();
    const free = await lockDirectory(directory);
    const other = join(directory, 'other');
    await link(join(directory, 'joinbot.lock.1'), other);
    const socket = createConnection(other);
    await once(socket, 'connect');
    await free();
    await expect(once(createConnection(other), 'connect')).rejects.toThrow('ECONNREFUSED');
    socket.destroy();
  });

  test('does no harm where the name is gone, and tells of one that can not be removed', async () => {
    const directory = await temporaryFolder();
    const name = join(directory, 'joinbot.lock.1');
    const free = await lockDirectory(directory);
    await unlink(name);
    await free();
    const freeAgain = await lockDirectory(directory);
    await unlink(name);
    await mkdir(name);
    await expect(freeAgain()).rejects.toThrow(/EISDIR|EPERM/);
    await rm(name, { recursive: true });
    await freeAgain();
  });
});

test.skipIf(process.platform !== 'linux')('says where a file system has no sockets', async () => {
  await expect(lockDirectory('/proc/self')).rejects.toMatchObject({
    code: 'files',
    message: expect.stringMatching(
      /^a lock can't be made in \/proc\/self \(E[A-Z]+\): joinbot needs a local file system that has sockets$/,
    ),
    cause: { syscall: 'listen' },
  });
});

test('says in words why a directory can not be used', async () => {
  const file = join(await temporaryFolder(), 'file');
  await writeFile(file, '');
  await expect(lockDirectory(join(file, 'bot'))).rejects.toThrow(
    `the directory ${join(file, 'bot')} can't be used: a part of the path is not a directory`,
  );
});
