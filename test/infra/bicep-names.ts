/** Checks names, as the compiler would: each is declared, each parameter and variable is used, modules fit their callers. */
import type { Node } from 'web-tree-sitter';
import type { Extract, Type } from '../../scripts/azure-type-extract.ts';
import { publishedType } from './azure-types.ts';
import {
  type BicepFile,
  bodyOf,
  type Declaration,
  modulePath,
  placeOf,
  propertiesOf,
} from './bicep-file.ts';

/** Everything that is wrong with the names of a file. `find` gives the file of a module. */
export function nameProblems(
  file: BicepFile,
  find: (path: string) => BicepFile | undefined,
): string[] {
  const say = (node: Node, problem: string): string => `${placeOf(file.path, node)}: ${problem}`;
  return [
    ...undeclared(file).map((node) => say(node, `${node.text} is not declared`)),
    ...unknownFunctions(file).map((node) => say(node, `there is no function ${node.text}`)),
    ...unused(file).map(({ node, name }) => say(node, `${name} is not used`)),
    ...file.declarations
      .filter(({ kind }) => kind === 'module')
      .flatMap((module) => moduleProblems(file, module, find, say)),
    ...memberProblems(file, find, say),
  ];
}

/** Names that stand for a value. */
const valueNames = ({ root }: BicepFile): Node[] =>
  root.descendantsOfType('identifier').filter((node) => {
    const { parent } = node;
    if (!parent || isDeclaredName(node, parent) || isPropertyName(node, parent)) return false;
    if (isCalled(node)) return false;
    if (parent.type === 'resource_expression') return !isField(parent, 'resource', node);
    return parent.type !== 'type' && parent.type !== 'parameterized_type';
  });

const isField = (parent: Node, field: string, node: Node): boolean =>
  parent.childForFieldName(field)?.id === node.id;

/** The grammar splits a call that opens a list in two: what is called shows by the parenthesis alone. */
const isCalled = ({ nextSibling, endIndex }: Node): boolean =>
  nextSibling?.startIndex === endIndex && nextSibling.text.startsWith('(');

const isDeclaredName = (node: Node, parent: Node): boolean =>
  (parent.type.endsWith('_declaration') && parent.namedChildren[0]?.id === node.id) ||
  (parent.type === 'lambda_expression' && parent.namedChildren[0]?.id === node.id) ||
  (parent.type === 'for_statement' && isField(parent, 'initializer', node));

const isPropertyName = (node: Node, parent: Node): boolean =>
  parent.type === 'object_property' && parent.namedChildren[0]?.id === node.id;

const undeclared = (file: BicepFile): Node[] =>
  valueNames(file).filter(
    (node) =>
      !file.declarations.some(({ name }) => name === node.text) && !localNames(node).has(node.text),
  );

/** Loop variables and arguments of lambdas around a name. */
function localNames(from: Node): Set<string> {
  const names = new Set<string>();
  for (let node = from.parent; node; node = node.parent) {
    if (node.type === 'lambda_expression') {
      const [first] = node.namedChildren;
      for (const name of first?.type === 'identifier' ? [first] : (first?.namedChildren ?? [])) {
        names.add(name.text);
      }
    }
    if (node.type === 'for_statement') {
      const own = node.childForFieldName('initializer');
      const pair = node.namedChildren.find(({ type }) => type === 'for_loop_parameters');
      for (const name of own ? [own] : (pair?.namedChildren ?? [])) names.add(name.text);
    }
  }
  return names;
}

/** Of Bicep's functions (https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions), those in use. */
const FUNCTIONS = new Set(
  `allowed bool cidrSubnet deployer deployment description empty environment filter guid int items join last
  loadTextContent map maxLength maxValue minLength minValue readEnvironmentVariable replace resourceGroup split string
  min subscription subscriptionResourceId take tenant union uniqueString`.split(/\s+/),
);

const unknownFunctions = ({ root }: BicepFile): Node[] =>
  root
    .descendantsOfType('identifier')
    .filter((node) => isCalled(node) && !FUNCTIONS.has(node.text));

/** A parameter file's variables are its parameters: it uses none of them. */
function unused(file: BicepFile): Declaration[] {
  if (file.path.endsWith('.bicepparam')) return [];
  const used = new Set(valueNames(file).map(({ text }) => text));
  return file.declarations.filter(
    ({ kind, name }) => (kind === 'param' || kind === 'var') && !used.has(name),
  );
}

type Say = (node: Node, problem: string) => string;

function moduleProblems(
  file: BicepFile,
  module: Declaration,
  find: (path: string) => BicepFile | undefined,
  say: Say,
): string[] {
  const called = find(modulePath(file.path, module));
  if (!called) return [say(module.node, `there is no file ${module.type}`)];
  const body = bodyOf(module.value);
  const params = body && propertiesOf(body).find(({ name }) => name === 'params')?.value;
  const given = params ? propertiesOf(params) : [];
  const known = called.declarations.filter(({ kind }) => kind === 'param');
  const needed = known.filter(({ value, type }) => value === undefined && !type.endsWith('?'));
  return [
    ...given
      .filter(({ name }) => !known.some((param) => param.name === name))
      .map(({ key }) => say(key, `${module.type} has no parameter ${key.text}`)),
    ...needed
      .filter(({ name }) => !given.some((param) => param.name === name))
      .map(({ name }) => say(module.node, `${module.type} needs the parameter ${name}`)),
  ];
}

/** Outputs of modules and properties of resources that are read and don't exist. */
function memberProblems(
  file: BicepFile,
  find: (path: string) => BicepFile | undefined,
  say: Say,
): string[] {
  return file.root
    .descendantsOfType('member_expression')
    .filter(({ parent }) => parent?.type !== 'member_expression')
    .flatMap((node) => {
      const { base, members } = chainOf(node);
      const declaration = file.declarations.find(({ name }) => name === base);
      if (declaration?.kind === 'module' && members[0] === 'outputs') {
        const outputs = find(modulePath(file.path, declaration))?.declarations ?? [];
        return outputs.some(({ kind, name }) => kind === 'output' && name === members[1])
          ? []
          : [say(node, `${declaration.type} has no output ${members[1]}`)];
      }
      const published = declaration?.kind === 'resource' && publishedType(declaration.type);
      return !published || hasMember(published.type, published.objects, members)
        ? []
        : [say(node, `${declaration.type} has no ${members.join('.')}`)];
    });
}

/** `a!.b[0].c` is `c` of `b` of `a`; of `a::b.c`, `b` is the resource. */
function chainOf(node: Node): { readonly base: string; readonly members: readonly string[] } {
  const members: string[] = [];
  let at: Node | null = node;
  while (at?.type === 'member_expression' || at?.type === 'subscript_expression') {
    const property = at.childForFieldName('property');
    if (property) members.unshift(property.text);
    at = at.childForFieldName('object');
  }
  const base = at?.type === 'resource_expression' ? at.childForFieldName('resource') : at;
  return { base: base?.text ?? '', members };
}

function hasMember(type: Type, objects: Extract['objects'], members: readonly string[]): boolean {
  const [member, ...rest] = members;
  if (member === undefined || typeof type === 'string' || 'map' in type || 'enum' in type)
    return true;
  if ('list' in type) return hasMember(type.list, objects, members);
  const object = objects['object' in type ? type.object : type.base];
  const next = object?.properties[member] ?? object?.others;
  return next !== undefined && hasMember(next, objects, rest);
}
