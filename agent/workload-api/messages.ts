/**
 * The messages of the SPIFFE Workload API that are sent (workload.proto of github.com/spiffe/spiffe), in Protocol Buffers'
 * encoding: fields of bytes alone, each with its number and length.
 */

type Field = readonly [number: number, content: Uint8Array | string];

const LENGTH_DELIMITED = 2;

function message(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, content]) => {
      const bytes = Buffer.from(content);
      return [varint(number * 8 + LENGTH_DELIMITED), varint(bytes.length), bytes];
    }),
  );
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return Buffer.from([...bytes, rest]);
}

/** What a workload gets: all of it DER, certificates one after the other. */
export interface X509Svid {
  /** `spiffe://<trust domain>/…`. */
  readonly id: string;
  /** The leaf first. */
  readonly chain: readonly Uint8Array[];
  /** PKCS#8. */
  readonly key: Uint8Array;
  readonly authorities: readonly Uint8Array[];
}

/** `X509SVIDResponse` with one `X509SVID`. */
export const svidResponse = ({ id, chain, key, authorities }: X509Svid): Buffer =>
  message([
    [
      1,
      message([
        [1, id],
        [2, Buffer.concat(chain)],
        [3, key],
        [4, Buffer.concat(authorities)],
      ]),
    ],
  ]);

/** `X509BundlesResponse`: of the trust domain alone. An entry of a map is a message of key and value. */
export const bundlesResponse = ({ id, authorities }: X509Svid): Buffer =>
  message([
    [
      2,
      message([
        [1, trustDomainOf(id)],
        [2, Buffer.concat(authorities)],
      ]),
    ],
  ]);

/** The SPIFFE ID of the trust domain itself. */
const trustDomainOf = (id: string): string => /^spiffe:\/\/[^/]+/.exec(id)?.[0] ?? '';
