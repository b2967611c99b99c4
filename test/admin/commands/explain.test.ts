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
    [[], 'Say what to explain: --token and facts of a machine, or --join.'],
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
});
