/** The last step of a join: certificates, and the one row that is the record of the join and its replay guard. */
import type { Authorities } from '../authority/authorities.ts';
import type { DenialReason } from '../protocol/denial-reason.ts';
import type { GrantedCertificate } from '../protocol/join.ts';
import { denied, Refusal } from '../refusal.ts';
import type {
  AnsweredRequest,
  Instance,
  Instances,
  IssuedCertificate,
  StoredInstance,
  Tombstone,
} from '../storage/instances.ts';
import { certificateFacts } from './certificate-facts.ts';
import {
  answeredWith,
  type DecidedJoin,
  firstInstance,
  renewedInstance,
  unixSeconds,
} from './instance-record.ts';
import { issueCertificates } from './issue.ts';
import type { Grant } from './owners/owner.ts';
import type { Report } from './report.ts';

export interface Joined {
  readonly instance: Pick<Instance, 'id' | 'role'>;
  readonly bot: string | undefined;
  readonly generation: number;
  readonly certificates: readonly GrantedCertificate[];
}

interface IssuingParts {
  readonly cluster: string;
  readonly crlAddress?: string | undefined;
  readonly instances: Instances;
}

/**
 * Mints, writes one row, and lets the certificates go only after the write is acknowledged. Calls `onGone` where the
 * instance turns out to be no more.
 */
export async function issueAndRecord(
  decided: DecidedJoin,
  grants: readonly Grant[],
  renewing: StoredInstance | undefined,
  usedReason: DenialReason,
  authorities: Authorities,
  { cluster, crlAddress, instances }: IssuingParts,
  report: Report,
  onGone: () => Promise<void>,
): Promise<Joined> {
  const { digest, at } = decided;
  const mint = (generation: number, records: readonly IssuedCertificate[]): Joined => ({
    instance: { id: decided.instanceId, role: decided.role },
    bot: grants.find((grant) => grant.type === 'user')?.bot,
    generation,
    certificates: decided.keys.map((keys, i) => {
      const grant = grants[i];
      const record = records[i];
      if (!grant || !record) throw new Error('a certificate has no grant');
      const subject = { cluster, crlAddress, instanceId: decided.instanceId };
      return issueCertificates(keys, grant, record, subject, authorities);
    }),
  });
  /** Tells of certificates only once they leave: the audit line has no serial number that nobody got. */
  const release = (joined: Joined, certificates: readonly IssuedCertificate[]): Joined => {
    report({
      instance_id: decided.instanceId,
      generation: joined.generation,
      ...certificateFacts(certificates, decided.keys, grants),
    });
    return joined;
  };
  const again = ({ generation, certificates }: AnsweredRequest): Joined => {
    const limited = certificates.map((record, i) => withinLimits(record, grants[i], at));
    return release(mint(generation, limited), limited);
  };

  const answered = renewing && answeredWith(renewing.instance, digest, at);
  if (answered) return again(answered);
  const instance = renewing ? renewedInstance(renewing.instance, decided) : firstInstance(decided);
  const { certificates } = decided;
  const minted = mint(instance.generation, certificates);
  const written = renewing
    ? await instances.replace(instance, renewing.etag)
    : await instances.insert(instance);
  if (written) return release(minted, certificates);

  // Somebody was faster: this very request (a lost answer, the SDK's second try), or another one.
  const stored = await instances.read(decided.owner, decided.instanceId);
  if (!stored || 'removed' in stored) await onGone();
  const used = answerBefore(stored, decided, usedReason, renewing !== undefined, report);
  if (used) return again(used);
  throw new Refusal('try_again', 'another request of this instance was faster: try again');
}

/**
 * What this request was answered with, by the row of its instance. Throws where the row shows that it can't be carried
 * out: the instance was removed, or a first join has made it already. The very same first join again is no sign that
 * somebody else has the secret, whatever became of its instance since.
 */
export function answerBefore(
  stored: StoredInstance | Tombstone | undefined,
  { instanceId, digest, at }: Pick<DecidedJoin, 'instanceId' | 'digest' | 'at'>,
  usedReason: DenialReason,
  isRenewal: boolean,
  report: Report,
): AnsweredRequest | undefined {
  if (isRenewal && (!stored || 'removed' in stored))
    throw new Refusal('instance_unknown', 'this instance was removed meanwhile: join afresh');
  if (!stored) return undefined;
  const isRemoved = 'removed' in stored;
  const answered = isRemoved ? undefined : answeredWith(stored.instance, digest, at);
  if (answered || isRenewal) return answered;
  const { madeBy } = isRemoved ? stored : stored.instance;
  const reason = madeBy === digest ? 'request_used' : usedReason;
  if (isRemoved && reason === 'request_used')
    throw denied('instance_removed', 'the instance that this request made was removed');
  report({ instance_id: instanceId });
  throw denied(reason, 'it was used for a first join already, and counts once');
}

/** The same certificate again, by what holds now: never longer than it would be granted at this moment. */
const withinLimits = (
  record: IssuedCertificate,
  grant: Grant | undefined,
  at: Date,
): IssuedCertificate => ({
  ...record,
  expires: Math.min(record.expires, grant ? unixSeconds(grant.expires) : unixSeconds(at)),
});
