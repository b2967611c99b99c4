/** What resources name: whether it exists, and who would miss it. */

import { nearestName } from '../protocol/nearest-name.ts';
import type { ResourceKind, ResourceWarning } from '../protocol/resource.ts';
import { Refusal } from '../refusal.ts';
import type { AnyResource } from '../resources/resource.ts';
import { PRESET_ROLES } from '../resources/role.ts';
import type { Resources } from '../storage/resources.ts';

interface Reference {
  readonly field: string;
  readonly kind: ResourceKind;
  readonly name: string;
  /** What follows while there is no such resource. */
  readonly otherwise: string;
}

/** A warning for each reference to what does not exist. It is read anew: what was created a second ago counts. */
export async function missingReferences(
  resource: AnyResource,
  resources: Resources,
): Promise<ResourceWarning[]> {
  const found = await Promise.all(
    referencesOf(resource).map(async (reference) => ({
      reference,
      exists: (await resources.read(reference.kind, reference.name)) !== undefined,
    })),
  );
  const missing = found.filter(({ exists }) => !exists).map(({ reference }) => reference);
  if (missing.length === 0) return [];
  const snapshot = await resources.snapshot();
  return missing.map(({ field, kind, name, otherwise }) => {
    const others = snapshot.all(kind).map(({ metadata }) => metadata.name);
    const meant = nearestName(name, others);
    const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
    const message = `there is no ${kind} ${name}${hint}: ${otherwise}`;
    return { field, message, missing: { kind, name } };
  });
}

function referencesOf(resource: AnyResource): readonly Reference[] {
  switch (resource.kind) {
    case 'bot':
      return [...new Set(resource.spec.roles)].map((name) => ({
        field: `spec.roles[${resource.spec.roles.indexOf(name)}]`,
        kind: 'role',
        name,
        otherwise: 'joins and renewals of the bot are denied',
      }));
    case 'token':
      return targetOf(
        'spec.bot_name',
        'bot',
        resource.spec.bot_name,
        'joins with the join token are denied',
      );
    case 'lock': {
      const { bot, join_token } = resource.spec.target;
      const otherwise = 'the lock is on nothing now';
      return [
        ...targetOf('spec.target.bot', 'bot', bot, otherwise),
        ...targetOf('spec.target.join_token', 'token', join_token, otherwise),
      ];
    }
    case 'role':
    case 'azure_root':
    case 'azure_denied_signer':
      return [];
  }
}

const targetOf = (
  field: string,
  kind: ResourceKind,
  name: string | undefined,
  otherwise: string,
): readonly Reference[] => (name === undefined ? [] : [{ field, kind, name, otherwise }]);

const MOST_NAMED = 5;

/** Throws `in_use` where removing a role would deny bots their next join, or where it comes with the broker. */
export async function checkRemovable(
  kind: ResourceKind,
  name: string,
  force: boolean,
  resources: Resources,
): Promise<void> {
  if (kind !== 'role') return;
  if (PRESET_ROLES.some(({ metadata }) => metadata.name === name))
    throw new Refusal(
      'in_use',
      `role ${name} comes with the broker: it can be changed, not removed`,
    );
  if (force) return;
  const { items } = await resources.list('bot', undefined, Number.POSITIVE_INFINITY);
  const bots = items.flatMap(({ resource }) =>
    resource.kind === 'bot' && resource.spec.roles.includes(name) ? [resource.metadata.name] : [],
  );
  if (bots.length === 0) return;
  const more = bots.length > MOST_NAMED ? ` and ${bots.length - MOST_NAMED} more` : '';
  const who = `${bots.slice(0, MOST_NAMED).join(', ')}${more}`;
  throw new Refusal(
    'in_use',
    `role ${name} is a role of ${bots.length === 1 ? 'bot' : 'bots'} ${who}, whose joins and renewals would be denied: take it from them first, or force its removal`,
  );
}
