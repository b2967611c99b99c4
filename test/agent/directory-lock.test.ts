import { link, mkdir, readdir, readlink, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { expect, test } from 'vitest';
import { lockDirectory } from '../../agent/directory-lock.ts';
import { temporaryFolder } from './folder.ts';

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
  const opened = async () => {
    const links = (await readdir('/proc/self/fd')).map((fd) =>
      readlink(`/proc/self/fd/${fd}`).catch(() => ''),
    );
    return (await Promise.all(links)).filter((path) => path === directory);
  };
  const free = await lockDirectory(directory);
  await expect(lockDirectory(directory)).rejects.toThrow(TAKEN);
  expect(await opened()).toHaveLength(1);
  await free();
  expect(await opened()).toEqual([]);
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
  'my.joinbot.lock.1',
  'joinbot.lock.1.old',
  'joinbot.lock.1234567890123456',
  'joinbot.lock.one',
  'my.joinbot.lock.new-0123456789ab',
  'joinbot.lock.new-0123456789abc',
  'joinbot.lock.new-0123456789a',
  'joinbot.lock.new-0123456789aX',
])('leaves alone what is named like a lock and is none: %s', async (name) => {
  const directory = await temporaryFolder();
  await leaveBehind(directory, name);
  const free = await lockDirectory(directory);
  expect((await readdir(directory)).toSorted()).toEqual(['joinbot.lock.1', name].toSorted());
  await free();
  expect(await readdir(directory)).toEqual([name]);
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

test('says in words why a directory can not be used', async () => {
  const file = join(await temporaryFolder(), 'file');
  await writeFile(file, '');
  await expect(lockDirectory(join(file, 'bot'))).rejects.toThrow(
    `the directory ${join(file, 'bot')} can't be used: a part of the path is not a directory`,
  );
});
