/** Bundles one program with esbuild. What it imports dynamically becomes a bundle of its own that is read on first use. */
import { basename, dirname, extname, join, resolve } from 'node:path';
import * as esbuild from 'esbuild';

export interface BundleOptions {
  /** The Node.js that runs it, as esbuild writes it: `node20`. */
  readonly target: string;
  readonly external?: readonly string[];
  readonly define?: Readonly<Record<string, string>>;
  /** Packages, and what stands in for them wherever they are imported. */
  readonly alias?: Readonly<Record<string, string>>;
  /** Files of packages that get other contents. */
  readonly replaced?: readonly Replacement[];
  /** Is told the absolute path of every file that a bundle is made of. */
  readonly onSource?: (file: string) => void;
  /** Everything in `outfile`, also what is imported dynamically, and the licences of packages. */
  readonly inOneFile?: boolean;
  /** Runs before everything else. */
  readonly banner?: string;
}

export interface Replacement {
  /** Fits the file's path. */
  readonly file: RegExp;
  /** A CommonJS module. */
  readonly contents: string;
}

export interface OutputFile {
  readonly path: string;
  readonly contents: Uint8Array;
}

/**
 * Bundles the program that starts in `entry` into the CommonJS file `outfile`. Each `import()` of a relative path in the
 * sources becomes `<name>.cjs` beside it, unless everything is to be in one file. Nothing is written; the answer lists the
 * files. Throws esbuild's error, or one that names two parts of the same name, or a file to replace that no part has.
 */
export async function bundle(
  entry: string,
  outfile: string,
  options: BundleOptions,
): Promise<readonly OutputFile[]> {
  const folder = dirname(resolve(outfile));
  const parts = new Map([[resolve(outfile), resolve(entry)]]);
  const addPart = (source: string): string => {
    const file = `${basename(source, extname(source))}.cjs`;
    const taken = parts.get(join(folder, file));
    if (taken && taken !== source) throw new Error(`${taken} and ${source} would both be ${file}`);
    parts.set(join(folder, file), source);
    return `./${file}`;
  };
  const replaced = new Set<Replacement>();
  const onReplace = (replacement: Replacement): void => {
    replaced.add(replacement);
  };
  const files: OutputFile[] = [];
  // Parts may have parts: each round bundles those that the one before found.
  for (let found = [...parts]; found.length > 0; ) {
    const known = parts.size;
    const bundled = found.map(([file, source]) =>
      bundlePart(source, file, { ...options, addPart, onReplace }),
    );
    files.push(...(await Promise.all(bundled)).flat());
    found = [...parts].slice(known);
  }
  const missed = options.replaced?.find((replacement) => !replaced.has(replacement));
  if (missed) throw new Error(`no file to replace fits ${missed.file}`);
  return files;
}

interface PartOptions extends BundleOptions {
  readonly addPart: (source: string) => string;
  readonly onReplace: (replacement: Replacement) => void;
}

async function bundlePart(
  source: string,
  outfile: string,
  options: PartOptions,
): Promise<readonly OutputFile[]> {
  const { target, external = [], define = {}, alias = {}, replaced = [] } = options;
  const { inOneFile = false, banner, addPart, onReplace, onSource } = options;
  const result = await esbuild.build({
    entryPoints: [source],
    outfile,
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'cjs',
    target,
    external: [...external],
    define: { ...define },
    alias: { ...alias },
    ...(banner !== undefined && { banner: { js: banner } }),
    // Makes `import()` a `require` inside a promise, which loads faster than Node's module loader does.
    supported: { 'dynamic-import': false },
    // Shorter to read, while the names in stack traces stay as they are.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: inOneFile ? 'eof' : 'external',
    logLevel: 'silent',
    plugins: [
      ...(inOneFile ? [] : [separateParts(addPart)]),
      ...replaced.map((one) => replaceFile(one, onReplace)),
    ],
  });
  const warnings = await esbuild.formatMessages(result.warnings, { kind: 'warning' });
  if (warnings.length > 0) process.stderr.write(warnings.join('\n'));
  for (const file of Object.keys(result.metafile.inputs)) onSource?.(resolve(file));
  return result.outputFiles.map(({ path, contents }) => ({ path, contents }));
}

const separateParts = (addPart: (source: string) => string): esbuild.Plugin => ({
  name: 'separate-parts',
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, async ({ path, kind, importer, resolveDir }) => {
      if (kind !== 'dynamic-import' || importer.includes('node_modules')) return undefined;
      const found = await build.resolve(path, { kind: 'import-statement', importer, resolveDir });
      if (found.errors.length > 0) return { errors: found.errors };
      return { path: addPart(found.path), external: true };
    });
  },
});

const replaceFile = (
  replacement: Replacement,
  onReplace: (replacement: Replacement) => void,
): esbuild.Plugin => ({
  name: 'replace-file',
  setup(build) {
    build.onLoad({ filter: replacement.file }, () => {
      onReplace(replacement);
      return { contents: replacement.contents, loader: 'js' };
    });
  },
});
