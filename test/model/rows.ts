/** What is stored, and what the reference expects to be stored, in one form in which they can be compared. */
import type { Tables } from '../../shared/storage/table.ts';
import { newestRules, type World } from './possible.ts';

export interface Rows {
  readonly instances: Readonly<Record<string, string>>;
  readonly names: Readonly<Record<string, string>>;
  readonly resources: Readonly<Record<string, string>>;
}

const sorted = (entries: readonly (readonly [string, string])[]): Record<string, string> =>
  Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));

export async function rowsOf({ instances, names, resources }: Tables): Promise<Rows> {
  return {
    instances: sorted(
      (await instances.list({})).map(({ key, values: v }) => [
        key,
        v['removed'] === 1
          ? `removed, until ${v['goneAfter']}`
          : `${v['owner']}, generation ${v['generation']}, key ends ${v['instanceKeyExpires']}, until ${v['goneAfter']}`,
      ]),
    ),
    names: sorted(
      (await names.list({})).map(({ key, values: v }) => [
        key,
        `${v['incarnation']} after ${String(v['gone']).replaceAll('\n', ',')}`,
      ]),
    ),
    resources: sorted(
      (await resources.list({})).flatMap(({ key, values }) => {
        const json = JSON.parse(String(values['json'] ?? '{}'));
        const [kind] = key.split('!');
        if (kind === 'lock') return [[key, JSON.stringify(json.spec.target)] as const];
        if (key === 'token!machines') {
          const groups = json.spec.azure.allow[0].resource_groups ?? 'elsewhere';
          const ends = Date.parse(json.metadata.expires) / 1000;
          return [[key, `${groups} until ${ends}, at most ${json.spec.max_machines}`] as const];
        }
        if (key === 'token!cloud') return [[key, `at most ${json.spec.max_machines}`] as const];
        if (kind === 'token')
          return [[key, `until ${Date.parse(json.metadata.expires) / 1000}`] as const];
        if (key === 'role!access') return [[key, json.spec.options.max_session_ttl] as const];
        return [];
      }),
    ),
  };
}

export function rowsIn(world: World): Rows {
  const { state } = world;
  const { locks, allow, awsPlaces, secrets, roleSeconds } = newestRules(world);
  return {
    instances: sorted(
      Object.entries(state.instances).map(([id, instance]) => [
        id,
        instance.removed
          ? `removed, until ${instance.goneAfter}`
          : `${instance.owner}, generation ${instance.generation}, key ends ${instance.keyEnds}, until ${instance.goneAfter}`,
      ]),
    ),
    names: sorted(
      Object.entries(state.names).map(([name, { vmId, gone }]) => [name, `${vmId} after ${gone}`]),
    ),
    resources: sorted([
      ...Object.entries(locks).map(
        ([name, target]) => [`lock!${name}`, JSON.stringify(Object.fromEntries([target]))] as const,
      ),
      ...Object.entries(secrets).map(
        ([name, { ends }]) => [`token!${name}`, `until ${ends}`] as const,
      ),
      ['token!machines', `${allow.groups} until ${allow.ends}, at most ${allow.places}`],
      ['token!cloud', `at most ${awsPlaces}`],
      ['role!access', `${roleSeconds}s`],
    ]),
  };
}
