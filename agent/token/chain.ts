/**
 * The requests of join method `token` that are under way: each but the first replaces what the one before it may have
 * made. Every change is on the disk before the call returns.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import type { CertificateWish } from '../../shared/protocol/join.ts';
import { instanceIdOfSecret } from '../../shared/protocol/join-secret.ts';
import { formatTimestamp } from '../../shared/protocol/values.ts';
import type { Broker } from '../broker.ts';
import type { Effects } from '../effects.ts';
import type { Instance } from '../instance-state.ts';
import { clusterOf, createKeys, type Keys, makeRequest, wishes } from '../join-request.ts';
import type { AgentSettings, Output } from '../settings.ts';
import { type PendingRequest, type PendingRequests, replacedBy } from './pending-requests.ts';

/** What requests are made with. */
export interface Maker {
  readonly settings: AgentSettings;
  /** The outputs that certificates are wanted for now. */
  readonly due: readonly Output[];
  readonly broker: Broker;
  readonly pending: PendingRequests;
  readonly effects: Pick<Effects, 'clock'>;
}

/** What goes on from the generation that is held: the requests follow each other, and older ones were answered. */
export function continuing(
  requests: readonly PendingRequest[],
  instance: Instance | undefined,
): PendingRequest[] {
  const held = instance?.generation ?? 0;
  const first = requests.findIndex((request) => replacedBy(request) === held);
  return first === -1 ? [] : requests.slice(first);
}

/** The key of the generation that a request of the chain replaces; a first join has none. */
export const replacedKey = (
  chain: readonly PendingRequest[],
  position: number,
  instance: Instance | undefined,
): KeyObject | undefined => (position === 0 ? instance?.key : chain[position - 1]?.keys[0]);

/** Adds a request that replaces what the newest one may have made, with a new key. */
export async function append(
  chain: PendingRequest[],
  instance: Instance | undefined,
  maker: Maker,
): Promise<void> {
  const keys = await createKeys(maker.due);
  chain.push(await write(chain, chain.length, keys, instance, maker));
  await maker.pending.store(chain);
}

/** A request anew, of now and for what is wanted now: for the same key. */
export async function rewrite(
  chain: PendingRequest[],
  position: number,
  instance: Instance | undefined,
  maker: Maker,
): Promise<void> {
  const keys = await createKeys(maker.due, chain[position]?.keys[0]);
  chain[position] = await write(chain, position, keys, instance, maker);
  await maker.pending.store(chain);
}

async function write(
  chain: readonly PendingRequest[],
  position: number,
  keys: Keys,
  instance: Instance | undefined,
  { settings, due, broker, effects }: Maker,
): Promise<PendingRequest> {
  const cluster = await clusterOf(settings, instance, broker, effects.clock.now());
  const key = replacedKey(chain, position, instance);
  // By the broker's clock, as far as it is known: by it, a late request is told from a copy's.
  const time = formatTimestamp(broker.trueTime());
  const renewal = key && {
    // The secret alone says which instance its first join makes: the broker's answer isn't needed to renew it.
    id: instanceIdOfSecret(settings.token),
    generation: (instance?.generation ?? 0) + position,
    key: encodeBase64(createPublicKey(key).export({ format: 'der', type: 'spki' })),
  };
  const request = makeRequest(settings, due, cluster, keys, {
    time,
    ...(renewal && { instance: renewal }),
  });
  return { text: JSON.stringify(request), request, keys };
}

/** Whether a request asks for everything that is wanted now, as it is wanted now. */
export function asksFor(
  pending: PendingRequest | undefined,
  { settings, due }: Pick<Maker, 'settings' | 'due'>,
): boolean {
  const asked = new Set(pending?.request.certificates.map(essence));
  return wishes(settings, due).every((wish) => asked.has(essence(wish)));
}

const essence = ({
  name,
  type,
  ssh_public_key,
  roles,
  ttl,
}: Omit<CertificateWish, 'csr'>): string =>
  JSON.stringify([name, type, ssh_public_key, roles, ttl]);
