/** Renewals: the instance that renews itself, and its proof. */
import { encodeBase64 } from '../encoding/base64.ts';
import type { JoinBody, JoinRequest } from '../protocol/join.ts';
import { badInput, Refusal } from '../refusal.ts';
import type { JoinToken } from '../resources/join-token.ts';
import type { Instance, Instances, KeptFacts, StoredInstance } from '../storage/instances.ts';
import { showsCopy } from './copied-identity.ts';
import { isInstanceProof } from './instance-proof.ts';
import { answeredWith, unixSeconds } from './instance-record.ts';

/** What a renewal is held to. */
export interface RenewalChecks {
  readonly joinToken: JoinToken;
  /** Owner of the rows to look among. */
  readonly owner: string;
  readonly digest: string;
  /** SubjectPublicKeyInfo of the first certificate that is asked for. */
  readonly askedKey: Uint8Array | undefined;
  /** Whether a row's facts may be of the machine that was examined. */
  readonly mayBe: (kept: KeptFacts) => boolean;
  /** Whether the instance's key is all the proof there is: only then does an old one in use show a copy. */
  readonly keyIsAllProof: boolean;
  readonly instances: Pick<Instances, 'read'>;
  readonly at: Date;
}

export type Renewing =
  | { readonly kind: 'first' }
  | { readonly kind: 'renewal'; readonly stored: StoredInstance }
  /** The key of a replaced generation is in two places. */
  | { readonly kind: 'copied'; readonly instance: Instance };

/**
 * The instance that renews itself: of the same join token, owner and machine, its key not expired, the request signed
 * with it and naming the generation that it replaces. A request that this instance has answered already was proved then.
 */
export async function findRenewing(
  body: JoinBody,
  request: JoinRequest,
  { joinToken, owner, digest, askedKey, mayBe, keyIsAllProof, instances, at }: RenewalChecks,
): Promise<Renewing> {
  const { instance: named } = request;
  if (named === undefined) {
    if (body.proof !== undefined)
      throw badInput({ field: 'proof', message: 'expected none: the request names no instance' });
    return { kind: 'first' };
  }
  const stored = await instances.read(owner, named.id);
  if (!stored || 'removed' in stored) throw unknownInstance('this instance is not known');
  const { instance } = stored;
  if (
    instance.joinToken !== joinToken.metadata.name ||
    !mayBe(instance.machine) ||
    instance.instanceKeyExpires <= unixSeconds(at)
  ) {
    throw unknownInstance('this instance is not known, or its key has expired');
  }
  if (answeredWith(instance, digest, at)) return { kind: 'renewal', stored };
  if (named.generation !== instance.generation) {
    if (keyIsAllProof && showsCopy(body, request, { digest, askedKey, at }, instance))
      return { kind: 'copied', instance };
    throw unknownInstance('the request replaces another generation than the newest');
  }
  const otherKey = named.key !== undefined && named.key !== encodeBase64(instance.instanceKey);
  if (otherKey || !isInstanceProof(body.request, body.proof, instance.instanceKey)) {
    // Not a denial: an agent that lost an answer for good holds an older key, and may join afresh.
    throw unknownInstance("the proof is not the instance key's signature");
  }
  return { kind: 'renewal', stored };
}

const unknownInstance = (why: string): Refusal =>
  new Refusal('instance_unknown', `${why}: join afresh`);
