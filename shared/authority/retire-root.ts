/**
 * The end of a root whose successor signs: relying parties that know only the old one are left behind from then on, so an
 * operator says when. The successor's row says it, authenticated, and the old root counts for nothing any more.
 */
import { formatTimestamp } from '../protocol/values.ts';
import { Refusal, unavailable } from '../refusal.ts';
import { rootOf } from './count-keys.ts';
import { checkSeen } from './replace-authority.ts';
import { ROOT, retirementOf } from './root-retirement.ts';
import { type RotationParts, type RotationReport, readKeys, rotateKeys } from './rotate.ts';
import { keysOfKind } from './rotation.ts';
import { sealKey } from './sealing.ts';
import type { SealedKey } from './signing-key.ts';

/**
 * Throws `precondition_failed` where the roots are not those that the operator saw, `in_use` while certificates under the old
 * one may live, `not_found` where there is none to retire.
 */
export async function retireRoot(
  parts: RotationParts,
  numbers: readonly number[],
  now: Date,
): Promise<RotationReport> {
  const { stored, genuine, present } = await readKeys(parts, now);
  const at = now.getTime() / 1000;
  const alive = keysOfKind(present.keys, ROOT).filter(({ expires }) => expires > at);
  checkSeen('tls', alive, numbers);
  const found =
    genuine && retirementOf(genuine.keys, (key) => rootOf(key, genuine.keys)?.sequence, at);
  const row = stored.keys.find(
    ({ owner, sequence }) => owner === ROOT.owner && sequence === found?.signing.sequence,
  );
  if (!found || !row) throw unavailable('no root signs: see joinctl auth status');
  const { signing, old, needed } = found;
  if (old.length === 0)
    throw new Refusal('not_found', 'there is no root to retire: a successor has to sign first');
  if (needed > at)
    throw new Refusal(
      'in_use',
      `certificates under the old root may live until ${formatTimestamp(new Date(needed * 1000))}: retire it then`,
    );
  const ended = [
    ...(signing.ended ?? []),
    ...old.map((sequence) => ({ sequence, at: Math.floor(at) })),
  ];
  const { sealed: _, ...description }: SealedKey = row;
  const after = sealKey(genuine.dataKey, { ...description, ended }, signing.secret);
  if (!(await parts.store.replace(row, after)))
    throw new Refusal('try_again', 'another change of the keys is under way');
  return rotateKeys(parts, now);
}
