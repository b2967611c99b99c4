/** The instance rows that joins and renewals write: pure functions from what was decided to what is stored. */
import { createHash } from 'node:crypto';
import type { SystemRole } from '../protocol/join.ts';
import { Refusal } from '../refusal.ts';
import type {
  AnsweredRequest,
  Instance,
  IssuedCertificate,
  KeptFacts,
  ReplacedGeneration,
} from '../storage/instances.ts';
import { MOST_SERIALS } from '../storage/packed-serials.ts';
import type { CertificateKeys } from './certificate-keys.ts';

/** What a join or renewal has come to, before it is written. */
export interface DecidedJoin {
  readonly instanceId: string;
  readonly owner: string;
  readonly role: SystemRole;
  readonly joinToken: string;
  /** Hex SHA-256 of the proof message. */
  readonly digest: string;
  readonly keys: readonly CertificateKeys[];
  readonly certificates: readonly IssuedCertificate[];
  readonly machine: KeptFacts;
  readonly names: readonly string[];
  /** How long the evidence stays fresh; `undefined` where the instance's key is all the proof there is. */
  readonly freshSeconds: number | undefined;
  /** Until when the row has to stay, whatever else it says: Unix seconds. */
  readonly keptUntil: number;
  readonly at: Date;
}

/** With sixteen certificates each they still fit one column of a row. */
const MOST_ANSWERED = 10;
/**
 * They fit one column of a row. Where they show copies, more are refused, never dropped: a thief who renews quickly would
 * make the broker forget the generation that the victim has.
 */
const MOST_REPLACED = 150;
/** How long a row outlives everything it says, for clocks that differ. */
const SKEW_SECONDS = 3600;

/** The row of a first join. Its id comes from the request or the secret: a second use meets this row. */
export function firstInstance(join: DecidedJoin): Instance {
  return {
    id: join.instanceId,
    owner: join.owner,
    role: join.role,
    joinToken: join.joinToken,
    madeBy: join.digest,
    joined: unixSeconds(join.at),
    replaced: [],
    ...generation(join, 1, [], []),
  };
}

/** The row after a renewal. */
export function renewedInstance(before: Instance, join: DecidedJoin): Instance {
  const at = unixSeconds(join.at);
  // Without fresh evidence only the newest request can be answered again: an older one is of an older key.
  const answered =
    join.freshSeconds === undefined ? [] : before.answered.filter(({ expires }) => expires > at);
  if (answered.length >= MOST_ANSWERED)
    throw new Refusal('try_again', 'renewed too often: try again in a few minutes', {
      retryAfter: 60,
    });
  const serials = before.serials.filter(({ expires }) => expires > at);
  const replaced: ReplacedGeneration = {
    generation: before.generation,
    key: keyHash(before.instanceKey),
    by: join.digest,
    at,
    expires: Math.max(before.instanceKeyExpires, ...serials.map(({ expires }) => expires)),
  };
  const allReplaced = [...before.replaced, replaced].filter(({ expires }) => expires > at);
  if (join.freshSeconds === undefined && allReplaced.length > MOST_REPLACED)
    throw new Refusal(
      'try_again',
      'renewed too often: try again when older certificates are over',
      {
        retryAfter: 300,
      },
    );
  const renewed = generation(join, before.generation + 1, answered, serials);
  return {
    ...before,
    replaced: allReplaced.slice(-MOST_REPLACED),
    ...renewed,
    // A thief who asks for a short life must not end the time in which the victim's renewal shows the copy.
    ...(join.freshSeconds === undefined && {
      instanceKeyExpires: Math.max(before.instanceKeyExpires, renewed.instanceKeyExpires),
    }),
  };
}

/** What a request was answered with, if it was. */
export const answeredWith = (
  { answered }: Instance,
  digest: string,
  at: Date,
): AnsweredRequest | undefined =>
  answered.find((request) => request.digest === digest && request.expires > unixSeconds(at));

/** Hex SHA-256 of a SubjectPublicKeyInfo. */
export const keyHash = (publicKeyInfo: Uint8Array): string =>
  createHash('sha256').update(publicKeyInfo).digest('hex');

function generation(
  join: DecidedJoin,
  number: number,
  answered: readonly AnsweredRequest[],
  serials: Instance['serials'],
): Omit<Instance, 'id' | 'owner' | 'role' | 'joinToken' | 'madeBy' | 'joined' | 'replaced'> {
  const { digest, certificates, keys, machine, names, freshSeconds } = join;
  const [first] = keys;
  const [certificate] = certificates;
  if (!first || !certificate) throw new Error('a join has no certificate');
  const at = unixSeconds(join.at);
  const issued = certificates.map(({ serial, expires }) => ({ serial, expires }));
  const unexpired = [...serials, ...issued].toSorted((a, b) => a.expires - b.expires);
  // More are refused, never dropped: what was forgotten could not be revoked.
  if (unexpired.length > MOST_SERIALS) {
    throw new Refusal(
      'try_again',
      'too many certificates of this instance are unexpired: try again later',
      { retryAfter: 300 },
    );
  }
  const lastEnd = Math.max(...unexpired.map(({ expires }) => expires));
  const expires = freshSeconds === undefined ? lastEnd : at + freshSeconds;
  return {
    generation: number,
    instanceKey: first.tlsKey.der,
    instanceKeyExpires: certificate.expires,
    machine,
    names,
    serials: unexpired,
    answered: [...answered, { digest, generation: number, certificates, expires }],
    seen: at,
    goneAfter: Math.max(expires, lastEnd, join.keptUntil) + SKEW_SECONDS,
  };
}

export const unixSeconds = (time: Date): number => Math.floor(time.getTime() / 1000);
