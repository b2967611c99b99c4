import { describe, expect, it } from 'vitest';
import type { Resource } from '../../../shared/protocol/resource.ts';
import { terminal } from '../joinctl.ts';
import { instance, ROLES, SUBSCRIPTION } from '../samples.ts';

const VM = '1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11';
const OVER = '2026-11-20T11:00:00Z';

const bot: Resource = {
  kind: 'bot',
  version: 'v1',
  metadata: { name: 'robot' },
  spec: { roles: ['access', 'gone', 'old'], traits: [{ name: 'logins', values: ['deploy'] }] },
};

const token = (name: string, spec: object, expires?: string): Resource => ({
  kind: 'token',
  version: 'v2',
  metadata: { name, ...(expires !== undefined && { expires }) },
  spec: { roles: ['Bot'], bot_name: 'robot', ...spec },
});

const lock = (name: string, target: object, more: object = {}): Resource => ({
  kind: 'lock',
  version: 'v2',
  metadata: { name },
  spec: { target, ...more },
});

const resources: readonly Resource[] = [
  ...ROLES,
  { kind: 'role', version: 'v7', metadata: { name: 'old', expires: OVER }, spec: { allow: {} } },
  bot,
  token('vms', {
    join_method: 'azure',
    azure: {
      allow: [
        {
          subscription: SUBSCRIPTION,
          resource_groups: ['a', 'b'],
          tags: { env: ['prod', 'test'] },
        },
        { tenant: SUBSCRIPTION, mode: 'audit' },
      ],
    },
  }),
  token('aws', { join_method: 'iam', allow: [{ aws_account: '111111111111' }] }),
  token('secret', { join_method: 'token' }, OVER),
  token('others', { join_method: 'token', bot_name: 'other' }),
  lock('on-bot', { bot: 'robot' }, { message: 'ticket 4711' }),
  lock('on-token', { join_token: 'aws' }),
  lock('on-machine', { machine: VM }),
  lock('on-other', { bot: 'other' }),
  lock('over', { bot: 'robot' }, { expires: OVER }),
];

const instances = [
  instance({ join_method: 'azure', machine: { vmId: VM } }),
  instance({ id: '2f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c12', expires: OVER }),
  instance({ id: '3f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c12', owner: 'bot:other' }),
];

describe('joinctl bots show', () => {
  it('says who could join as the bot, with what, and what stands in the way', async () => {
    const { run } = await terminal({ resources, instances });
    const { code, stdout } = await run('bots', 'show', 'robot');
    expect(code).toBe(0);
    expect(stdout).toBe(`Bot             robot
Roles           access, gone (missing), old (over)
Logins          deploy
Live instances  1

Join token vms, join method azure:
  virtual machines in resource group a or b, of subscription ${SUBSCRIPTION}, with tag env=prod or test
  virtual machines of tenant ${SUBSCRIPTION} (audit: nobody is admitted by it)
Join token aws, join method iam:
  whoever signs at AWS in account 111111111111
Join token secret, join method token, over since ${OVER}:
  whoever has the secret, once

Locked:
  bot=robot, by lock on-bot: ticket 4711
  join_token=aws, by lock on-token
  machine=${VM}, by lock on-machine
`);
  });

  it('tells scripts the same', async () => {
    const { run } = await terminal({ resources, instances });
    const shown = JSON.parse((await run('bots', 'show', 'robot', '--format=json')).stdout);
    expect(shown).toMatchObject({
      bot: 'robot',
      roles: [{ role: 'access', state: 'there' }, { state: 'missing' }, { state: 'over' }],
      join_tokens: [{ token: 'vms', is_over: false }, {}, { token: 'secret', is_over: true }],
      live_instances: 1,
    });
    expect(shown.locks).toHaveLength(3);
  });

  it('says where nobody can join, and where there is no such bot', async () => {
    const { run } = await terminal({ resources: [bot] });
    expect((await run('bots', 'show', 'robot')).stdout).toContain('nobody can join');
    expect(await run('bots', 'show', 'nosuch')).toMatchObject({
      code: 1,
      stderr: 'joinctl: bot "nosuch" does not exist.\n',
    });
  });
});
