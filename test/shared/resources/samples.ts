/** Resources that are right, for tests that change one thing each. */
import type { Bot } from '../../../shared/resources/bot.ts';
import type { JoinToken } from '../../../shared/resources/join-token.ts';
import type { Lock } from '../../../shared/resources/lock.ts';
import type { Role } from '../../../shared/resources/role.ts';

export const SUBSCRIPTION = '11111111-1111-1111-1111-111111111111';

export const joinToken: JoinToken = {
  kind: 'token',
  version: 'v2',
  metadata: { name: 'example-bot' },
  spec: {
    roles: ['Bot'],
    bot_name: 'example',
    join_method: 'azure',
    azure: { allow: [{ subscription: SUBSCRIPTION, resource_groups: ['group1'] }] },
  },
};

export const bot: Bot = {
  kind: 'bot',
  version: 'v1',
  metadata: { name: 'example' },
  spec: { roles: ['access'], traits: [{ name: 'logins', values: ['root', 'deploy'] }] },
};

export const role = (
  allow: Role['spec']['allow'] = {},
  options?: Role['spec']['options'],
): Role => ({
  kind: 'role',
  version: 'v7',
  metadata: { name: 'access' },
  spec: { allow, ...(options && { options }) },
});

export const lock = (spec: Partial<Lock['spec']> = {}): Lock => ({
  kind: 'lock',
  version: 'v2',
  metadata: { name: 'stop' },
  spec: { target: { bot: 'example' }, ...spec },
});
