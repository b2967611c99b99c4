/**
 * Writes infra/types/*.json: the types of every resource that infra/ uses, as Microsoft publishes them.
 * Usage: node scripts/azure-types.ts <clone of Azure/bicep-types-az> <clone of microsoftgraph/msgraph-bicep-types>
 */
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addResource, type Extract, isResource, type Published } from './azure-type-extract.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The version of the extension that infra/bicepconfig.json names. */
const GRAPH_TYPES = 'generated/microsoftgraph/microsoft.graph/v1.0/1.0.0/types.json';

function extractTypes(azure: string, graph: string): ReadonlyMap<string, Extract> {
  const files = git(azure, 'ls-tree', '-r', '--name-only', 'HEAD', 'generated').split('\n');
  const extracts = new Map<string, Extract>();
  for (const resource of usedResources()) {
    const provider = resource.slice(0, resource.indexOf('/')).toLowerCase();
    const isGraph = provider === 'microsoft.graph';
    const repository = isGraph ? 'microsoftgraph/msgraph-bicep-types' : 'Azure/bicep-types-az';
    const commit = git(isGraph ? graph : azure, 'rev-parse', 'HEAD').trim();
    const source = `https://github.com/${repository} at ${commit}`;
    const extract = extracts.get(provider) ?? { source, resources: {}, objects: {} };
    extracts.set(provider, extract);
    const types = isGraph ? readTypes(graph, GRAPH_TYPES) : findTypes(azure, files, resource);
    addResource(extract, resource, types);
  }
  return extracts;
}

/** `Provider/type@version` of every resource, those inside others too. */
function usedResources(): string[] {
  const names = globSync('infra/**/*.bicep', { cwd: ROOT }).flatMap((file) =>
    resourceNames(readFileSync(join(ROOT, file), 'utf8')),
  );
  return [...new Set(names)].toSorted();
}

/** A nested resource writes the last part of its type only; its indentation tells whose child it is. */
function resourceNames(text: string): string[] {
  const parents: { readonly indent: number; readonly name: string }[] = [];
  return [...text.matchAll(/^( *)resource \w+ '([^']+)'/gm)].map(([, spaces = '', type]) => {
    const indent = spaces.length;
    while ((parents.at(-1)?.indent ?? -1) >= indent) parents.pop();
    const [parentType, version] = parents.at(-1)?.name.split('@') ?? [];
    const name = parentType === undefined ? `${type}` : `${parentType}/${type}@${version}`;
    parents.push({ indent, name });
    return name;
  });
}

/** The types of the one file that has the resource; a provider's versions are spread over several folders. */
function findTypes(
  clone: string,
  files: readonly string[],
  resource: string,
): readonly Published[] {
  const [type = '', version = ''] = resource.toLowerCase().split('@');
  const tail = `/${type.slice(0, type.indexOf('/'))}/${version}/types.json`;
  for (const file of files.filter((path) => path.endsWith(tail))) {
    const types = readTypes(clone, file);
    if (types.some((entry) => isResource(entry, resource))) return types;
  }
  throw new Error(`${resource}: no published types`);
}

const readTypes = (clone: string, file: string): readonly Published[] =>
  JSON.parse(git(clone, 'show', `HEAD:${file}`));

function git(clone: string, ...args: string[]): string {
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit'];
  return execFileSync('git', ['-C', clone, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 27,
    stdio,
  });
}

if (import.meta.main) {
  const [azure, graph] = process.argv.slice(2);
  if (!azure || !graph)
    throw new Error('expected two folders; the first lines of this file name them');
  for (const [provider, extract] of extractTypes(azure, graph)) {
    const text = `${JSON.stringify(extract, null, 1)}\n`;
    writeFileSync(join(ROOT, 'infra/types', `${provider}.json`), text);
    process.stdout.write(`infra/types/${provider}.json  ${(text.length / 1024).toFixed(1)} KB\n`);
  }
}
