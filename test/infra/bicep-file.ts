/** Bicep, read by tree-sitter: there is no compiler in the tests. The tree, and what a file declares. */
import { createRequire } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { Language, type Node, Parser } from 'web-tree-sitter';

export interface BicepFile {
  /** Relative to the project's folder, with slashes. */
  readonly path: string;
  readonly root: Node;
  /** Where the text is not Bicep. */
  readonly syntaxProblems: readonly string[];
  readonly declarations: readonly Declaration[];
}

export interface Declaration {
  readonly kind: 'param' | 'var' | 'output' | 'resource' | 'module';
  readonly name: string;
  /** The type of a parameter as it is written, of a resource with its version, the path of a module. */
  readonly type: string;
  readonly node: Node;
  /** The value, the default of a parameter, the body of a resource or module. */
  readonly value: Node | undefined;
  /** Texts out of `@allowed`. */
  readonly allowed: readonly string[];
  /** The resource around this one. */
  readonly parent: Declaration | undefined;
  /** Declared elsewhere: a resource that `existing` names. */
  readonly existing: boolean;
}

const require = createRequire(import.meta.url);
await Parser.init();
const parser = new Parser();
parser.setLanguage(
  await Language.load(require.resolve('tree-sitter-bicep/tree-sitter-bicep.wasm')),
);

export function readBicep(path: string, text: string): BicepFile {
  const root = parser.parse(asGrammarKnows(path, text))?.rootNode;
  if (!root) throw new Error(`${path}: the parser gave up`);
  return {
    path,
    root,
    syntaxProblems: root.hasError ? brokenNodes(root).map((node) => placeOf(path, node)) : [],
    declarations: declarationsIn(root.namedChildren),
  };
}

/** The grammar is older than `extension`, and doesn't know parameter files, where a parameter has a value and no type. */
function asGrammarKnows(path: string, text: string): string {
  return path.endsWith('.bicepparam')
    ? text.replace(/^param(?= \w+ =)/gm, 'var  ')
    : text.replace(/^extension(?= \w+$)/gm, '//tension');
}

const brokenNodes = (node: Node): Node[] =>
  node.isError || node.isMissing ? [node] : node.children.flatMap(brokenNodes);

/** `infra/main.bicep:12:3`, for people. */
export const placeOf = (path: string, { startPosition: { row, column } }: Node): string =>
  `${path}:${row + 1}:${column + 1}`;

function declarationsIn(nodes: readonly Node[], parent?: Declaration): Declaration[] {
  let allowed: readonly string[] = [];
  const found: Declaration[] = [];
  for (const node of nodes) {
    if (node.type === 'decorators') allowed = allowedTexts(node);
    const kind = KINDS[node.type];
    if (!kind) continue;
    const declaration = declarationOf(kind, node, allowed, parent);
    allowed = [];
    found.push(declaration);
    if (kind === 'resource') {
      const inside = bodyOf(declaration.value)?.namedChildren ?? [];
      const children = inside.flatMap((property) => property.namedChildren);
      found.push(...declarationsIn(children, declaration));
    }
  }
  return found;
}

const KINDS: Readonly<Record<string, Declaration['kind']>> = {
  parameter_declaration: 'param',
  variable_declaration: 'var',
  output_declaration: 'output',
  resource_declaration: 'resource',
  module_declaration: 'module',
};

function declarationOf(
  kind: Declaration['kind'],
  node: Node,
  allowed: readonly string[],
  parent: Declaration | undefined,
): Declaration {
  const [nameNode, second, third] = node.namedChildren.filter(({ type }) => type !== 'comment');
  const typed = kind !== 'var';
  const written = typed ? (second?.type === 'string' ? textOf(second) : second?.text) : undefined;
  return {
    kind,
    name: nameNode?.text ?? '',
    type: parent && kind === 'resource' ? childType(parent.type, written ?? '') : (written ?? ''),
    node,
    value: typed ? third : second,
    allowed,
    parent,
    existing: node.children.some(({ type }) => type === 'existing'),
  };
}

function childType(parent: string, type: string): string {
  const [parentType, version] = parent.split('@');
  return `${parentType}/${type}@${version}`;
}

function allowedTexts(decorators: Node): string[] {
  const call = decorators
    .descendantsOfType('call_expression')
    .find((node) => node.childForFieldName('function')?.text === 'allowed');
  return (call?.descendantsOfType('string') ?? []).map((node) => textOf(node) ?? '');
}

/** The object of a resource or module, whether it stands alone, under `if` or in a loop. */
export function bodyOf(value: Node | null | undefined): Node | undefined {
  if (value?.type === 'object') return value;
  if (value?.type === 'if_statement') return bodyOf(value.namedChildren.at(-1));
  if (value?.type === 'for_statement') return bodyOf(value.childForFieldName('body'));
  return undefined;
}

/** The text of a string; `undefined` where something is inserted. */
export function textOf(node: Node): string | undefined {
  const parts = node.namedChildren.map(({ type, text }) => {
    if (type === 'interpolation') return undefined;
    return type === 'escape_sequence' ? text.slice(1) : text;
  });
  return parts.includes(undefined) ? undefined : parts.join('');
}

/** Name and value of each property of an object; the name is `undefined` where it is computed. */
export function propertiesOf(object: Node): { name: string | undefined; key: Node; value: Node }[] {
  return object.namedChildren.flatMap((property) => {
    const [key, value] = property.namedChildren.filter(({ type }) => type !== 'comment');
    if (property.type !== 'object_property' || !key || !value) return [];
    return [{ name: key.type === 'string' ? textOf(key) : key.text, key, value }];
  });
}

/** Path of the file that a module declaration names. */
export const modulePath = (from: string, { type }: Declaration): string =>
  normalize(join(dirname(from), type)).replaceAll('\\', '/');
