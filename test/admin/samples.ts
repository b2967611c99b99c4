/** Resources as the guides have them. */
import type { InstanceRecord } from '../../shared/protocol/instance.ts';
import type { Resource } from '../../shared/protocol/resource.ts';

export const SUBSCRIPTION = '11111111-1111-1111-1111-111111111111';

export const ROLES: readonly Resource[] = [
  role('access', {
    logins: ['{{internal.logins}}'],
    node_labels: { '*': '*' },
    rules: [
      { resources: ['event'], verbs: ['list', 'read'] },
      { resources: ['session'], verbs: ['read', 'list'] },
    ],
  }),
  role('auditor', {
    logins: ['no-login-6566121f-b602-47f1-a118-c9c618ee5aec'],
    rules: [
      { resources: ['session'], verbs: ['list', 'read'] },
      { resources: ['event'], verbs: ['list', 'read'] },
    ],
  }),
  role('editor', {
    rules: [
      { resources: ['user'], verbs: ['list', 'create', 'read', 'update', 'delete'] },
      { resources: ['role'], verbs: ['list'] },
    ],
  }),
];

function role(name: string, allow: Record<string, unknown>): Resource {
  return { kind: 'role', version: 'v7', metadata: { name }, spec: { allow } };
}

export const BOT: Resource = {
  kind: 'bot',
  version: 'v1',
  metadata: { name: 'example' },
  spec: { roles: ['access'] },
};

export const TOKEN: Resource = {
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

/** `bot-token.yaml` of the guide, comments and all. */
export const TOKEN_YAML = `kind: token
version: v2
metadata:
  # name will be specified in the agent to use this token
  name: example-bot
spec:
  roles: [Bot]
  # bot_name will match the name of the bot created later in this guide.
  bot_name: example
  join_method: azure
  azure:
    allow:
      # subscription should be the UID of an Azure subscription.
    - subscription: ${SUBSCRIPTION}
      resource_groups: ["group1"]
`;

export const BOT_YAML = `kind: bot
version: v1
metadata:
  name: example
spec:
  roles: []
`;

/** An instance that joined with a secret and has renewed itself twice. */
export const instance = (changes: Partial<InstanceRecord> = {}): InstanceRecord => ({
  id: '1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11',
  owner: 'bot:robot',
  role: 'Bot',
  join_token: 'robot-aaaaab',
  join_method: 'token',
  generation: 3,
  machine: {},
  names: [],
  joined: '2026-11-20T11:00:00Z',
  seen: '2026-11-20T11:40:00Z',
  expires: '2026-11-20T12:40:00Z',
  serials: ['0123456789abcdef0123456789abcdef'],
  ...changes,
});
