/** Leaves sentences alone: what a message says to people is no check, unlike that there is one. */
import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

interface Node {
  readonly type: string;
  readonly value?: unknown;
  readonly quasis?: readonly { readonly value: { readonly raw: string } }[];
}

/** The part of Babel's `NodePath` that is needed here. */
interface Path {
  readonly node: Node;
  readonly parent: Node | null;
}

const textOf = ({ type, value, quasis }: Node): string =>
  type === 'StringLiteral'
    ? String(value)
    : type === 'TemplateLiteral'
      ? (quasis ?? []).map(({ value: { raw } }) => raw).join(' ')
      : '';

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'messages', {
    shouldIgnore(path) {
      const { node, parent } = path as unknown as Path;
      const isArgument = ['CallExpression', 'NewExpression'].includes(parent?.type ?? '');
      return isArgument && /[a-z] [a-z]/.test(textOf(node)) ? 'a sentence' : undefined;
    },
  }),
];
