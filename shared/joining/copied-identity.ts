/**
 * A copied identity. Where the instance's key is all the proof there is (join method `token`), a thief who copied it can
 * renew like the machine itself. Whoever of the two comes second names a generation that was replaced. That is never
 * carried out; it is told from a lost answer, a race, or a late or replayed message, none of which ever locks anybody.
 */
import { decodeBase64 } from '../encoding/base64.ts';
import type { JoinBody, JoinRequest } from '../protocol/join.ts';
import { parseTimestamp } from '../protocol/values.ts';
import { type Lock, lockOn } from '../resources/lock.ts';
import type { Instance } from '../storage/instances.ts';
import type { Resources } from '../storage/resources.ts';
import type { Revocations } from '../storage/revoked.ts';
import { isInstanceProof } from './instance-proof.ts';
import { keyHash, unixSeconds } from './instance-record.ts';

/** A healthy agent writes no request this long after the one that replaced its generation was carried out. */
const LATE_SECONDS = 300;

/** The request, as it was read. */
interface Asked {
  readonly digest: string;
  /** SubjectPublicKeyInfo of the first certificate that it asks for: the instance's next key. */
  readonly askedKey: Uint8Array | undefined;
  readonly at: Date;
}

/**
 * Whether this request shows that the key of a replaced generation is in two places: it names that generation and its
 * key and is signed with it, it is not the request that replaced it, and it was written more than five minutes after. All that a
 * machine sends for one generation asks for the same new key: whoever asks for the one that came after is the machine, which
 * somebody between it and us has lied to.
 */
export function showsCopy(
  { request: text, proof }: JoinBody,
  { instance: named, time }: JoinRequest,
  { digest, askedKey, at }: Asked,
  { replaced, instanceKey }: Instance,
): boolean {
  const before = replaced.find(({ generation }) => generation === named?.generation);
  const key = decodeBase64(named?.key ?? '');
  const written = parseTimestamp(time ?? '');
  if (!before || !key || !written) return false;
  const after = replaced.find((one) => one.generation === before.generation + 1);
  const nextKey = after ? after.key : keyHash(instanceKey);
  const isOfMachine =
    nextKey !== before.key && askedKey !== undefined && keyHash(askedKey) === nextKey;
  // A clock that is ahead must not make a request look later than it came.
  const seconds = Math.min(unixSeconds(written), unixSeconds(at));
  return (
    keyHash(key) === before.key &&
    before.by !== digest &&
    !isOfMachine &&
    seconds > before.at + LATE_SECONDS &&
    isInstanceProof(text, proof, key)
  );
}

/**
 * Makes sure that the instance is locked now and its certificates are revoked: a lock of an earlier copy may have ended, or be
 * on something else by now. Gives the lock, and whether it was made just now.
 */
export async function lockCopied(
  instance: Instance,
  resources: Pick<Resources, 'create' | 'read' | 'replace'>,
  revocations: Pick<Revocations, 'keepOne'>,
  at: Date,
): Promise<Locked> {
  const lock = lockOnCopied(instance);
  const locked = await lockNow(lock, instance, resources, at);
  const { owner, id, serials } = instance;
  const by = lock.metadata.name;
  // The lock alone would do, a minute later: the thief has certificates.
  await revocations.keepOne({ owner, id, reason: 'lock', by, since: unixSeconds(at), serials }, at);
  return locked;
}

interface Locked {
  readonly lock: Lock;
  readonly isNew: boolean;
}

async function lockNow(
  lock: Lock,
  instance: Instance,
  resources: Pick<Resources, 'create' | 'read' | 'replace'>,
  at: Date,
): Promise<Locked> {
  if ((await resources.create(lock)) !== undefined) return { lock, isNew: true };
  const held = await resources.read('lock', lock.metadata.name);
  if (held?.resource.kind !== 'lock') return { lock, isNew: false };
  if (lockOn({ instance: instance.id }, [held.resource], at)) return { lock, isNew: false };
  return { lock, isNew: (await resources.replace(lock, held.etag)) !== undefined };
}

/** On the one instance, not its bot: the machine that it was copied from needs a new secret, all others go on. */
const lockOnCopied = ({ id }: Instance): Lock => ({
  kind: 'lock',
  version: 'v2',
  metadata: { name: `copied-${id}` },
  spec: {
    target: { instance: id },
    message: 'its key is in two places: make a new join token for the machine, and find the copy',
  },
});
