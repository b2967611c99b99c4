// Are the packages of package-lock.json installed? If not, installs them. Runs on Node.js 20, before any package is there.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const PROGRESS_EVERY_MS = 10_000;

/** Whether node_modules holds what package-lock.json asks for, going by the lock file that npm leaves in node_modules. */
export function isInstalled(root) {
  const wanted = packagesIn(join(root, 'package-lock.json'));
  const present = packagesIn(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true;
    const found = present[path];
    // Packages for other platforms stay away.
    if (!found) return optional === true;
    return found.version === version && found.integrity === integrity;
  });
}

/** Installs exactly what package-lock.json says. */
export async function install(root) {
  const started = Date.now();
  process.stderr.write('Installing the packages (once; this takes a minute or two) ...\n');
  const progress = setInterval(() => {
    process.stderr.write(`... ${Math.round((Date.now() - started) / 1000)} s\n`);
  }, PROGRESS_EVERY_MS);
  try {
    await npm(root, ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  } finally {
    clearInterval(progress);
  }
  process.stderr.write('The packages are installed.\n');
}

function packagesIn(file) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
  return JSON.parse(text).packages;
}

/** Runs npm: the one that runs this script, if any. Its answers on standard output are of no interest here. */
function npm(root, args) {
  const running = process.env.npm_execpath;
  const [command, ...first] =
    running && basename(running).startsWith('npm') ? [process.execPath, running] : ['npm'];
  const child = spawn(command, [...first, ...args], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`npm can't be run: ${error.message}`)));
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`"npm ${args.join(' ')}" failed (${signal ?? `exit code ${code}`}).`));
    });
  });
}
