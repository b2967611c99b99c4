/** DER with one element more than it has: what a strict parser must refuse wherever it looks. */
import { DerReader } from '../../../shared/encoding/der-decode.ts';
import { element, nullValue } from '../../../shared/encoding/der-encode.ts';

/** Where an element stands: the position at each depth, from the outermost one. */
type Place = readonly number[];

const isConstructed = (tag: number): boolean => (tag & 0x20) !== 0;

function childrenOf(
  content: Uint8Array,
): { tag: number; content: Uint8Array; bytes: Uint8Array }[] {
  const reader = new DerReader(content);
  const children = [];
  while (!reader.done) children.push(reader.readAny());
  return children;
}

/** The DER of one element, once for each constructed element within it, to whose end NULL was added. */
export function withOneMore(der: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  const places = (content: Uint8Array, at: Place): Place[] =>
    childrenOf(content).flatMap((child, i) =>
      isConstructed(child.tag) ? [[...at, i], ...places(child.content, [...at, i])] : [],
    );
  for (const place of places(der, [])) found.set(place.slice(1).join('.'), added(der, place));
  return found;
}

function added(content: Uint8Array, [at, ...deeper]: Place): Uint8Array {
  const parts = childrenOf(content).map((child, i) => {
    if (i !== at) return child.bytes;
    const inner = deeper.length > 0 ? added(child.content, deeper) : child.content;
    return element(child.tag, inner, ...(deeper.length > 0 ? [] : [nullValue()]));
  });
  return Buffer.concat(parts);
}
