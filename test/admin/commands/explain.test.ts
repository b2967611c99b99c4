import { describe, expect, it } from 'vitest';
import { terminal } from '../joinctl.ts';

const ANSWER = {
  verdict: 'denied',
  steps: [
    { step: 'join token', result: 'ok', detail: 'example-bot, join method azure, for Bot' },
    { step: 'allow rules', result: 'denied', reason: 'rule_mismatch', detail: 'no rule\u001b[31m' },
  ],
};
const SUBSCRIPTION = '11111111-1111-1111-1111-111111111111';

describe('joinctl explain', () => {
  it('shows each step, and what comes of it', async () => {
    const { run, broker } = await terminal();
    broker.intercept(() => Response.json(ANSWER), '/v1/explain');
    const { code, stdout } = await run(
      'explain',
      '--token=example-bot',
      `--subscription=${SUBSCRIPTION}`,
      '--resource-group=group1',
      '--type=Node',
      '--tag=env=prod',
      '--tag=url=a=b',
    );
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `join token   ok       example-bot, join method azure, for Bot
allow rules  denied   no rule\u{fffd}[31m (rule_mismatch)

It would be denied.
`,
    });
    expect(JSON.parse(broker.requests.at(-1)?.body ?? '')).toEqual({
      token: 'example-bot',
      subscription: SUBSCRIPTION,
      resource_group: 'group1',
      role: 'Node',
      tags: { env: 'prod', url: 'a=b' },
    });
  });

  it('prints it for scripts', async () => {
    const { run, broker } = await terminal();
    broker.intercept(() => Response.json(ANSWER), '/v1/explain');
    const { stdout } = await run('explain', '--token=a', '-o', 'json');
    expect(JSON.parse(stdout)).toEqual(ANSWER);
  });

  it.each([
    [
      [],
      'Say what to explain: --token and facts of a machine, --machine and a resource id, or --join.',
    ],
    [['--token=a', '--join=01a1fa95-c122-7a58-aa32-c69cc852cfc7'], 'Say what to explain'],
    [['--token=a', '--subscription=x'], '--subscription: expected a GUID.'],
    [['--token=a', '--tag=env'], '--tag is a name and a value, --tag=env=prod, not "env".'],
    [['--join=1'], '--join: expected a request id'],
  ])('answers %j with a usage error', async (flags, message) => {
    const { run } = await terminal();
    const { code, stderr } = await run('explain', ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  const MACHINE = `/subscriptions/${SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-a`;

  it('takes what Azure says of a machine, and shows every join token', async () => {
    const { run, broker } = await terminal();
    const found = {
      ...ANSWER,
      verdict: 'admitted',
      steps: [],
      tokens: [{ token: 'example-bot', ...ANSWER }],
    };
    broker.intercept(() => Response.json(found), '/v1/explain');
    const { code, stdout } = await run('explain', `--machine=${MACHINE}`);
    expect(code).toBe(0);
    expect(JSON.parse(broker.requests.at(-1)?.body ?? '')).toEqual({ resource_id: MACHINE });
    expect(stdout).toMatch(/^Join token example-bot: denied$/m);
    expect(stdout).toMatch(/^allow rules +denied +no rule/m);
    expect(stdout).toContain('It would be admitted');
  });

  it('takes a vmId for what locks are on', async () => {
    const { run, broker } = await terminal();
    broker.intercept(() => Response.json(ANSWER), '/v1/explain');
    await run('explain', '--token=example-bot', `--machine=${SUBSCRIPTION}`);
    expect(JSON.parse(broker.requests.at(-1)?.body ?? '')).toEqual({
      token: 'example-bot',
      vm_id: SUBSCRIPTION,
    });
  });
});
