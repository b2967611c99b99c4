/**
 * The `names` table: one row for each name of a host, which says whose it is. A name belongs to the machine that first got
 * it, also after its certificates, until an operator frees it.
 */
import { unavailable } from '../refusal.ts';
import type { Row, StoredRow, Table } from './table.ts';

/** Who asks for a name. */
export interface NameHolder {
  /** What stays the same for a machine: its resource id, its ARN, or its secret's instance. */
  readonly machine: string;
  /** What changes when the machine is made anew under its resource id: its `vmId`. Empty where there is no such thing. */
  readonly incarnation: string;
  readonly owner: string;
  readonly instance: string;
}

export interface HeldName extends NameHolder {
  readonly name: string;
  /** Unix seconds: since when the machine has it. */
  readonly since: number;
  /** Incarnations that had it before. They are gone, but evidence that they made may be fresh for minutes. */
  readonly gone: readonly string[];
}

export type Claim =
  /** `added` were free; `before` are the instances of a machine that is gone: it was made anew. */
  | { readonly ok: true; readonly added: readonly string[]; readonly before: readonly HeldName[] }
  /** By another machine, or by a later incarnation of the same one. */
  | { readonly ok: false; readonly taken: HeldName };

export interface HostNameStore {
  /**
   * Claims names for a machine, each under its ETag, all or none. `oust` is told of an incarnation that is gone before it
   * loses a name.
   */
  claim(
    names: readonly string[],
    holder: NameHolder,
    at: Date,
    oust?: (gone: HeldName) => Promise<void>,
  ): Promise<Claim>;
  /** Gives names back that were free before, unless a later instance has them by now. */
  giveBack(names: readonly string[], holder: NameHolder): Promise<void>;
  read(name: string): Promise<HeldName | undefined>;
  /** Frees a name. `false` if nobody has it. */
  free(name: string): Promise<boolean>;
  /** Names in their order, from after this one, at most `most`. */
  list(after: string | undefined, most: number): Promise<readonly HeldName[]>;
  /** Puts back who had a name. `false` if somebody has it. */
  restore(held: HeldName): Promise<boolean>;
}

interface Found {
  readonly held: HeldName;
  readonly etag: string;
}

const MOST_RACES = 5;
const MOST_GONE = 16;

export function createHostNames(table: Table): HostNameStore {
  async function find(name: string): Promise<Found | undefined> {
    const stored = await table.read(partitionOf(name), name);
    return stored && { held: heldNameOf(stored), etag: stored.etag };
  }

  /** One name, by what was found of it last. Gives who had it before: the claim failed if that may not be ousted. */
  async function claimOne(
    name: string,
    first: Found | undefined,
    holder: NameHolder,
    at: Date,
    oust: (gone: HeldName) => Promise<void>,
  ): Promise<HeldName | undefined> {
    let found = first;
    for (let tries = 0; tries < MOST_RACES; tries += 1) {
      const held = found?.held;
      if (held && (!mayHave(holder, held) || isHeldBy(holder, held))) return held;
      if (held && held.incarnation !== holder.incarnation) await oust(held);
      const row = rowOf(heldAnew(name, holder, held, at));
      const written = await table.apply([
        found ? { kind: 'replace', row, etag: found.etag } : { kind: 'insert', row },
      ]);
      if (written) return held;
      // Somebody was faster, or the answer to our own write was lost: the next round sees which (rule 16).
      found = await find(name);
    }
    throw unavailable('a host name is being claimed by many at once', 1);
  }

  const remove = (name: string, { etag }: Found): Promise<boolean> =>
    table.apply([{ kind: 'remove', partition: partitionOf(name), key: name, etag }]);

  async function giveBack(names: readonly string[], holder: NameHolder): Promise<void> {
    for (const name of names) {
      const found = await find(name);
      if (found && isHeldBy(holder, found.held)) await remove(name, found);
    }
  }

  return {
    async claim(names, holder, at, oust = async () => {}) {
      const all = await Promise.all(names.map(async (name) => ({ name, found: await find(name) })));
      // Where one can't be had, none is written: who had the others is not forgotten.
      const taken = all.find(({ found }) => found && !mayHave(holder, found.held))?.found;
      if (taken) return { ok: false, taken: taken.held };
      // Free ones first: only there another machine may be faster.
      const free = all.filter(({ found }) => !found);
      const added: string[] = [];
      const before: HeldName[] = [];
      for (const { name, found } of [...free, ...all.filter(({ found }) => found)]) {
        const held = await claimOne(name, found, holder, at, oust);
        if (held && !mayHave(holder, held)) {
          await giveBack(added, holder);
          return { ok: false, taken: held };
        }
        // What was free and is ours by now was claimed by our own first try.
        if (!held || (!found && isHeldBy(holder, held))) added.push(name);
        else if (held.incarnation !== holder.incarnation) before.push(held);
      }
      return { ok: true, added, before };
    },

    giveBack,

    read: async (name) => (await find(name))?.held,

    async list(after, most) {
      if (after === undefined) return (await table.list({ most })).map(heldNameOf);
      const partition = partitionOf(after);
      const rest = await table.list({ partition, keyAfter: after, most });
      const left = most - rest.length;
      const others = left > 0 ? await table.list({ partitionAfter: partition, most: left }) : [];
      return [...rest, ...others].map(heldNameOf);
    },

    restore: (held) => table.apply([{ kind: 'insert', row: rowOf(held) }]),

    async free(name) {
      const first = await find(name);
      if (!first) return false;
      let found: Found | undefined = first;
      for (let tries = 0; tries < MOST_RACES; tries += 1) {
        // Whoever got it since got it freed.
        if (!found || found.held.machine !== first.held.machine) return true;
        if (await remove(name, found)) return true;
        found = await find(name);
      }
      throw unavailable('the machine that has this name keeps renewing it', 1);
    },
  };
}

/** A machine keeps its name, and so does one that was made anew under its resource id: but there is no way back. */
const mayHave = (holder: NameHolder, held: HeldName): boolean =>
  held.machine === holder.machine && !held.gone.includes(holder.incarnation);

const isHeldBy = ({ machine, incarnation, instance }: NameHolder, held: HeldName): boolean =>
  held.machine === machine && held.incarnation === incarnation && held.instance === instance;

const heldAnew = (
  name: string,
  holder: NameHolder,
  held: HeldName | undefined,
  at: Date,
): HeldName => ({
  ...holder,
  name,
  since: held?.since ?? Math.floor(at.getTime() / 1000),
  gone:
    held && held.incarnation !== holder.incarnation
      ? [...held.gone, held.incarnation].slice(-MOST_GONE)
      : (held?.gone ?? []),
});

/** Names spread over partitions by their first characters. */
const partitionOf = (name: string): string => name.slice(0, 2);

function rowOf({ name, gone, ...values }: HeldName): Row {
  return { partition: partitionOf(name), key: name, values: { ...values, gone: gone.join('\n') } };
}

function heldNameOf({ key, values }: StoredRow): HeldName {
  const text = (column: string): string => String(values[column] ?? '');
  return {
    name: key,
    machine: text('machine'),
    incarnation: text('incarnation'),
    owner: text('owner'),
    instance: text('instance'),
    since: Number(values['since']),
    gone: text('gone')
      .split('\n')
      .filter((incarnation) => incarnation !== ''),
  };
}
