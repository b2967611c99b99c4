/** What a join came to, checked against what was asked for. */
import type { KeyObject } from 'node:crypto';
import type { CertificateWish, JoinAnswer } from '../shared/protocol/join.ts';
import { Failure } from './failure.ts';
import type { Instance } from './instance-state.ts';
import { checkIssued, type IssuedCertificate } from './issued-certificate.ts';
import type { Keys } from './join-request.ts';
import type { AgentSettings } from './settings.ts';
import { type VerifiedTrust, verifyTrustBundle } from './trust-bundle.ts';

export interface Joined {
  /** Under which operators find the join in the broker's log. */
  readonly requestId: string;
  /** What the machine is called, where its evidence says that. */
  readonly machine?: string;
  readonly instance: Instance;
  readonly trust: VerifiedTrust;
  /** The agent's own identity first, then one for each output that was asked for: each under the name of its wish. */
  readonly certificates: readonly [IssuedCertificate, ...IssuedCertificate[]];
}

interface Circumstances {
  readonly asked: readonly CertificateWish[];
  /** The instance that asked to be renewed. */
  readonly renewing: Instance | undefined;
  /** The one whose trust bundle is installed. */
  readonly known: Instance | undefined;
}

/** `keys` are those of the wishes, in their order. Throws a `Failure` that says what doesn't fit. */
export async function acceptAnswer(
  answer: JoinAnswer,
  keys: Keys,
  settings: AgentSettings,
  { asked, renewing, known }: Circumstances,
  now: Date,
): Promise<Joined> {
  if (renewing && answer.instance_id !== renewing.id) {
    throw new Failure('untrusted', 'the broker answered a renewal with another instance');
  }
  const role = settings.host?.role ?? 'Bot';
  if (answer.role !== role || (answer.bot === undefined) !== (role !== 'Bot')) {
    throw new Failure(
      'untrusted',
      `the broker answered a ${role} with something else than a ${role}`,
    );
  }
  const trust = await verifyTrustBundle(answer.trust, {
    pins: settings.caPins,
    known: known?.trust,
    now,
  });
  const granted = (key: KeyObject, position: number): IssuedCertificate => {
    const one = answer.certificates[position];
    if (!one || answer.certificates.length !== keys.length || one.name !== asked[position]?.name) {
      throw new Failure('untrusted', 'the broker granted other certificates than were asked for');
    }
    return checkIssued(one, key, trust, {
      kind: settings.host ? 'host' : 'user',
      sshKey: asked[position]?.ssh_public_key,
      now,
    });
  };
  const [ownKey, ...otherKeys] = keys;
  const own = granted(ownKey, 0);
  const others = otherKeys.map((key, position) => granted(key, position + 1));
  const instance: Instance = {
    broker: settings.broker,
    joinMethod: settings.joinMethod,
    token: settings.token,
    role,
    ...(answer.bot !== undefined && { bot: answer.bot }),
    id: answer.instance_id,
    generation: answer.generation,
    key: own.privateKey,
    expires: own.expires,
    trust: {
      root: trust.root,
      version: answer.trust.version,
      signedFrom: trust.signedFrom,
      says: trust.says,
      cluster: answer.trust.cluster,
      refreshAfter: answer.trust.refresh_after,
      pins: trust.pins,
      configured: settings.caPins,
    },
  };
  return { requestId: answer.request_id, instance, trust, certificates: [own, ...others] };
}
