/** Makes joins as `joinbot` does, apart from sending them. */
import { randomUUID } from 'node:crypto';
import { createKey } from '../agent/joining-keys.ts';
import type { Machine } from '../local/azure/machine.ts';
import { certificationRequest } from '../shared/encoding/certification-request-encode.ts';
import { imdsNonce, type JoinBody } from '../shared/protocol/join.ts';

/** The body of a first join of the machine with the join token, at the broker of this cluster name. */
export async function makeJoin(machine: Machine, token: string, broker: string): Promise<JoinBody> {
  const key = await createKey();
  const request = JSON.stringify({
    broker,
    id: randomUUID(),
    token,
    join_method: 'azure',
    certificates: [{ name: 'identity', csr: certificationRequest(key) }],
  });
  return { request, azure: machine.evidence({ nonce: imdsNonce(request) }) };
}
