/** A heartbeat, written from the protocol. */
import { type KeyObject, sign } from 'node:crypto';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import { type Attempt, chainOf, joined } from './joiner.ts';

export const SAID = {
  time: '2026-11-20T12:00:00Z',
  version: '1.2.3',
  host: 'vm-1',
  os: 'Linux 6.8.0 x64',
  uptime_seconds: 61,
  outputs: [{ directory: '/opt/machine-id', state: 'written', expires: '2026-11-20T13:00:00Z' }],
};

export interface Bent {
  readonly said?: object;
  readonly text?: string;
  readonly proofKey?: KeyObject;
  readonly proof?: string;
  readonly certificates?: readonly string[];
  /** Whose certificate is shown, of those that it got. */
  readonly position?: number;
}

export const shownChain = (attempt: Attempt, position?: number): string[] =>
  chainOf(attempt, position).map(encodeBase64);

export function heartbeatBody(attempt: Attempt, bent: Bent = {}): object {
  const { instance_id: id, generation } = joined(attempt);
  const text = bent.text ?? JSON.stringify({ instance: { id, generation }, ...SAID, ...bent.said });
  const message = Buffer.from(`join-broker-heartbeat-v1\n${text}`);
  return {
    heartbeat: text,
    certificates: bent.certificates ?? shownChain(attempt, bent.position),
    proof: bent.proof ?? sign('sha256', message, bent.proofKey ?? attempt.key).toString('base64'),
  };
}
