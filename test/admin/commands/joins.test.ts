import { describe, expect, it } from 'vitest';
import { terminal } from '../joinctl.ts';

const ID = '01a1fa95-c122-7a58-aa32-c69cc852cfc7';
const RECORD = {
  request_id: ID,
  time: '2026-11-20T12:00:00Z',
  outcome: 'denied',
  code: 'access_denied',
  reason: 'rule_mismatch',
  detail: 'no rule of join token example-bot admits this machine\u001b[31m',
  join_token: 'example-bot',
};

describe('joinctl joins show', () => {
  it('shows what became of a join, why, and what to do about it', async () => {
    const { run } = await terminal({ joins: [RECORD] });
    const { code, stdout } = await run('joins', 'show', ID.toUpperCase());
    expect(code).toBe(0);
    expect(stdout).toBe(`Time          2026-11-20T12:00:00Z
Outcome       denied
Reason        rule_mismatch
Detail        no rule of join token example-bot admits this machine\u{fffd}[31m
Join token    example-bot

No rule of the join token admits the machine; Detail says for each which field stood in the way.
If this machine is to join, add a rule or widen one, then see what it would do:
  joinctl edit tokens/example-bot
  joinctl explain --join=${ID}
`);
  });

  it('prints it for scripts', async () => {
    const { run } = await terminal({ joins: [RECORD] });
    expect(JSON.parse((await run('joins', 'show', ID, '--format=json')).stdout)).toEqual(RECORD);
    expect((await run('joins', 'show', ID, '--format=yaml')).stdout).toContain(
      'reason: rule_mismatch\n',
    );
  });

  it('says where a join that is not in the log may be', async () => {
    const { run } = await terminal();
    const { code, stderr } = await run('joins', 'show', ID);
    expect(code).toBe(1);
    expect(stderr).toContain(`The join log has no ${ID}`);
  });

  it('answers what is no request id with a usage error', async () => {
    const { run, broker } = await terminal();
    expect(await run('joins', 'show', 'a/../b')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"a/../b" is no request id: joinbot says which one it is.'),
    });
    expect(broker.requests).toEqual([]);
  });
});

describe('joinctl joins ls', () => {
  const GROUP = '/subscriptions/1/resourcegroups/group1/providers/microsoft.compute';
  const record = (n: number, more: object) => ({
    ...RECORD,
    request_id: ID.replace(/7$/, `${n}`),
    ...more,
  });
  const JOINS = [
    record(1, {
      outcome: 'admitted',
      code: undefined,
      reason: undefined,
      bot: 'example',
      resource_id: `${GROUP}/virtualmachines/vm-a`,
    }),
    record(2, {
      system_role: 'Node',
      resource_id: `${GROUP}/virtualmachinescalesets/web/virtualmachines/3`,
    }),
    record(3, {
      code: 'unavailable',
      outcome: 'failed',
      reason: undefined,
      vm_id: '1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11',
    }),
  ];

  it('shows who joined, who did not, and why', async () => {
    const { run, broker } = await terminal({ joins: JOINS });
    const { code, stdout } = await run('joins', 'ls', '--result=denied', '--bot=a', '--since=90m');
    expect(code).toBe(0);
    expect(stdout.replaceAll(/ +\n/g, '\n')).toBe(
      `Time                 Result   Reason        Bot     Join token  Machine                              Request
-------------------- -------- ------------- ------- ----------- ------------------------------------ ------------------------------------
2026-11-20T12:00:00Z admitted               example example-bot group1/vm-a                          ${JOINS[0]?.request_id}
2026-11-20T12:00:00Z denied   rule_mismatch Node    example-bot group1/web/3                         ${JOINS[1]?.request_id}
2026-11-20T12:00:00Z failed   unavailable           example-bot 1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11 ${JOINS[2]?.request_id}
`,
    );
    const { search } = new URL(broker.requests.at(-1)?.url ?? '');
    expect(search).toBe('?bot=a&result=denied&since=2026-11-20T10%3A30%3A00Z');
  });

  it.each([
    ['7d', '2026-11-13T12%3A00%3A00Z'],
    ['2026-11-20T08:00:00Z', '2026-11-20T08%3A00%3A00Z'],
  ])('goes back to --since=%s', async (since, asked) => {
    const { run, broker } = await terminal({ joins: JOINS });
    expect((await run('joins', 'ls', '-o', 'json', `--since=${since}`)).stdout).toContain(
      ID.slice(0, 30),
    );
    expect(broker.requests.at(-1)?.url).toContain(`since=${asked}`);
  });

  it('says what a --since is', async () => {
    const { run } = await terminal();
    expect(await run('joins', 'ls', '--since=monday')).toMatchObject({ code: 2, stdout: '' });
  });

  it('ends after a thousand, and says where to go on', async () => {
    const joins = Array.from({ length: 1001 }, () => record(1, {}));
    const { run } = await terminal({ joins });
    const { stdout, stderr } = await run('joins', 'ls');
    expect(stdout.split('\n')).toHaveLength(1003);
    expect(stderr).toBe(
      'joinctl: these are the first 1000: go on with --since=2026-11-20T12:00:00Z\n',
    );
  });
});
