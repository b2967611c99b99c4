/** Builds everything that is deployed or installed: the function app's bundle, `joinbot` and `joinctl`. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configJsonSchema } from '../agent/config-document/json-schema.ts';
import { shippedUnits } from '../agent/systemd/shipped-units.ts';
import { openApiDocument } from '../shared/openapi.ts';
import { settingsMarkdown } from '../shared/settings-about.ts';
import { metricsMarkdown } from '../shared/telemetry/metrics-document.ts';
import { type ToolName, toolsFile } from '../shared/tools-file.ts';
import { digestSources, expectSource, recordBuild } from './build-record.ts';
import { type BundleOptions, bundle, type OutputFile, type Replacement } from './bundle.ts';
import { OLDEST_PARSER, oldNodeGuard } from './old-node.ts';
import { referenceFiles } from './reference/reference-files.ts';

/** What machines are installed with, from the broker itself. */
const INSTALL = 'dist/functions/install';
const TOOLS: Readonly<Record<ToolName, string>> = {
  'joinbot.cjs': 'agent/main.ts',
  'joinctl.cjs': 'admin/main.ts',
};

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * The exporter of Application Insights asks a server of Microsoft's for settings of its own, every hour, and has no switch
 * for it. The broker talks to nobody whom its operator did not name.
 */
const POLLING: Replacement = {
  file: /monitor-opentelemetry-exporter[/\\].*_configuration[/\\]configurationWorker\.js$/,
  contents: 'exports.ConfigurationWorker = class { shutdown() {} };',
};

/** Its authors' own minified build of the same: a third of what a cold start reads would be this package otherwise. */
const MINIFIED = { '@azure/functions': '@azure/functions/dist/azure-functions.min.js' };

interface Program extends BundleOptions {
  readonly entry: string;
  readonly outfile: string;
  /** Whether it is a command: executable, and its first line says what runs it. */
  readonly executable?: boolean;
}

export interface BuiltFile {
  /** Relative to the project's folder. */
  readonly path: string;
  readonly bytes: number;
}

/** Builds into `dist/`. Files that are the same as before stay untouched. */
export async function build(): Promise<readonly BuiltFile[]> {
  const sources = await digestSources(ROOT);
  const version = await packageVersion();
  const define = { PACKAGE_VERSION: JSON.stringify(version) };
  const tools = Object.entries(TOOLS).map(
    ([name, entry]): Program => ({
      entry,
      outfile: `dist/${name}`,
      target: OLDEST_PARSER,
      banner: oldNodeGuard(basename(name, '.cjs')),
      inOneFile: true,
      executable: true,
      define,
    }),
  );
  const programs: readonly Program[] = [
    {
      entry: 'functions/main.ts',
      outfile: 'dist/functions/main.cjs',
      target: 'node24',
      external: ['@azure/functions-core'],
      alias: MINIFIED,
      replaced: [POLLING],
      define,
    },
    ...tools,
  ];
  const bundles = await Promise.all(
    programs.map(async ({ entry, outfile, executable, ...options }) => {
      const files = await bundle(join(ROOT, entry), join(ROOT, outfile), {
        ...options,
        onSource: (file) => expectSource(ROOT, file),
      });
      return executable ? files.map(withShebang(join(ROOT, outfile))) : files;
    }),
  );
  const openApi = JSON.stringify(openApiDocument(version));
  const built = bundles.flat();
  const downloads = built.flatMap(({ path, contents }) =>
    tools.some(({ outfile }) => path === join(ROOT, outfile))
      ? [{ path: join(ROOT, INSTALL, basename(path)), contents }]
      : [],
  );
  const files = [
    ...built,
    ...downloads,
    textFile('dist/functions/openapi.json', openApi),
    textFile('dist/functions/joinbot.schema.json', JSON.stringify(configJsonSchema())),
    textFile(`${INSTALL}/install.sh`, await installScript()),
    describeTools(version, downloads),
  ];
  for (const file of files) await writeIfChanged(file);
  await removeOthers(files);
  for (const { outfile, executable } of programs) {
    if (executable) await chmod(join(ROOT, outfile), 0o755);
  }
  await recordBuild(ROOT, sources, files);
  return files.map(({ path, contents }) => ({
    path: relative(ROOT, path),
    bytes: contents.byteLength,
  }));
}

/** Writes the documents that are made from the sources, for whoever changed them to commit. */
export async function writeDocuments(): Promise<void> {
  await writeIfChanged(textFile('docs/settings.md', settingsMarkdown()));
  await writeIfChanged(textFile('docs/metrics.md', metricsMarkdown()));
  for (const [path, text] of referenceFiles()) await writeIfChanged(textFile(path, text));
}

const SHEBANG = '#!/usr/bin/env node\n';

/** Adds the line to the program at `path`, unless its source has it already. */
const withShebang =
  (path: string) =>
  (file: OutputFile): OutputFile => {
    const text = Buffer.from(file.contents);
    if (file.path !== path || text.subarray(0, 2).toString() === '#!') return file;
    return { path, contents: Buffer.concat([Buffer.from(SHEBANG), text]) };
  };

/** With the units that joinbot itself knows; the other placeholders are filled in when a machine asks. */
async function installScript(): Promise<string> {
  const script = await readFile(join(ROOT, 'functions/assets/install.sh'), 'utf8');
  return Object.entries(shippedUnits()).reduce(
    (text, [name, unit]) => text.replace(`@${name}@`, () => unit.trimEnd()),
    script,
  );
}

/** Says what the downloads are: the install script carries it. */
function describeTools(version: string, downloads: readonly OutputFile[]): OutputFile {
  const sha256 = Object.keys(TOOLS).map((name) => {
    const tool = downloads.find(({ path }) => path === join(ROOT, INSTALL, name));
    if (!tool) throw new Error(`${name} was not built`);
    return [name, createHash('sha256').update(tool.contents).digest('hex')];
  });
  const described = toolsFile.parse({ version, sha256: Object.fromEntries(sha256) });
  return textFile(`${INSTALL}/tools.json`, JSON.stringify(described));
}

const textFile = (path: string, text: string): OutputFile => ({
  path: join(ROOT, path),
  contents: Buffer.from(text),
});

async function packageVersion(): Promise<string> {
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  return manifest.version;
}

/** The file appears whole or not at all, so that a program can be built while it runs. */
async function writeIfChanged({ path, contents }: OutputFile): Promise<void> {
  if (existsSync(path) && (await readFile(path)).equals(contents)) return;
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, contents);
  await rename(temporary, path);
}

/** Removes the bundles of an earlier build that are no part of this one. */
async function removeOthers(files: readonly OutputFile[]): Promise<void> {
  const kept = new Set(files.map(({ path }) => path));
  for (const folder of new Set(files.map(({ path }) => dirname(path)))) {
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      if (/\.(?:cjs|LEGAL\.txt)$/.test(name) && !kept.has(path)) await rm(path);
    }
  }
}

if (import.meta.main) {
  const files = await build();
  await writeDocuments();
  for (const { path, bytes } of files) {
    process.stdout.write(`${path.padEnd(40)} ${(bytes / 1024).toFixed(1).padStart(9)} KB\n`);
  }
}
