/** For programs that run what was built: builds what `npm run build` does, unless it would make what is there already. */
import { fileURLToPath } from 'node:url';
import { isBuilt } from './build-record.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export async function buildIfStale(): Promise<void> {
  if (await isBuilt(ROOT)) return;
  const { build } = await import('./build.ts');
  await build();
}
