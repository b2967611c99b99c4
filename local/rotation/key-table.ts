/** The `keys` table of a simulated century: rows without secrets, written one at a time as the broker writes them. */
import {
  type DueAction,
  dueActions,
  foundingActions,
  type KeyKind,
  lostKinds,
  type PresentKeys,
} from '../../shared/authority/rotation.ts';
import type { RotationPolicy } from '../../shared/authority/rotation-policy.ts';
import type { KeyDescription, KeyOwner } from '../../shared/authority/signing-key.ts';

const NONE = new Uint8Array();

export interface KeyTable {
  /** What a reader sees, and may keep. */
  readonly read: () => readonly KeyDescription[];
  /** What is due, by this clock. */
  readonly due: (at: number) => DueAction[];
  readonly lost: (at: number) => KeyKind[];
  /** Does one write. `false` where the table is not what `due` was made from any more. */
  readonly write: (action: DueAction) => boolean;
  readonly found: (at: number) => void;
  /** An accident: rows that are gone without the broker's doing. */
  readonly drop: (key: KeyDescription) => void;
  readonly dropMark: (owner: KeyOwner) => void;
  readonly restore: (key: KeyDescription) => void;
  /** A row that somebody else wrote at the next number: it counts for nothing, but its number is taken. */
  readonly plant: (owner: KeyOwner) => void;
  /** Numbers that were given twice. */
  readonly reused: () => number;
}

export function createKeyTable(policy: RotationPolicy): KeyTable {
  let rows: readonly KeyDescription[] = [];
  const marks = new Map<KeyOwner, number>();
  const foreign: { owner: KeyOwner; sequence: number }[] = [];
  const given = new Set<string>();
  let reused = 0;

  const dateOf = (at: number): Date => new Date(at * 1000);
  const present = (): PresentKeys => ({
    keys: rows,
    marks: [...marks].map(([owner, highest]) => ({ owner, highest })),
    taken: [...rows, ...foreign],
  });

  function write(action: DueAction): boolean {
    if (action.kind === 'mark') {
      marks.set(action.owner, Math.max(marks.get(action.owner) ?? 0, action.highest));
      return true;
    }
    const { owner, sequence } = action;
    const isRow = (key: { owner: KeyOwner; sequence: number }): boolean =>
      key.owner === owner && key.sequence === sequence;
    if (action.kind === 'remove') {
      rows = rows.filter((key) => !isRow(key));
      return true;
    }
    // One transaction: the row must not be there, and the mark must be the one that was read.
    if (rows.some(isRow) || foreign.some(isRow) || (marks.get(owner) ?? 0) >= sequence)
      return false;
    if (given.has(`${owner}/${sequence}`)) reused += 1;
    given.add(`${owner}/${sequence}`);
    const { kind: _, ...key } = action;
    rows = [...rows, { ...key, publicKey: NONE, certificate: NONE }];
    if (owner !== 'data') marks.set(owner, sequence);
    return true;
  }

  return {
    read: () => rows,
    due: (at) => dueActions(present(), policy, dateOf(at)),
    lost: (at) => lostKinds(present(), dateOf(at)),
    write,
    found(at) {
      for (let due = foundingActions(present(), policy, dateOf(at)); due[0]; ) {
        write(due[0]);
        due = foundingActions(present(), policy, dateOf(at));
      }
    },
    drop(key) {
      rows = rows.filter((row) => row !== key);
    },
    dropMark: (owner) => void marks.delete(owner),
    restore(key) {
      rows = [...rows, key];
    },
    plant(owner) {
      const highest = Math.max(
        0,
        ...rows.filter((key) => key.owner === owner).map((key) => key.sequence),
      );
      foreign.push({ owner, sequence: highest + 1 });
      if (foreign.length > 3) foreign.shift();
    },
    reused: () => reused,
  };
}
