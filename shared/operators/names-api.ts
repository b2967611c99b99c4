/** What operators do with the names of hosts: see whose one is, and free it. */
import type { NameRecord } from '../protocol/host-name.ts';
import { dnsName, formatTimestamp } from '../protocol/values.ts';
import { Refusal } from '../refusal.ts';
import type { HostNameStore } from '../storage/host-names.ts';
import { parseField } from './parse-field.ts';

export interface NamesApi {
  get(name: string): Promise<NameRecord>;
  /** From then on any machine whose name it would be may have it. */
  free(name: string): Promise<void>;
}

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
  };
}
