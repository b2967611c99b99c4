/** Ranges of IP addresses, as `sshd` compares them: an address, or one with a prefix length and no bit set behind it. */
import { isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod/mini';

interface AddressRange {
  readonly width: 32 | 128;
  readonly bits: bigint;
  /** How many of the first bits count. */
  readonly prefix: number;
}

export const addressRange = z.string().check(
  z.maxLength(49),
  z.refine(
    (text) => parseRange(text) !== undefined,
    'expected an address or a range such as 203.0.113.0/24, without bits behind the prefix',
  ),
);

/** The ranges that lie in every one of these lists. */
export const inAll = (lists: readonly (readonly string[])[]): readonly string[] => [
  ...new Set(
    lists.reduce((kept, list) =>
      kept.flatMap((one) =>
        list.flatMap((other) =>
          contains(other, one) ? [one] : contains(one, other) ? [other] : [],
        ),
      ),
    ),
  ),
];

function contains(outer: string, inner: string): boolean {
  const [a, b] = [parseRange(outer), parseRange(inner)];
  if (!a || !b || a.width !== b.width || a.prefix > b.prefix) return false;
  const behind = BigInt(a.width - a.prefix);
  return a.bits >> behind === b.bits >> behind;
}

function parseRange(text: string): AddressRange | undefined {
  const [, address = '', length] = /^([0-9A-Fa-f.:]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const width = isIPv4(address) ? 32 : isIPv6(address) && !address.includes('.') ? 128 : undefined;
  if (width === undefined) return undefined;
  const prefix = length === undefined ? width : Number(length);
  if (prefix > width) return undefined;
  const bits = width === 32 ? bitsOf(address.split('.'), 10) : bitsOf(wordsOf(address), 16);
  const behind = BigInt(width - prefix);
  return (bits >> behind) << behind === bits ? { width, bits, prefix } : undefined;
}

/** The eight words of an IPv6 address, with the zeros that `::` stands for. */
function wordsOf(address: string): string[] {
  const [left = [], right = []] = address
    .split('::')
    .map((half) => half.split(':').filter((word) => word !== ''));
  return [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
}

const bitsOf = (parts: readonly string[], radix: 10 | 16): bigint =>
  parts.reduce(
    (bits, part) => (bits << (radix === 10 ? 8n : 16n)) | BigInt(Number.parseInt(part, radix)),
    0n,
  );
