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
}

export type Claim =
  /** `before` are the instances of a machine that is gone: it was made anew. */
  | { readonly ok: true; readonly before: readonly NameHolder[] }
  | { readonly ok: false; readonly taken: HeldName };

export interface HostNameStore {
  /** Claims names for a machine, each under its ETag, all or none. */
  claim(names: readonly string[], holder: NameHolder, at: Date): Promise<Claim>;
  read(name: string): Promise<HeldName | undefined>;
  /** Frees a name. `false` if nobody has it. */
  free(name: string): Promise<boolean>;
}

const MOST_RACES = 5;

export function createHostNames(table: Table): HostNameStore {
  /** One name. Gives who had it before, where that was another incarnation of the same machine. */
  async function claimOne(
    name: string,
    holder: NameHolder,
    at: Date,
  ): Promise<{ readonly isNew: boolean; readonly held: HeldName | undefined }> {
    for (let tries = 0; tries < MOST_RACES; tries += 1) {
      const stored = await table.read(partitionOf(name), name);
      const held = stored && heldNameOf(stored);
      if (held && held.machine !== holder.machine) return { isNew: false, held };
      const same = held?.instance === holder.instance && held.incarnation === holder.incarnation;
      if (same) return { isNew: false, held };
      const row = rowOf({ ...holder, name, since: held?.since ?? Math.floor(at.getTime() / 1000) });
      const written = await table.apply([
        stored ? { kind: 'replace', row, etag: stored.etag } : { kind: 'insert', row },
      ]);
      if (written) return { isNew: !held, held };
      // Somebody was faster, or the answer to our own write was lost: the next round sees which (rule 16).
    }
    throw unavailable('a host name is being claimed by many at once', 1);
  }

  /** Removes a name, whoever has it, or only where this holder has it. */
  async function remove(name: string, holder?: NameHolder): Promise<boolean> {
    const stored = await table.read(partitionOf(name), name);
    if (!stored || (holder && heldNameOf(stored).instance !== holder.instance)) return false;
    const { partition, key, etag } = stored;
    await table.apply([{ kind: 'remove', partition, key, etag }]);
    return true;
  }

  return {
    async claim(names, holder, at) {
      const added: string[] = [];
      const before: NameHolder[] = [];
      for (const name of names) {
        const { isNew, held } = await claimOne(name, holder, at);
        if (held && held.machine !== holder.machine) {
          // All or none: what was free a moment ago is free again.
          for (const mine of added) await remove(mine, holder);
          return { ok: false, taken: held };
        }
        if (isNew) added.push(name);
        if (held && held.incarnation !== holder.incarnation) before.push(held);
      }
      return { ok: true, before };
    },
    async read(name) {
      const stored = await table.read(partitionOf(name), name);
      return stored && heldNameOf(stored);
    },
    free: (name) => remove(name),
  };
}

/** Names spread over partitions by their first characters. */
const partitionOf = (name: string): string => name.slice(0, 2);

function rowOf({ name, ...values }: HeldName): Row {
  return { partition: partitionOf(name), key: name, values };
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
  };
}
