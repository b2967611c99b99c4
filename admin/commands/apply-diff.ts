/** Shows the changes of `joinctl apply --diff` and `joinctl create --dry-run`: for each resource a unified diff of its YAML. */
import type { Resource } from '../../shared/protocol/resource.ts';
import type { ResourceDocument } from '../documents.ts';
import type { Io } from '../io.ts';
import { keepingSecret } from '../join-tokens.ts';
import { toYaml } from '../resource-output.ts';
import { unifiedDiff } from '../unified-diff.ts';
import { asStored, type Change } from './apply-plan.ts';

/** Prints the changes; in colour on a terminal, unless `NO_COLOR` is set. */
export function showChanges(io: Io, changes: readonly Change[]): void {
  for (const change of changes) {
    const stored = 'stored' in change ? change.stored.resource : undefined;
    const document = 'document' in change ? change.document : undefined;
    const wanted = document && keepingSecret(document.resource, stored);
    showDifference(io, document, stored, wanted);
  }
}

/** Prints one change, if it is one: from what is stored to what a document wants. */
export function showDifference(
  io: Io,
  document: ResourceDocument | undefined,
  stored: Resource | undefined,
  wanted: Resource | undefined,
): void {
  const isColoured = io.stdout.columns !== undefined && !io.env['NO_COLOR'];
  const paint = isColoured ? coloured : (line: string): string => line;
  for (const line of diffOf(document, stored, wanted)) io.stdout.write(`${paint(line)}\n`);
}

function diffOf(
  document: ResourceDocument | undefined,
  stored: Resource | undefined,
  wanted: Resource | undefined,
): readonly string[] {
  const before = stored && asStored(stored);
  const after = wanted && asStored(wanted);
  const hunks = unifiedDiff(yamlOf(before), yamlOf(after && inOrderOf(before, after)));
  if (hunks.length === 0) return [];
  const nameOf = ({ kind, metadata }: Resource): string => `${kind}/${metadata.name}`;
  return [
    `--- ${before ? nameOf(before) : '/dev/null'}`,
    `+++ ${after ? `${nameOf(after)}\t${document?.locate('')}` : '/dev/null'}`,
    ...hunks,
  ];
}

const yamlOf = (resource: unknown): string => (resource === undefined ? '' : toYaml(resource));

/** The order of members says nothing, so it is no difference: the file's are put into the broker's order. */
function inOrderOf(model: unknown, value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map((item, at) => inOrderOf(Array.isArray(model) ? model[at] : undefined, item));
  }
  if (typeof value !== 'object' || value === null) return value;
  const members = value as Readonly<Record<string, unknown>>;
  const models = (typeof model === 'object' && model !== null ? model : {}) as typeof members;
  const names = new Set([
    ...Object.keys(models).filter((name) => Object.hasOwn(members, name)),
    ...Object.keys(members),
  ]);
  return Object.fromEntries(
    [...names].map((name) => [name, inOrderOf(models[name], members[name])]),
  );
}

const COLOURS: readonly (readonly [start: string, code: number])[] = [
  ['---', 1],
  ['+++', 1],
  ['@@', 36],
  ['-', 31],
  ['+', 32],
];

function coloured(line: string): string {
  const [, code] = COLOURS.find(([start]) => line.startsWith(start)) ?? [];
  return code === undefined ? line : `\u{1b}[${code}m${line}\u{1b}[0m`;
}
