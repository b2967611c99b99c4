/** What operators do with the names of hosts: see whose one is, free it, and bring names back from a backup. */
import type { HeldNameRecord, NamePage, RestoredNames } from '../protocol/backup.ts';
import type { NameRecord } from '../protocol/host-name.ts';
import { dnsName, formatTimestamp } from '../protocol/values.ts';
import { Refusal } from '../refusal.ts';
import type { HostNameStore } from '../storage/host-names.ts';
import { parseField } from './parse-field.ts';

export interface NamesApi {
  get(name: string): Promise<NameRecord>;
  /** From then on any machine whose name it would be may have it. */
  free(name: string): Promise<void>;
  /** A page of all names, with all that is known of them, for a backup. */
  list(after: string | null): Promise<NamePage>;
  /** Puts back who had these names. Whoever has one by now keeps it. */
  restore(names: readonly HeldNameRecord[]): Promise<RestoredNames>;
}

const PAGE = 1000;

export function createNamesApi(names: HostNameStore): NamesApi {
  const unknown = (name: string): Refusal => new Refusal('not_found', `nobody has ${name}`);
  return {
    async get(text) {
      const name = parseField(dnsName, 'name', text);
      const held = await names.read(name);
      if (!held) throw unknown(name);
      const { machine, owner, instance, since } = held;
      return { name, machine, owner, instance, since: formatTimestamp(new Date(since * 1000)) };
    },
    async free(text) {
      const name = parseField(dnsName, 'name', text);
      if (!(await names.free(name))) throw unknown(name);
    },
    async list(text) {
      const after = text === null ? undefined : parseField(dnsName, 'next', text);
      const items = await names.list(after, PAGE);
      const last = items.length < PAGE ? undefined : items.at(-1)?.name;
      return {
        items: items.map((held) => ({ ...held, gone: [...held.gone] })),
        ...(last !== undefined && { next: last }),
      };
    },
    async restore(items) {
      const done = await Promise.all(items.map((held) => names.restore(held)));
      const restored = done.filter(Boolean).length;
      return { restored, kept: items.length - restored };
    },
  };
}
