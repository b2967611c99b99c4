/** The rows of the table `keys` that are ours, as they are stored: what a backup keeps of an authority. */
import type { KeyBackup } from '../protocol/backup.ts';
import { unavailable } from '../refusal.ts';
import { openGenuineKeys } from './genuine-keys.ts';
import { rowOf, rowOfMark } from './key-store.ts';
import { kindName } from './missing-authority.ts';
import { presentOf, type RotationParts } from './rotate.ts';
import { lostKinds } from './rotation.ts';
import type { KeyDescription } from './signing-key.ts';
import { caPin } from './trust-bundle.ts';

/** Throws `unavailable` where a key is lost: an authority that can't be restored is no backup. */
export async function backUpKeys(parts: RotationParts, now: Date): Promise<KeyBackup> {
  const stored = await parts.store.list();
  const genuine = await openGenuineKeys(stored, parts);
  const lost = lostKinds(presentOf(stored, genuine, now), now);
  if (!genuine || lost.length > 0)
    throw unavailable(
      `no backup is made while keys are missing: ${lost.map(kindName).join(', ')} (joinctl auth status)`,
    );
  const ours = new Set([genuine.dataRow, ...genuine.keys].map(nameOf));
  const marks = genuine.marks.map(({ owner }) => owner);
  return {
    ca_pins: genuine.keys
      .filter(({ purpose }) => purpose === 'root')
      .map(({ publicKey }) => caPin(publicKey)),
    rows: [
      ...stored.keys.filter((key) => ours.has(nameOf(key))).map(rowOf),
      ...stored.marks.filter(({ owner }) => marks.includes(owner)).map(rowOfMark),
    ],
  };
}

const nameOf = ({ owner, sequence }: KeyDescription): string => `${owner}/${sequence}`;
