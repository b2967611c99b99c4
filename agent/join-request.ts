/** What a join asks for. All proof is made over the text of it that is sent. */
import { type KeyObject, randomUUID } from 'node:crypto';
import { certificationRequest } from '../shared/encoding/certification-request-encode.ts';
import type { CertificateWish, JoinRequest } from '../shared/protocol/join.ts';
import { formatDuration, parseTimestamp } from '../shared/protocol/values.ts';
import type { Broker } from './broker.ts';
import type { Instance } from './instance-state.ts';
import { createKey } from './joining-keys.ts';
import type { AgentSettings } from './settings.ts';
import { countingPins, verifyTrustBundle } from './trust-bundle.ts';

/** One for the agent itself, then one for each output. */
export type Keys = readonly [KeyObject, ...KeyObject[]];

export const createKeys = async (
  { outputs }: Pick<AgentSettings, 'outputs'>,
  own?: KeyObject,
): Promise<Keys> => [own ?? (await createKey()), ...(await Promise.all(outputs.map(createKey)))];

export function makeRequest(
  settings: AgentSettings,
  cluster: string,
  keys: Keys,
  more: Pick<JoinRequest, 'time' | 'instance'>,
): JoinRequest {
  const asked = wishes(settings);
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

/** The first key is the instance key. No output ever sees it: it can ask for anything that the bot may have. */
export function wishes({
  host,
  ...settings
}: Pick<AgentSettings, 'outputs' | 'host' | 'certificateTtlSeconds'>): readonly Omit<
  CertificateWish,
  'csr'
>[] {
  const ttl = formatDuration(settings.certificateTtlSeconds);
  const outputs = settings.outputs.map(({ roles, ttlSeconds, sshHostKey }, position) => ({
    name: `output-${position + 1}`,
    ...(host && { type: 'host' as const }),
    ...(sshHostKey !== undefined && { ssh_public_key: sshHostKey }),
    ...(roles && { roles: [...roles] }),
    ttl: ttlSeconds === undefined ? ttl : formatDuration(ttlSeconds),
  }));
  const asHost = host && {
    type: 'host' as const,
    ...(host.sshHostKey !== undefined && { ssh_public_key: host.sshHostKey }),
  };
  return [{ name: 'identity', ...asHost, ttl }, ...outputs];
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
