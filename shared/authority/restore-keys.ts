/**
 * Brings an authority back from a backup of its rows. Nothing is believed because it stands in a file: each row has to
 * authenticate, under custody's own key and for this cluster, before one is written. What is there already is never mixed
 * with it: it is the same authority's, or the operator says that it goes.
 */
import { sameBytes } from '../encoding/certificate.ts';
import { badInput, Refusal } from '../refusal.ts';
import type { Operation, Row, StoredRow, Table } from '../storage/table.ts';
import { ends } from './count-keys.ts';
import { type GenuineKeys, openGenuineKeys } from './genuine-keys.ts';
import { readRows, rowId, rowName, rowOf, rowOfMark } from './key-store.ts';
import { otherCluster, sayMissing } from './missing-authority.ts';
import { apply, type RotationParts, type RotationReport, readKeys, rotateKeys } from './rotate.ts';
import { isOver, type KeyKind, keysOfKind, lostKinds, secondsOf } from './rotation.ts';
import { sealKey, sealMark } from './sealing.ts';
import type { KeyOwner } from './signing-key.ts';
import { earlySuccessor } from './successors.ts';
import { caPin } from './trust-bundle.ts';

export interface RestoreWish {
  readonly rows: readonly Row[];
  /** Rows that don't belong to this authority are removed. */
  readonly replace: boolean;
  /** The CA pin of a root that custody remembers and the backup doesn't have. */
  readonly giveUp: string | undefined;
}

export interface RestorePlan {
  readonly pins: string[];
  /** In the order in which they are written: the data key, without which no other counts, comes last. */
  readonly write: readonly Row[];
  readonly remove: readonly StoredRow[];
  readonly keep: readonly Row[];
}

/**
 * Numbers that were given after the backup was made are unknown when all is lost. More than were ever given between two
 * backups are stepped over.
 */
const STEPPED_OVER = 200;

/** What a restore would do. Throws `bad_request` for a backup that is none, `already_exists` where the operator has to say more. */
export async function planRestore(
  parts: RotationParts,
  { rows, replace, giveUp }: RestoreWish,
  present: readonly StoredRow[],
  now: Date,
): Promise<RestorePlan> {
  const remembered = await parts.custody.rememberedRoot();
  if (remembered && remembered.cluster !== parts.cluster)
    throw refused(otherCluster(remembered, parts.cluster));
  const genuine = await openBackup(parts, rows, now);
  const pins = genuine.keys
    .filter(({ purpose }) => purpose === 'root')
    .map(({ publicKey }) => caPin(publicKey));
  checkRoot(pins, remembered && caPin(remembered.publicKeyInfo), giveUp);

  const found = await openGenuineKeys(readRows(present), parts, now);
  if (found && !sameAuthority(found, genuine))
    throw refused(
      'the table has another authority: nothing is restored over it. Is JOIN_BROKER_TABLES_URL right?',
    );
  // A table with an older data key is an older copy: the key that came after it does not give way to it.
  const there = found && found.dataRow.sequence >= genuine.dataRow.sequence ? found : undefined;
  const { ours, opened } = await ownRows(parts, present, genuine, there, now);
  const foreign = present.filter((row) => !ours.has(idOf(row)));
  const inTheWay = foreign.map(rowName).slice(0, MOST_NAMES);
  if (foreign.length > 0 && !replace)
    throw refused(
      `the table has rows that are not of this authority, or not genuine: ${inTheWay.join(', ')}. Restore with --replace, and they are removed`,
    );
  const known = [...genuine.keys, ...opened.keys];
  const missing = genuine.keys.filter(
    (key) =>
      !ours.has(rowId(key)) &&
      !known.some((newer) => ends(newer, key)) &&
      // Rotation would remove it at once.
      !isOver(key, known, parts.policy, secondsOf(now)),
  );
  const isSameKey = !there || sameBytes(there.dataKey, genuine.dataKey);
  const written = missing.map((key) =>
    rowOf(isSameKey ? key : sealKey(there.dataKey, key, key.secret)),
  );
  const dataLast = there ? [] : [genuine.dataRow].filter((row) => !ours.has(rowId(row)));
  return {
    pins,
    write: [
      ...marksOf([genuine, opened], ours, (there ?? genuine).dataKey),
      ...written,
      ...dataLast.map(rowOf),
    ],
    remove: foreign,
    keep: present.filter((row) => ours.has(idOf(row))),
  };
}

/** Carries it out. One that stopped half-way goes on when it is asked for again. */
export async function restoreKeys(
  parts: RotationParts,
  table: Table,
  plan: RestorePlan,
  now: Date,
): Promise<RotationReport> {
  const operations = [
    ...plan.remove.map(
      ({ partition, key, etag }): Operation => ({ kind: 'remove', partition, key, etag }),
    ),
    ...plan.write.map((row): Operation => ({ kind: 'insert', row })),
  ];
  for (const operation of operations)
    if (!(await table.apply([operation])))
      throw new Refusal('try_again', 'another change of the keys is under way');
  const report = await rotateKeys(parts, now);
  const done = plan.write.length > 0 ? await makeNewer(parts, plan.write, now) : [];
  return { ...report, done: [...report.done, ...done] };
}

const SSH: readonly KeyKind[] = [
  { owner: 'ssh-user', purpose: 'sign' },
  { owner: 'ssh-host', purpose: 'sign' },
];
const ISSUING: KeyKind = { owner: 'tls', purpose: 'issuing' };

/**
 * Relying parties may have a newer trust bundle than the backup's, and accept none that is older. A successor of each SSH
 * authority, published now, makes the version larger than any before. Where issuing keys may have been lost, or that an old
 * root retired, a new issuing key is a later signer than any before.
 */
async function makeNewer(
  parts: RotationParts,
  written: readonly Row[],
  now: Date,
): Promise<RotationReport['done']> {
  const isSignerNeeded = written.some(
    ({ partition, values }) =>
      partition === 'tls' && (values['purpose'] !== 'root' || values['crossBy'] !== undefined),
  );
  const kinds = isSignerNeeded ? [...SSH, ISSUING] : SSH;
  const done: RotationReport['done'][number][] = [];
  for (const kind of kinds) {
    const { genuine, present } = await readKeys(parts, now);
    const waits = keysOfKind(present.keys, kind).some(
      ({ starts }) => starts * 1000 > now.getTime(),
    );
    // An issuing key that waits is as old as the backup, and may be no later signer.
    if (waits && kind !== ISSUING) continue;
    const action = earlySuccessor(kind, present, parts.policy, now);
    if (await apply(action, genuine, parts)) done.push(action);
  }
  return done;
}

async function openBackup(
  parts: RotationParts,
  rows: readonly Row[],
  now: Date,
): Promise<GenuineKeys> {
  const stored = readRows(rows.map((row) => ({ ...row, etag: '' })));
  if (new Set(rows.map(idOf)).size !== rows.length)
    throw badInput({ field: 'rows', message: 'a row stands there twice' });
  const genuine = await openGenuineKeys(stored, parts, now);
  if (!genuine) {
    const remembered = await parts.custody.rememberedRoot();
    const lost = lostKinds({ keys: [] }, new Date(0));
    throw refused(
      `the backup does not open: ${sayMissing({ stored, lost, remembered, cluster: parts.cluster })}`,
    );
  }
  if (genuine.ignored.length > 0)
    throw refused(
      `rows of the backup don't authenticate, so it was changed or is not whole: ${genuine.ignored.slice(0, MOST_NAMES).join(', ')}`,
    );
  return genuine;
}

function checkRoot(
  pins: readonly string[],
  remembered: string | undefined,
  giveUp: string | undefined,
): void {
  const unknown = remembered !== undefined && !pins.includes(remembered);
  if (unknown && giveUp !== remembered)
    throw refused(
      `custody made a root after this backup, ${remembered}: relying parties may know it. Take a newer backup, or give that root up: --give-up=${remembered}`,
    );
  if (!unknown && giveUp !== undefined) throw refused('nothing has to be given up: leave it out');
}

/** Two authorities share no key: neither the data key, which has successors, nor any that it encrypts. */
function sameAuthority(one: GenuineKeys, other: GenuineKeys): boolean {
  const keysOf = ({ keys, orphans }: GenuineKeys): Uint8Array[] =>
    [...keys, ...orphans].map(({ publicKey }) => publicKey).filter(({ length }) => length > 0);
  return (
    sameBytes(one.dataKey, other.dataKey) ||
    keysOf(one).some((key) => keysOf(other).some((same) => sameBytes(key, same)))
  );
}

/** Names of the rows of the table that are this authority's, whether they are in the backup or newer. */
async function ownRows(
  parts: RotationParts,
  present: readonly StoredRow[],
  genuine: GenuineKeys,
  there: GenuineKeys | undefined,
  now: Date,
): Promise<{ readonly ours: ReadonlySet<string>; readonly opened: GenuineKeys }> {
  // Where the data key's row is not there, or was changed, the other rows open with the backup's.
  const dataRow = rowOf(genuine.dataRow);
  const others = present.filter((row) => idOf(row) !== idOf(dataRow));
  const opened =
    there ?? (await openGenuineKeys(readRows([...others, { ...dataRow, etag: '' }]), parts, now));
  if (!opened) throw new Error('a data key that opened does not open any more');
  const keys = [
    ...(there ? [there.dataRow] : []),
    ...(opened.earlierRow ? [opened.earlierRow] : []),
    ...opened.keys,
    ...opened.orphans,
    ...opened.ended,
  ];
  const ours = new Set([
    ...keys.map(rowId),
    ...opened.marks.map(({ owner }) => `${owner}/highest`),
  ]);
  return { ours, opened };
}

/** Marks that are not there: no number that may have been given since the backup comes again. */
const marksOf = (
  all: readonly GenuineKeys[],
  ours: ReadonlySet<string>,
  dataKey: Uint8Array,
): Row[] =>
  MARKED.filter((owner) => !ours.has(`${owner}/highest`)).map((owner) => {
    const known = all.flatMap(({ keys, marks }) => [
      ...keys.filter((key) => key.owner === owner).map(({ sequence }) => sequence),
      ...marks.filter((mark) => mark.owner === owner).map(({ highest }) => highest),
    ]);
    const highest = Math.max(0, ...known) + STEPPED_OVER;
    return rowOfMark(sealMark(dataKey, { owner, highest }));
  });

const MARKED: readonly KeyOwner[] = ['tls', 'ssh-user', 'ssh-host', 'probe'];

/** Somebody who can write to the table can write a million rows. */
const MOST_NAMES = 20;

const idOf = ({ partition, key }: Pick<Row, 'partition' | 'key'>): string => `${partition}/${key}`;

const refused = (message: string): Refusal => new Refusal('already_exists', message);
