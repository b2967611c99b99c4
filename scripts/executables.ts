/** Makes the tools programs of their own that need no Node.js: its binary, with the tool in it (Node's "single executable"). */
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ToolName } from '../shared/tools-file.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The name under which Node.js looks for a program in itself, and the mark that says that there is one. */
const RESOURCE = 'NODE_SEA_BLOB';
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

const POSTJECT = fileURLToPath(import.meta.resolve('postject/dist/cli.js'));

/**
 * Nothing of the machine's has a say in how the agent runs: with NODE_OPTIONS whoever sets its environment could open a port
 * for debuggers, or load code. An operator's own machine may have its options.
 */
const OPTIONS: Readonly<Record<ToolName, 'none' | 'env'>> = {
  'joinbot.cjs': 'none',
  'joinctl.cjs': 'env',
};

/** Writes the program to `path`. The tool has been built; `node` is the binary of a machine like those that run it. */
export async function makeExecutable(tool: ToolName, node: string, path: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'join-broker-executable-'));
  try {
    // Names without a folder, so that the program is the same wherever it was made.
    await copyFile(join(ROOT, 'dist', tool), join(folder, tool));
    const config = {
      main: tool,
      output: RESOURCE,
      disableExperimentalSEAWarning: true,
      // Both would be for this machine's processor.
      useSnapshot: false,
      useCodeCache: false,
      execArgvExtension: OPTIONS[tool],
    };
    await writeFile(join(folder, 'sea.json'), JSON.stringify(config));
    await runNode(['--experimental-sea-config', 'sea.json'], folder);
    const next = `${resolve(path)}.new`;
    await copyFile(node, next);
    await runNode([POSTJECT, next, RESOURCE, RESOURCE, '--sentinel-fuse', FUSE], folder);
    await chmod(next, 0o755);
    await rename(next, path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const runNode = (args: readonly string[], folder: string) =>
  promisify(execFile)(process.execPath, [...args], { cwd: folder });
