/** Makes joins as `joinbot` does, apart from sending them. */
import { randomUUID } from 'node:crypto';
import { createKey } from '../agent/joining-keys.ts';
import type { EvidenceOptions, Machine } from '../local/azure/machine.ts';
import { certificationRequest } from '../shared/encoding/certification-request-encode.ts';
import { imdsNonce, type JoinBody } from '../shared/protocol/join.ts';

export interface JoinWishes {
  readonly certificates?: number;
  /** Members of the request, in place of the usual ones. */
  readonly request?: Readonly<Record<string, unknown>>;
  readonly evidence?: EvidenceOptions;
}

/** The body of a first join of the machine with the join token, at the broker of this cluster name. */
export async function makeJoin(
  machine: Machine,
  token: string,
  broker: string,
  { certificates = 1, request: members, evidence }: JoinWishes = {},
): Promise<JoinBody> {
  const key = await createKey();
  const csr = certificationRequest(key);
  const request = JSON.stringify({
    broker,
    id: randomUUID(),
    token,
    join_method: 'azure',
    certificates: Array.from({ length: certificates }, (_, i) => ({
      name: i === 0 ? 'identity' : `identity${i}`,
      csr,
    })),
    ...members,
  });
  return { request, azure: machine.evidence({ nonce: imdsNonce(request), ...evidence }) };
}
