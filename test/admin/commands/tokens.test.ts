import { describe, expect, it } from 'vitest';
import { terminal } from '../joinctl.ts';
import { BOT, SUBSCRIPTION, TOKEN } from '../samples.ts';

const SUBSCRIPTION_FLAG = `--subscription=${SUBSCRIPTION}`;

describe('joinctl tokens add', () => {
  it('creates the token of the guide', async () => {
    const { run, broker } = await terminal({ resources: [BOT] });
    const { stdout } = await run(
      ...['tokens', 'add', 'example-bot', '--bot=example', SUBSCRIPTION_FLAG],
      '--resource-group=group1',
    );
    expect(stdout).toBe('token "example-bot" has been created\n');
    expect(broker.stored('token', 'example-bot')).toEqual(TOKEN);
  });

  it('says how to create its bot where there is none', async () => {
    const { run } = await terminal();
    const { stdout } = await run('tokens', 'add', 't', '--bot=example', SUBSCRIPTION_FLAG);
    expect(stdout).toContain(
      'does not exist yet. Create it with:\n  joinctl bots add example --token=t',
    );
  });

  it('takes services, tenants, several groups and an end', async () => {
    const { run, broker } = await terminal();
    await run(
      ...['tokens', 'add', 't', '--type=node', `--tenant=${SUBSCRIPTION}`, SUBSCRIPTION_FLAG],
      ...['--resource-group=a', '--resource-group', 'b', '--ttl=1h30m'],
    );
    expect(broker.stored('token', 't')).toEqual({
      kind: 'token',
      version: 'v2',
      metadata: { name: 't', expires: '2026-11-20T13:30:00Z' },
      spec: {
        roles: ['Node'],
        join_method: 'azure',
        azure: {
          allow: [
            { tenant: SUBSCRIPTION, subscription: SUBSCRIPTION, resource_groups: ['a', 'b'] },
          ],
        },
      },
    });
  });

  it.each([
    [[SUBSCRIPTION_FLAG], 'Say as which bot: --bot=<name>.'],
    [['--type=node', '--bot=b', SUBSCRIPTION_FLAG], '--bot does not go with --type=node.'],
    [['--type=nod', SUBSCRIPTION_FLAG], '"nod" is no system role (did you mean node?)'],
    [['--bot=b'], 'Say which machines: --subscription=<id> or --tenant=<id>'],
    [['--bot=b', '--tenant=t', '--resource-group=g'], '--resource-group goes with --subscription'],
    [['--bot=b', '--subscription=vm1'], '--subscription is a GUID, not "vm1".'],
    [['--bot=b', SUBSCRIPTION_FLAG, '--ttl=soon'], '--ttl is a duration such as 30m or 10h'],
    [['--bot=b', SUBSCRIPTION_FLAG, '--ttl=1h', '--expires=x'], 'Give either --ttl or --expires.'],
    [['--bot=b', SUBSCRIPTION_FLAG, '--expires=tomorrow'], '--expires is a time in UTC such as'],
    [['--bot=b', SUBSCRIPTION_FLAG, '--expires=2026-11-20T12:00:00Z'], 'is over already'],
  ])('answers %j with a usage error', async (flags, message) => {
    const { run, broker } = await terminal();
    const { code, stderr } = await run('tokens', 'add', 't', ...flags);
    expect({ code, requests: broker.requests.length }).toEqual({ code: 2, requests: 0 });
    expect(stderr).toContain(message);
  });

  it('does not overwrite a token', async () => {
    const { run } = await terminal({ resources: [TOKEN] });
    expect(
      await run('tokens', 'add', 'example-bot', '--bot=example', SUBSCRIPTION_FLAG),
    ).toMatchObject({
      code: 1,
      stderr: 'joinctl: token "example-bot" exists already: change it with joinctl edit.\n',
    });
  });
});

describe('joinctl tokens', () => {
  it('lists and removes them', async () => {
    const { run } = await terminal({ resources: [TOKEN] });
    expect((await run('tokens', 'ls')).stdout).toContain(
      'example-bot Bot  azure       example never',
    );
    expect((await run('tokens', 'rm', 'example-bot')).stdout).toBe(
      'token "example-bot" has been deleted\n',
    );
    expect((await run('tokens', 'ls', '--format=yaml')).stdout).toBe('');
  });
});
