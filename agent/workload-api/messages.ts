/** The messages of the SPIFFE Workload API that are sent (workload.proto of github.com/spiffe/spiffe). */
import { message } from './wire.ts';

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
export const trustDomainOf = (id: string): string => /^spiffe:\/\/[^/]+/.exec(id)?.[0] ?? '';
