/** Forms of the config file that are known, and not this agent's: each is answered with what to write instead. */
import { nearestName } from '../shared/protocol/nearest-name.ts';
import { DESTINATION_TYPES } from './outputs/common-fields.ts';
import { OUTPUT_TYPES } from './outputs/outputs.ts';
import { printable } from './printable.ts';
import { WORKLOAD_API_TYPE } from './workload-api/config.ts';
import type { FailureAt } from './yaml-file.ts';

const STORAGE_TYPES = ['directory', 'memory'];

/** Throws a `Failure` for the first form that isn't the agent's. Whatever else is wrong with it comes after its type. */
export function refuseOtherForms(config: unknown, failure: FailureAt): void {
  if ('destinations' in fieldsOf(config)) {
    const old = fieldsOf(config)['version'] === 'v2' ? '' : 'this is version 1 of the file; ';
    const message = `${old}write version: v2, and outputs: [{type: identity, destination: {type: directory, path: …}}] in place of destinations`;
    throw failure(['destinations'], message);
  }
  const { storage } = fieldsOf(config);
  for (const type of STORAGE_TYPES) {
    if (!(type in fieldsOf(storage))) continue;
    const path = type === 'directory' ? ', path: …' : '';
    const message = `this is version 1 of the file; write storage: {type: ${type}${path}}`;
    throw failure(['storage', type], message);
  }
  for (const list of ['outputs', 'services']) {
    const outputs = fieldsOf(config)[list];
    for (const [position, output] of (Array.isArray(outputs) ? outputs : []).entries()) {
      const known = list === 'services' ? [...OUTPUT_TYPES, WORKLOAD_API_TYPE] : OUTPUT_TYPES;
      refuseType(fieldsOf(output), known, [list, position], failure);
      const { destination } = fieldsOf(output);
      refuseType(
        fieldsOf(destination),
        DESTINATION_TYPES,
        [list, position, 'destination'],
        failure,
      );
    }
  }
}

function refuseType(
  { type }: Readonly<Record<string, unknown>>,
  known: readonly string[],
  path: readonly PropertyKey[],
  failure: FailureAt,
): void {
  if (typeof type !== 'string' || known.includes(type)) return;
  const meant = nearestName(type, known);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  const message = `there is no type ${printable(type, 60)} in this version, only ${listed(known)}${hint}`;
  throw failure([...path, 'type'], message);
}

const listed = (names: readonly string[]): string =>
  `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};

/** A field with nothing below it (everything is commented out) is as good as none. */
export function withoutEmptyFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmptyFields);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutEmptyFields(inner)]),
  );
}
