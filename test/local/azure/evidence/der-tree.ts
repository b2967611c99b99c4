/** DER as a tree, to look into documents in tests. Primitive elements have no children. */
import { DerReader } from '../../../../shared/encoding/der-decode.ts';

export interface DerTree {
  readonly tag: number;
  readonly bytes: Uint8Array;
  readonly content: Uint8Array;
  readonly children: readonly DerTree[];
}

export function derTree(bytes: Uint8Array): DerTree {
  const reader = new DerReader(bytes);
  const element = reader.readAny();
  reader.end();
  const children: DerTree[] = [];
  if ((element.tag & 0x20) !== 0) {
    for (const inner = new DerReader(element.content); !inner.done; ) {
      children.push(derTree(inner.readAny().bytes));
    }
  }
  return { ...element, children };
}

/** The element that a path of positions leads to. */
export function at(tree: DerTree, ...path: readonly number[]): DerTree {
  return path.reduce((node, position) => {
    const child = node.children[position];
    if (!child) throw new Error(`no element ${position} in a tag 0x${node.tag.toString(16)}`);
    return child;
  }, tree);
}
