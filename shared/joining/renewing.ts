/** Renewals: the instance that renews itself, and its proof. */
import type { AttestedVm } from '../attestation/azure/azure-evidence.ts';
import type { JoinBody } from '../protocol/join.ts';
import { badInput, Refusal } from '../refusal.ts';
import type { Bot } from '../resources/bot.ts';
import type { JoinToken } from '../resources/join-token.ts';
import type { Instances, StoredInstance } from '../storage/instances.ts';
import type { Challenge } from './challenge.ts';
import { isInstanceProof } from './instance-proof.ts';
import { unixSeconds, usedFor } from './instance-record.ts';

/**
 * The instance that renews itself: of the same join token, bot and machine, its key not expired, the request signed
 * with it. A request that this instance has answered already was proved then.
 */
export async function findRenewing(
  challenge: Challenge,
  bot: Bot,
  joinToken: JoinToken,
  document: AttestedVm,
  { request, proof }: JoinBody,
  digest: string,
  instances: Instances,
  at: Date,
): Promise<StoredInstance | undefined> {
  if (challenge.instanceId === undefined) {
    if (proof !== undefined)
      throw badInput({
        field: 'proof',
        message: 'expected none: the challenge is not for an instance',
      });
    return undefined;
  }
  const stored = await instances.read(bot.metadata.name, challenge.instanceId);
  const { instance } = stored ?? {};
  if (
    !instance ||
    instance.joinToken !== joinToken.metadata.name ||
    instance.machine.vmId !== document.vmId ||
    instance.instanceKeyExpires <= unixSeconds(at)
  ) {
    throw unknownInstance('this instance is not known, or its key has expired');
  }
  const repeated = usedFor(instance, challenge.id)?.requestDigest === digest;
  if (!repeated && !isInstanceProof(request, proof, instance.instanceKey)) {
    // Not a denial: an agent that lost an answer for good holds an older key, and may join afresh.
    throw unknownInstance("the proof is not the instance key's signature");
  }
  return stored;
}

const unknownInstance = (why: string): Refusal =>
  new Refusal('instance_unknown', `${why}: join afresh`);
