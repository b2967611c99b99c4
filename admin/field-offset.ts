/** Finds the place of a field, named by a path such as `spec.azure.allow[0].tenant`, in a YAML document. */
import { isMap, isScalar, isSeq } from 'yaml';

/** Where the deepest part of the field's path that exists begins: a missing field is looked for in its parent. */
export function fieldOffset(contents: unknown, field: string): number {
  let node = contents;
  let rest = field;
  let offset = startOf(contents) ?? 0;
  for (;;) {
    const step = isMap(node) ? stepIntoMap(node.items, rest) : stepIntoList(node, rest);
    if (!step) return offset;
    offset = startOf(step.place) ?? offset;
    node = step.node;
    rest = step.rest;
  }
}

interface Step {
  readonly place: unknown;
  readonly node: unknown;
  readonly rest: string;
}

/** Keys may hold dots and brackets themselves, so the path is compared with the keys that are there. */
function stepIntoMap(
  pairs: readonly { readonly key: unknown; readonly value: unknown }[],
  path: string,
): Step | undefined {
  for (const { key, value } of pairs) {
    const text = String(isScalar(key) ? key.value : key);
    const rest = path.slice(text.length);
    if (text !== '' && path.startsWith(text) && /^(?:[.[]|$)/.test(rest)) {
      return { place: key, node: value, rest: rest.replace(/^\./, '') };
    }
  }
  return undefined;
}

function stepIntoList(node: unknown, path: string): Step | undefined {
  const match = /^\[(\d{1,6})\]\.?/.exec(path);
  const item: unknown = isSeq(node) && match ? node.items[Number(match[1])] : undefined;
  return item === undefined || !match
    ? undefined
    : { place: item, node: item, rest: path.slice(match[0].length) };
}

function startOf(node: unknown): number | undefined {
  const isNode = typeof node === 'object' && node !== null && 'range' in node;
  return isNode && Array.isArray(node.range) ? Number(node.range[0]) : undefined;
}
