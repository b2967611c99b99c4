/** A machine that joins whatever happens to the instance that it asks: the very same request goes to the next one. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { certificationRequest } from '../../../shared/encoding/certification-request-encode.ts';
import { imdsNonce, type JoinAnswer } from '../../../shared/protocol/join.ts';
import type { Machine } from '../../azure/machine.ts';

export interface JoinPlan {
  readonly machine: Machine;
  readonly cluster: string;
  readonly token: string;
  readonly ttl: string;
  /** Where the n-th try goes: an address of an instance, alive or not. */
  readonly urlOf: (attempt: number) => string;
}

export interface Joined {
  readonly answer: JoinAnswer;
  readonly tries: number;
}

const MOST_TRIES = 40;
const BETWEEN_MS = 50;

/** Throws where it is refused, or no try comes through: then a join was lost. */
export async function joinAnyhow(plan: JoinPlan): Promise<Joined> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = JSON.stringify({
    broker: plan.cluster,
    id: randomUUID(),
    token: plan.token,
    join_method: 'azure',
    certificates: [{ name: 'identity', csr: certificationRequest(privateKey), ttl: plan.ttl }],
  });
  const body = JSON.stringify({
    request,
    azure: plan.machine.evidence({ nonce: imdsNonce(request) }),
  });
  let last = '';
  for (let attempt = 0; attempt < MOST_TRIES; attempt += 1) {
    if (attempt > 0) await pause(BETWEEN_MS);
    try {
      const answer = await fetch(`${plan.urlOf(attempt)}/v1/join`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      const text = await answer.text();
      if (answer.ok) return { answer: JSON.parse(text) as JoinAnswer, tries: attempt + 1 };
      last = `${answer.status} ${text}`;
      if (answer.status < 500 && answer.status !== 409) break;
    } catch (error) {
      // The instance is dead, or died in the middle.
      last = String(error);
    }
  }
  throw new Error(`a join was lost: ${last}`);
}
