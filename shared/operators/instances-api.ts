/** What operators do with instances: list those of an owner, look at one, remove one. */
import { type InstancePage, type InstanceRecord, instanceOwner } from '../protocol/instance.ts';
import { formatTimestamp, guid } from '../protocol/values.ts';
import { Refusal } from '../refusal.ts';
import type { Heartbeats } from '../storage/heartbeats.ts';
import type { Instance, Instances, StoredInstance } from '../storage/instances.ts';
import type { Revocations } from '../storage/revoked.ts';
import { parseField } from './parse-field.ts';

export interface InstancesApi {
  list(owner: string, after: string | null): Promise<InstancePage>;
  get(owner: string, id: string): Promise<InstanceRecord>;
  /** Its next renewal is refused, and its certificates come on the revocation lists. */
  remove(owner: string, id: string): Promise<void>;
}

const PAGE = 100;

export function createInstancesApi(
  instances: Instances,
  heartbeats: Pick<Heartbeats, 'read'>,
  revocations: Pick<Revocations, 'keepOne'>,
  now: () => Date,
): InstancesApi {
  async function recordOf(instance: Instance): Promise<InstanceRecord> {
    const heartbeat = await heartbeats.read(instance.owner, instance.id);
    return { ...storedRecord(instance), ...(heartbeat && { heartbeat }) };
  }

  async function existing(ownerText: string, idText: string): Promise<StoredInstance> {
    const owner = parseField(instanceOwner, 'owner', ownerText);
    const id = parseField(guid, 'id', idText);
    const stored = await instances.read(owner, id);
    if (!stored) throw new Refusal('not_found', `${owner} has no instance ${id}`);
    if (!('removed' in stored)) return stored;
    throw new Refusal('gone', `instance ${id} of ${owner} was removed, and does not come back`);
  }

  return {
    async list(ownerText, afterText) {
      const owner = parseField(instanceOwner, 'owner', ownerText);
      const after = afterText === null ? undefined : parseField(guid, 'next', afterText);
      const found = await instances.list(owner, after, PAGE + 1);
      const items = await Promise.all(
        found.slice(0, PAGE).map(({ instance }) => recordOf(instance)),
      );
      const last = items.at(-1);
      return { items, ...(found.length > PAGE && last && { next: last.id }) };
    },
    get: async (owner, id) => recordOf((await existing(owner, id)).instance),
    async remove(owner, id) {
      const { instance, etag } = await existing(owner, id);
      const { serials } = instance;
      const since = Math.floor(now().getTime() / 1000);
      // First: once the row is gone, nobody knows what is out.
      await revocations.keepOne(
        { owner: instance.owner, id: instance.id, reason: 'removed', by: '', since, serials },
        now(),
      );
      if (await instances.remove(instance, etag)) return;
      throw new Refusal('try_again', 'it renewed itself at the same time: try again');
    },
  };
}

function storedRecord(instance: Instance): InstanceRecord {
  const { method, ...facts } = instance.machine;
  const machine = Object.entries(facts).flatMap(([fact, value]) =>
    value === undefined ? [] : [[fact, value] as const],
  );
  return {
    id: instance.id,
    owner: instance.owner,
    role: instance.role,
    join_token: instance.joinToken,
    join_method: method,
    generation: instance.generation,
    machine: Object.fromEntries(machine),
    names: instance.names,
    joined: timeOf(instance.joined),
    seen: timeOf(instance.seen),
    expires: timeOf(instance.instanceKeyExpires),
    serials: instance.serials.map(({ serial }) => serial),
  };
}

const timeOf = (unixSeconds: number): string => formatTimestamp(new Date(unixSeconds * 1000));
