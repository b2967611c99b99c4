/** The `keys` table of a simulated century: rows without secrets, written one at a time as the broker writes them. */

import { retirementOf } from '../../shared/authority/root-retirement.ts';
import {
  type DueAction,
  dueActions,
  foundingActions,
  type KeyKind,
  lostKinds,
  type PresentKeys,
  usedKey,
  withEarlierEnds,
} from '../../shared/authority/rotation.ts';
import type { RotationPolicy } from '../../shared/authority/rotation-policy.ts';
import type { KeyDescription, KeyOwner } from '../../shared/authority/signing-key.ts';

const NONE = new Uint8Array();

export interface KeyTable {
  /** What a reader sees, and may keep: genuine keys that no successor ended, and issuing keys whose root is one of them. */
  readonly read: (at: number) => readonly KeyDescription[];
  /** The number of the root that an issuing key is under. */
  readonly rootOf: (issuing: KeyDescription) => number | undefined;
  /** What rotation works on. */
  readonly present: (at: number) => PresentKeys;
  /** The old root ends, as an operator has it; whether there was one that nothing needs. */
  readonly retire: (at: number) => boolean;
  /** Whether that is possible now. */
  readonly mayRetire: (at: number) => boolean;
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
  /** The root that each issuing key is under, by their numbers. */
  const roots = new Map<number, number>();
  /** The data key that each row is encrypted under; and the marks, by their owners. */
  const under = new Map<KeyDescription, number>();
  const marksUnder = new Map<KeyOwner, number>();
  let reused = 0;

  const dateOf = (at: number): Date => new Date(at * 1000);
  const rootOf = ({ sequence }: KeyDescription): number | undefined => roots.get(sequence);
  let data = dataOf(rows);
  /** Asked again and again of the same rows. */
  function dataKeys(): DataKeys {
    if (data.rows !== rows) data = dataOf(rows);
    return data;
  }
  const newestData = (): number => dataKeys().newest;
  const earlierData = (at: number): number | undefined => {
    const { earlier } = dataKeys();
    return earlier && at < earlier.until ? earlier.from : undefined;
  };
  const isReadable = (dataKey: number | undefined, at: number): boolean =>
    dataKey === newestData() || (dataKey !== undefined && dataKey === earlierData(at));

  let view = viewOf(rows, roots);
  let viewed = { rows, earlier: earlierData(0) };
  /** The view of these rows by what opens them, made once. */
  function current(at: number): View {
    const earlier = earlierData(at);
    if (viewed.rows !== rows || viewed.earlier !== earlier) {
      const genuine = rows.filter((row) =>
        row.owner === 'data'
          ? row.sequence === newestData() || row.sequence === earlier
          : isReadable(under.get(row), at),
      );
      view = viewOf(genuine, roots);
      viewed = { rows, earlier };
    }
    return view;
  }
  const read = (at: number): readonly KeyDescription[] => current(at).keys;
  const keysAt = (at: number): readonly KeyDescription[] => {
    const over = current(at).orphans.filter(({ expires }) => expires <= at);
    return over.length > 0 ? [...read(at), ...over] : read(at);
  };
  const present = (at: number): PresentKeys => ({
    keys: keysAt(at),
    ended: current(at).ended,
    marks: [...marks]
      .filter(([owner]) => isReadable(marksUnder.get(owner), at))
      .map(([owner, highest]) => ({ owner, highest })),
    taken: [...rows, ...foreign],
    stale: current(at)
      .rows.filter((row) => row.owner !== 'data' && under.get(row) !== newestData())
      .map(({ owner, sequence }) => ({ owner, sequence })),
    staleMarks: [...marks.keys()].filter(
      (owner) => marksUnder.get(owner) !== newestData() && isReadable(marksUnder.get(owner), at),
    ),
  });

  function write(action: DueAction): boolean {
    if (action.kind === 'mark') {
      marks.set(action.owner, Math.max(marks.get(action.owner) ?? 0, action.highest));
      marksUnder.set(action.owner, newestData());
      return true;
    }
    const { owner, sequence } = action;
    const isRow = (key: { owner: KeyOwner; sequence: number }): boolean =>
      key.owner === owner && key.sequence === sequence;
    if (action.kind === 'remove') {
      rows = rows.filter((key) => !isRow(key));
      return true;
    }
    if (action.kind === 'reseal') {
      for (const row of rows.filter(isRow)) under.set(row, newestData());
      rows = [...rows];
      return true;
    }
    // One transaction: the row must not be there, the mark must be the one that was read, and what it ends goes.
    const mark = owner === 'data' ? 0 : (marks.get(owner) ?? 0);
    if (rows.some(isRow) || foreign.some(isRow) || mark >= sequence) return false;
    if (given.has(`${owner}/${sequence}`)) reused += 1;
    given.add(`${owner}/${sequence}`);
    const { kind: _, ends = [], crossedBy, takesOver, ...key } = action;
    const endedNow = ends.map((number) => ({ sequence: number, at: key.created }));
    const ended = withEarlierEnds(action, read(key.created), endedNow);
    const root = usedKey(read(key.created), 'tls', 'root', key.created);
    if (key.purpose === 'issuing' && root) roots.set(sequence, root.sequence);
    const made: KeyDescription = {
      ...key,
      publicKey: NONE,
      certificate: NONE,
      ...(ended.length > 0 && { ended }),
      ...(crossedBy !== undefined && { cross: { by: crossedBy, certificate: NONE } }),
      ...(takesOver && {
        takenOver: { from: takesOver.from, row: '', until: takesOver.until, logKeys: NONE },
      }),
    };
    under.set(made, newestData());
    rows = [...rows.filter((row) => row.owner !== owner || !ends.includes(row.sequence)), made];
    if (owner === 'data') return true;
    marks.set(owner, sequence);
    marksUnder.set(owner, newestData());
    return true;
  }

  const retirable = (at: number) => {
    const found = retirementOf(read(at), rootOf, at);
    return found && found.old.length > 0 && found.needed <= at ? found : undefined;
  };

  return {
    read,
    rootOf,
    present,
    due: (at) => dueActions(present(at), policy, dateOf(at)),
    lost: (at) => lostKinds({ keys: keysAt(at) }, dateOf(at)),
    mayRetire: (at) => retirable(at) !== undefined,
    retire(at) {
      const found = retirable(at);
      if (!found) return false;
      const { signing, old } = found;
      const ended = [...(signing.ended ?? []), ...old.map((sequence) => ({ sequence, at }))];
      const after = { ...signing, ended };
      under.set(after, newestData());
      rows = rows.map((key) => (key === signing ? after : key));
      return true;
    },
    write,
    found(at) {
      for (let due = foundingActions(present(at), policy, dateOf(at)); due[0]; ) {
        write(due[0]);
        due = foundingActions(present(at), policy, dateOf(at));
      }
    },
    drop(key) {
      rows = rows.filter((row) => row !== key);
    },
    dropMark: (owner) => void marks.delete(owner),
    // As an operator does it, from a backup: encrypted under the data key of today.
    restore(key) {
      under.set(key, newestData());
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

interface DataKeys {
  readonly rows: readonly KeyDescription[];
  readonly newest: number;
  /** What the newest one took over from, while its row is there. */
  readonly earlier: { readonly from: number; readonly until: number } | undefined;
}

function dataOf(rows: readonly KeyDescription[]): DataKeys {
  const found = rows.filter(({ owner }) => owner === 'data');
  const newest = Math.max(0, ...found.map(({ sequence }) => sequence));
  const earlier = found.find(({ sequence }) => sequence === newest)?.takenOver;
  const isThere = found.some(({ sequence }) => sequence === earlier?.from);
  return { rows, newest, earlier: isThere ? earlier : undefined };
}

interface View {
  readonly rows: readonly KeyDescription[];
  readonly keys: readonly KeyDescription[];
  readonly orphans: readonly KeyDescription[];
  readonly ended: readonly KeyDescription[];
}

/** As `openGenuineKeys` sees rows: in the order of the table, without ended keys and what is under ended or lost roots. */
function viewOf(rows: readonly KeyDescription[], roots: ReadonlyMap<number, number>): View {
  const enders = rows.filter(({ ended }) => ended !== undefined);
  const isEnded = ({ owner, sequence }: KeyDescription): boolean =>
    enders.some(
      (key) => key.owner === owner && key.ended?.some((one) => one.sequence === sequence),
    );
  const alive = rows.filter((key) => !isEnded(key)).toSorted((a, b) => a.sequence - b.sequence);
  const numbers = alive.filter(({ purpose }) => purpose === 'root').map((key) => key.sequence);
  const isOrphan = ({ purpose, sequence }: KeyDescription): boolean =>
    purpose === 'issuing' && !numbers.includes(roots.get(sequence) ?? 0);
  return {
    rows,
    keys: alive.filter((key) => !isOrphan(key)),
    orphans: alive.filter(isOrphan),
    ended: rows.filter(isEnded),
  };
}
