/** Whose an instance is: by the system role, a bot's or a host's. */
import { expect, test } from 'vitest';
import { ownerOf } from '../../../../shared/joining/owners/owners.ts';
import type { SystemRole } from '../../../../shared/protocol/join.ts';
import type { Snapshot } from '../../../../shared/storage/resources.ts';
import { bot, joinToken } from '../../resources/samples.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const snapshot = { get: () => bot } as unknown as Snapshot;

test.each<[SystemRole, string]>([
  ['Bot', 'bot:example'],
  ['Node', 'host:Node'],
])('of a %s it is %s', (role, key) => {
  const naming = { cluster: 'example.org', domains: [] };
  expect(ownerOf({ role }, joinToken, snapshot, naming, NOON).key).toBe(key);
});
