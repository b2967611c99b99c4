/** What a join asks for. All proof is made over the text of it that is sent. */
import { type KeyObject, randomUUID } from 'node:crypto';
import { certificationRequest } from '../shared/encoding/certification-request-encode.ts';
import type { CertificateWish, JoinRequest } from '../shared/protocol/join.ts';
import { formatDuration, parseTimestamp } from '../shared/protocol/values.ts';
import type { Broker } from './broker.ts';
import type { Instance } from './instance-state.ts';
import { createKey } from './joining-keys.ts';
import type { AgentSettings, Output } from './settings.ts';
import { countingPins, verifyTrustBundle } from './trust-bundle.ts';

/** One for the agent itself, then one for each output that is asked for. */
export type Keys = readonly [KeyObject, ...KeyObject[]];

export const createKeys = async (outputs: readonly Output[], own?: KeyObject): Promise<Keys> => [
  own ?? (await createKey()),
  ...(await Promise.all(outputs.map(() => createKey()))),
];

export function makeRequest(
  settings: AgentSettings,
  due: readonly Output[],
  cluster: string,
  keys: Keys,
  more: Pick<JoinRequest, 'time' | 'instance'>,
): JoinRequest {
  const asked = wishes(settings, due);
  return {
    broker: cluster,
    id: randomUUID(),
    token: settings.token,
    join_method: settings.joinMethod,
    role: settings.host?.role ?? 'Bot',
    ...more,
    certificates: keys.flatMap((key, position) => {
      const wish = asked[position];
      return wish ? [{ ...wish, csr: certificationRequest(key) }] : [];
    }),
  };
}

/** The name of the agent's own certificate. */
export const OWN = 'identity';

/** The name of an output's certificate, by its place among all outputs. */
export const wishName = (position: number): string => `output-${position + 1}`;

/**
 * For the agent itself and the outputs that are due. The first key is the instance key. No output ever sees it: it can
 * ask for anything that the bot may have.
 */
export function wishes(
  { host, ...settings }: Pick<AgentSettings, 'outputs' | 'host' | 'certificateTtlSeconds'>,
  due: readonly Output[],
): readonly Omit<CertificateWish, 'csr'>[] {
  const ttl = formatDuration(settings.certificateTtlSeconds);
  const outputs = due.map((output) => ({
    name: wishName(settings.outputs.indexOf(output)),
    ...(host && { type: 'host' as const }),
    ...(output.sshHostKey !== undefined && { ssh_public_key: output.sshHostKey }),
    ...(output.roles && { roles: [...output.roles] }),
    ttl: output.ttlSeconds === undefined ? ttl : formatDuration(output.ttlSeconds),
  }));
  const asHost = host && {
    type: 'host' as const,
    ...(host.sshHostKey !== undefined && { ssh_public_key: host.sshHostKey }),
  };
  return [{ name: OWN, ...asHost, ttl }, ...outputs];
}

/**
 * The cluster name of the broker: as the bundle that is held says, until that wants to be refreshed. Asked before
 * anything is proved: a request is for the broker of a bundle that was verified, and for no other.
 */
export async function clusterOf(
  { caPins: pins }: Pick<AgentSettings, 'caPins'>,
  known: Instance | undefined,
  broker: Broker,
  now: Date,
): Promise<string> {
  const refreshAfter = parseTimestamp(known?.trust.refreshAfter ?? '');
  const counting = countingPins(pins, known?.trust);
  const isPinned = counting.length === 0 || (known && counting.includes(known.trust.root));
  if (known && isPinned && refreshAfter && refreshAfter > now) return known.trust.cluster;
  const trust = await verifyTrustBundle(await broker.trust(), {
    pins,
    known: known?.trust,
    now,
  });
  return trust.bundle.cluster;
}
