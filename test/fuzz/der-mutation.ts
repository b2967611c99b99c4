/** Changes DER where its structure says that something stands, so that mutants get past the first length that they meet. */
import type { Random } from './random.ts';

interface Node {
  tag: number;
  /** Of a constructed element, or of a string of bytes that holds DER. */
  children: Node[] | undefined;
  content: Uint8Array;
  /** What is wrong with how the length is written. */
  length: 'right' | 'padded' | 'indefinite' | 'too long' | 'too short';
}

/** The elements of these bytes; `undefined` where they are no DER. */
function parse(bytes: Uint8Array, depth = 0): Node[] | undefined {
  const nodes: Node[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1];
    if (first === undefined || (tag & 0x1f) === 0x1f) return undefined;
    const size = first < 0x80 ? 0 : first & 0x7f;
    if (size > 3 || first === 0x80) return undefined;
    const start = at + 2 + size;
    const length =
      size === 0
        ? first
        : Number(`0x${Buffer.from(bytes.subarray(at + 2, start)).toString('hex')}`);
    if (start + length > bytes.length) return undefined;
    const content = bytes.subarray(start, start + length);
    const inner = tag === 0x03 ? content.subarray(1) : content;
    const holds = (tag & 0x20) !== 0 || ((tag === 0x04 || tag === 0x03) && inner.length > 2);
    const children = holds && tag !== 0x03 && depth < 20 ? parse(content, depth + 1) : undefined;
    nodes.push({ tag, content, children, length: 'right' });
    at = start + length;
  }
  return nodes;
}

function encode({ tag, children, content, length }: Node): Uint8Array {
  const body = children ? Buffer.concat(children.map(encode)) : content;
  if (length === 'indefinite') return Buffer.concat([Buffer.of(tag, 0x80), body, Buffer.of(0, 0)]);
  const claimed =
    length === 'too long'
      ? body.length + 1
      : Math.max(0, body.length - (length === 'too short' ? 1 : 0));
  return Buffer.concat([Buffer.of(tag), lengthBytes(claimed, length === 'padded'), body]);
}

function lengthBytes(length: number, padded: boolean): Uint8Array {
  if (length < 0x80 && !padded) return Buffer.of(length);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex');
  const all = padded ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
  return Buffer.concat([Buffer.of(0x80 | all.length), all]);
}

const everyNode = (nodes: readonly Node[]): Node[] =>
  nodes.flatMap((node) => [node, ...everyNode(node.children ?? [])]);
const everyList = (nodes: Node[]): Node[][] => [
  nodes,
  ...nodes.flatMap((node) => (node.children ? everyList(node.children) : [])),
];

const TAGS = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x17, 0x18, 0x30, 0x31, 0xa0, 0xa3, 0x80, 0x82,
];

/** One to three changes. `donor` is other DER, whose elements may take the place of some. */
export function mutateDer(der: Uint8Array, donor: Uint8Array, random: Random): Uint8Array {
  const nodes = parse(der);
  if (!nodes) return der;
  const lent = everyNode(parse(donor) ?? []);
  for (let changes = 1 + random.below(3); changes > 0; changes -= 1) {
    const list = random.pick(everyList(nodes));
    const at = random.below(list.length + 1);
    const node = list[Math.min(at, list.length - 1)];
    if (!node) continue;
    switch (random.below(9)) {
      case 0:
        list.splice(at, 1);
        break;
      case 1:
        list.splice(at, 0, structuredClone(node));
        break;
      case 2:
        if (lent.length > 0) list.splice(at, 1, structuredClone(random.pick(lent)));
        break;
      case 3:
        list.reverse();
        break;
      case 4:
        node.tag = random.pick(TAGS);
        break;
      case 5:
        node.length = random.pick(['padded', 'indefinite', 'too long', 'too short'] as const);
        break;
      case 6:
        delete (node as Partial<Node>).children;
        node.content = random.bytes(random.below(8));
        break;
      case 7:
        list.splice(at, 0, {
          tag: 5,
          children: undefined,
          content: new Uint8Array(),
          length: 'right',
        });
        break;
      default:
        if (node.children === undefined && node.content.length > 0) {
          const content = Uint8Array.from(node.content);
          const where = random.below(content.length);
          content[where] = (content[where] ?? 0) ^ (1 << random.below(8));
          node.content = content;
        }
    }
  }
  return Buffer.concat(nodes.map(encode));
}
