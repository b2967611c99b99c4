/** What can be said of an expression without running it. */
import type { Node } from 'web-tree-sitter';
import { type BicepFile, propertiesOf, textOf } from './bicep-file.ts';

export type Value = { readonly node: Node } & (
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly Value[] }
  | {
      readonly kind: 'object';
      readonly properties: Readonly<Record<string, Value>>;
      /** More properties may come in. */
      readonly open: boolean;
    }
  /** One of these; which one is known at deployment. */
  | { readonly kind: 'either'; readonly values: readonly Value[] }
  | {
      readonly kind: 'computed';
      readonly type: 'string' | 'int' | 'bool' | 'list' | 'object' | 'any';
    }
  | { readonly kind: 'null' }
);

/** The value of an expression of this file. Variables and parameters stand for what they hold. */
export function readValue(file: BicepFile, node: Node): Value {
  switch (node.type) {
    case 'string': {
      const text = textOf(node);
      return text === undefined ? computed(node, 'string') : { kind: 'text', text, node };
    }
    case 'number':
      return computed(node, 'int');
    case 'boolean':
      return computed(node, 'bool');
    case 'null':
      return { kind: 'null', node };
    case 'array':
      return { kind: 'list', items: itemsOf(node).map((item) => readValue(file, item)), node };
    case 'object':
      return objectOf(file, node);
    case 'for_statement':
      return { kind: 'list', items: loopItems(file, node), node };
    case 'ternary_expression':
      return eitherOf(file, node, ['consequence', 'alternative']);
    case 'binary_expression':
      return node.childForFieldName('operator')?.text === '??'
        ? eitherOf(file, node, ['left', 'right'])
        : computed(node, isComparison(node) ? 'bool' : 'int');
    case 'unary_expression':
      return computed(node, node.text.startsWith('!') ? 'bool' : 'int');
    case 'parenthesized_expression':
      return node.namedChildren[0] ? readValue(file, node.namedChildren[0]) : computed(node, 'any');
    case 'identifier':
      return namedValue(file, node);
    case 'call_expression':
      return callValue(file, node);
    default:
      return computed(node, 'any');
  }
}

type Computed = Extract<Value, { kind: 'computed' }>;

const computed = (node: Node, type: Computed['type']): Value => ({ kind: 'computed', type, node });

const itemsOf = (node: Node): Node[] =>
  node.namedChildren.filter(({ type }) => type !== 'comment' && type !== 'decorators');

function objectOf(file: BicepFile, node: Node): Value {
  const properties = propertiesOf(node);
  return {
    kind: 'object',
    properties: Object.fromEntries(
      properties.flatMap(({ name, value }) =>
        name === undefined ? [] : [[name, readValue(file, value)]],
      ),
    ),
    open: properties.some(({ name }) => name === undefined),
    node,
  };
}

function loopItems(file: BicepFile, node: Node): Value[] {
  const body = node.childForFieldName('body');
  const item = body?.type === 'if_statement' ? body.namedChildren.at(-1) : body;
  return item ? [readValue(file, item)] : [];
}

function eitherOf(file: BicepFile, node: Node, fields: readonly string[]): Value {
  const values = fields.flatMap((field) => {
    const part = node.childForFieldName(field);
    return part ? [readValue(file, part)] : [];
  });
  return { kind: 'either', values, node };
}

const isComparison = (node: Node): boolean =>
  /^(?:==|!=|=~|!~|<|<=|>|>=|&&|\|\|)$/.test(node.childForFieldName('operator')?.text ?? '');

function namedValue(file: BicepFile, node: Node): Value {
  const declaration = file.declarations.find(({ name }) => name === node.text);
  if (declaration?.kind === 'var' && declaration.value) return readValue(file, declaration.value);
  if (declaration?.kind !== 'param') return computed(node, 'any');
  if (declaration.allowed.length > 0) {
    const values = declaration.allowed.map((text): Value => ({ kind: 'text', text, node }));
    return { kind: 'either', values, node };
  }
  return computed(node, PARAMETER_TYPES[declaration.type] ?? 'list');
}

const PARAMETER_TYPES: Readonly<Record<string, Computed['type']>> = {
  string: 'string',
  int: 'int',
  bool: 'bool',
  object: 'object',
};

/** `union` of objects is looked into; of other functions only the type of what they give is known. */
function callValue(file: BicepFile, node: Node): Value {
  const name = node.childForFieldName('function')?.text ?? '';
  if (name !== 'union') return computed(node, FUNCTION_TYPES[name] ?? 'any');
  const parts = (node.childForFieldName('arguments')?.namedChildren ?? []).map((part) =>
    readValue(file, part),
  );
  const objects = parts.filter((part) => part.kind === 'object');
  if (objects.length === 0) return computed(node, 'any');
  return {
    kind: 'object',
    properties: Object.assign({}, ...objects.map(({ properties }) => properties)),
    open: objects.length < parts.length || objects.some(({ open }) => open),
    node,
  };
}

const FUNCTION_TYPES: Readonly<Record<string, Computed['type']>> = {
  cidrSubnet: 'string',
  guid: 'string',
  join: 'string',
  loadTextContent: 'string',
  replace: 'string',
  string: 'string',
  take: 'string',
  uniqueString: 'string',
  subscriptionResourceId: 'string',
  empty: 'bool',
  bool: 'bool',
  int: 'int',
  map: 'list',
  split: 'list',
};
