/** Builds one of the small function apps of `apps/` into a folder of its own. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { bundle } from '../../scripts/bundle.ts';

/** The folder of the built app; it goes when the test ends. */
export async function builtApp(name: string, routePrefix = ''): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'function-app-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const source = fileURLToPath(new URL(`apps/${name}.ts`, import.meta.url));
  const files = await bundle(source, join(folder, 'dist/main.cjs'), {
    target: 'node24',
    external: ['@azure/functions-core'],
  });
  for (const { path, contents } of files) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, contents);
  }
  const host = { version: '2.0', extensions: { http: { routePrefix } } };
  await writeFile(join(folder, 'host.json'), JSON.stringify(host));
  const manifest = { type: 'module', main: 'dist/main.cjs' };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  return folder;
}
