/** The last step of a join: certificates, and the one row that is the record of the join and its replay guard. */
import type { Authorities } from '../authority/authorities.ts';
import type { GrantedCertificate } from '../protocol/join.ts';
import { denied, Refusal } from '../refusal.ts';
import type { Instance, Instances, StoredInstance, UsedChallenge } from '../storage/instances.ts';
import type { JoinEvent } from '../telemetry/telemetry.ts';
import type { CertificateKeys } from './certificate-keys.ts';
import type { Grant } from './grants.ts';
import { type DecidedJoin, firstInstance, renewedInstance, usedFor } from './instance-record.ts';
import { issueCertificates } from './issue.ts';

/** Facts for the audit line, told as they become known, so that a denial has those that came before it. */
export type Report = (facts: Partial<JoinEvent>) => void;

export interface Joined {
  readonly bot: string;
  readonly instanceId: string;
  readonly generation: number;
  readonly certificates: readonly GrantedCertificate[];
}

/** Mints, writes one row, and lets the certificates go only after the write is acknowledged. */
export async function issueAndRecord(
  decided: DecidedJoin,
  grants: readonly Grant[],
  renewing: StoredInstance | undefined,
  authorities: Authorities,
  { cluster, instances }: { readonly cluster: string; readonly instances: Instances },
  report: Report,
): Promise<Joined> {
  const mint = (instanceId: string, records: DecidedJoin['certificates']): GrantedCertificate[] =>
    decided.keys.map((keys: CertificateKeys, i) => {
      const grant = grants[i];
      const record = records[i];
      if (!grant || !record) throw new Error('a certificate has no grant');
      return issueCertificates(
        keys,
        grant,
        record,
        { cluster, bot: decided.bot, instanceId },
        authorities,
      );
    });
  const answer = (
    { id: instanceId, bot }: Instance,
    { generation, certificates }: Pick<UsedChallenge, 'generation' | 'certificates'>,
  ): Joined => ({ bot, instanceId, generation, certificates: mint(instanceId, certificates) });
  /** Tells of certificates only once they leave: the audit line has no serial number that nobody got. */
  const release = (joined: Joined, certificates: UsedChallenge['certificates']): Joined => {
    report({
      instance_id: joined.instanceId,
      generation: joined.generation,
      serials: certificates.map(({ serial }) => serial),
    });
    return joined;
  };
  const again = (instance: Instance, used: UsedChallenge): Joined => {
    const { certificates } = sameRequest(used, decided);
    return release(answer(instance, used), certificates);
  };

  const before = renewing && usedFor(renewing.instance, decided.challenge.id);
  if (renewing && before) return again(renewing.instance, before);
  const instance = renewing ? renewedInstance(renewing.instance, decided) : firstInstance(decided);
  const { certificates } = decided;
  const minted = answer(instance, { generation: instance.generation, certificates });
  const written = renewing
    ? await instances.replace(instance, renewing.etag)
    : await instances.insert(instance);
  if (written) return release(minted, certificates);

  // Somebody was faster: this very request (a lost answer, the SDK's second try), or another one.
  const stored = await instances.read(decided.bot, instance.id);
  const used = stored && usedFor(stored.instance, decided.challenge.id);
  if (stored && used) return again(stored.instance, used);
  throw new Refusal('try_again', 'another renewal of this instance was faster: try again');
}

function sameRequest(used: UsedChallenge, { requestDigest }: DecidedJoin): UsedChallenge {
  if (used.requestDigest !== requestDigest)
    throw denied('challenge_used', 'the challenge was used for another request');
  return used;
}
