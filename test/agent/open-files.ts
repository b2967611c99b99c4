/** What this process has open: on Linux, from the kernel. */
import { readdir, readlink } from 'node:fs/promises';

/** Paths of what is open at a directory or below it. */
export async function openAt(directory: string): Promise<string[]> {
  const links = (await readdir('/proc/self/fd')).map((fd) =>
    readlink(`/proc/self/fd/${fd}`).catch(() => ''),
  );
  return (await Promise.all(links)).filter((path) => path.startsWith(directory));
}
