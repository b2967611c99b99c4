/** The rows of the table `keys` that are ours, as they are stored: what a backup keeps of an authority. */
import type { KeyBackup } from '../protocol/backup.ts';
import { unavailable } from '../refusal.ts';
import { rowOf, rowOfMark } from './key-store.ts';
import { kindName } from './missing-authority.ts';
import { type RotationParts, readKeys } from './rotate.ts';
import { lostKinds } from './rotation.ts';
import { sealKey, sealMark } from './sealing.ts';
import { caPin } from './trust-bundle.ts';

/** Throws `unavailable` where a key is lost: an authority that can't be restored is no backup. */
export async function backUpKeys(parts: RotationParts, now: Date): Promise<KeyBackup> {
  const { genuine, present } = await readKeys(parts, now);
  const lost = lostKinds(present, now);
  if (!genuine || lost.length > 0)
    throw unavailable(
      `no backup is made while keys are missing: ${lost.map(kindName).join(', ')} (joinctl auth status)`,
    );
  const { dataKey, dataRow, keys, marks } = genuine;
  const stale = new Set(genuine.stale);
  const staleMarks = new Set(genuine.staleMarks);
  return {
    ca_pins: keys
      .filter(({ purpose }) => purpose === 'root')
      .map(({ publicKey }) => caPin(publicKey)),
    // One data key opens all of it: an earlier one may be gone, or leaked, by the time of a restore.
    rows: [
      rowOf(dataRow),
      ...keys.map((key) => rowOf(stale.has(key) ? sealKey(dataKey, key, key.secret) : key)),
      ...marks.map((mark) =>
        rowOfMark(staleMarks.has(mark.owner) ? sealMark(dataKey, mark) : mark),
      ),
    ],
  };
}
