import { describe, expect, it } from 'vitest';
import { problem } from '../fake-broker.ts';
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

  it('calls what a machine only says of itself what it claims', async () => {
    const claimed_vm_id = '1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11';
    const claimed = {
      claimed_vm_id,
      claimed_subscription: claimed_vm_id,
      claimed_resource_id: '/subscriptions/1/resourcegroups/group9',
    };
    const { run } = await terminal({ joins: [{ ...RECORD, ...claimed }] });
    const { stdout } = await run('joins', 'show', ID);
    expect(stdout).toMatch(/^Claims to be +\/subscriptions\/1\/resourcegroups\/group9$/m);
    expect(stdout).toMatch(new RegExp(`^Claims vmId +${claimed_vm_id}$`, 'm'));
    expect(stdout).toMatch(new RegExp(`^Claims sub +${claimed_vm_id}$`, 'm'));
    expect(stdout).not.toMatch(/^(?:vmId|Resource id|Subscription) /m);
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

describe('joinctl joins ls --by', () => {
  const attempt = (n: number, more: object) => ({
    request_id: ID.replace(/.$/, n.toString(16)),
    time: '2026-11-20T12:00:00Z',
    outcome: 'denied',
    ...more,
  });
  const JOINS = [
    attempt(1, { reason: 'locked', bot: 'a', resource_id: '/x/vm-a' }),
    attempt(2, { reason: 'rule_mismatch', bot: 'b' }),
    attempt(3, { reason: 'rule_mismatch', bot: 'b', aws_arn: 'arn:aws:sts::1:assumed-role/x/i' }),
    attempt(4, { outcome: 'admitted', bot: 'b' }),
    attempt(5, { outcome: 'failed', code: 'unavailable', system_role: 'Node' }),
  ];

  it.each([
    ['reason', ['2 rule_mismatch', '1 admitted', '1 locked', '1 unavailable']],
    ['bot', ['3 b', '1 Node', '1 a']],
  ])('%s counts them, the most first, then by name', async (by, lines) => {
    const { run } = await terminal({ joins: JOINS });
    const { stdout, code } = await run('joins', 'ls', `--by=${by}`);
    expect(code).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .slice(2)
        .map((line) => line.trim().replace(/ +/, ' ')),
    ).toEqual(lines);
  });

  it('gives scripts a list', async () => {
    const { run } = await terminal({ joins: JOINS.slice(0, 2) });
    const { stdout } = await run('joins', 'ls', '--by=bot', '--format=json');
    expect(JSON.parse(stdout)).toEqual([
      { bot: 'a', count: 1 },
      { bot: 'b', count: 1 },
    ]);
  });

  it('follows every page', async () => {
    const { run, broker } = await terminal({ joins: JOINS });
    const page = { items: JOINS, next: ID };
    broker.intercept(() => Response.json(page), 'GET https://broker.example.com/v1/joins');
    expect((await run('joins', 'ls', '--by=bot')).stdout).toMatch(/^ +6 b$/m);
  });

  it.each([['--by=token'], ['--by=bot', '--follow']])('%s is a slip', async (...flags) => {
    const { run, broker } = await terminal({ joins: JOINS });
    expect(await run('joins', 'ls', ...flags)).toMatchObject({ code: 2 });
    expect(broker.requests).toEqual([]);
  });
});

describe('joinctl joins ls --follow', () => {
  const attempt = (n: number) => ({
    request_id: ID.replace(/.$/, String(n)),
    time: `2026-11-20T12:00:0${n}Z`,
    outcome: 'denied',
    reason: 'locked',
    bot: 'example',
  });
  const page = (...items: readonly number[]) => Response.json({ items: items.map(attempt) });

  /** What the broker answers one after the other; then somebody ends it. */
  async function follow(answers: readonly (() => Response)[], ...flags: readonly string[]) {
    let end = (): void => {};
    const pauses: number[] = [];
    const shell = await terminal({
      after: (milliseconds, task) => {
        if (milliseconds !== 5000) return () => {};
        pauses.push(milliseconds);
        if (pauses.length < answers.length) queueMicrotask(task);
        else end();
        return () => {};
      },
      onInterrupt: (stop) => {
        end = stop;
        return () => {};
      },
    });
    for (const answer of answers) shell.broker.intercept(answer, '/v1/joins?');
    const outcome = await shell.run('joins', 'ls', '--follow', ...flags);
    return { ...outcome, pauses, shell };
  }

  it('prints each once, asks every five seconds, and ends well on Ctrl-C', async () => {
    const { code, stdout, pauses, shell } = await follow([
      () => page(1, 2),
      () => page(2, 3),
      () => page(3),
    ]);
    expect(code).toBe(0);
    expect(pauses).toEqual([5000, 5000, 5000]);
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toMatch(/^Time +Result +Reason/);
    expect(lines.slice(1).map((line) => line.slice(0, 20))).toEqual(
      [1, 2, 3].map((n) => `2026-11-20T12:00:0${n}Z`),
    );
    expect(shell.broker.requests.filter(({ url }) => url.includes('/v1/joins'))).toHaveLength(3);
  });

  it('prints a line of JSON for each', async () => {
    const { stdout } = await follow([() => page(1, 2)], '--format=json');
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([attempt(1), attempt(2)]);
  });

  it('says when the broker can not answer, and goes on', async () => {
    const busy = () => problem('unavailable', 'storage can not be asked now');
    // Each question is asked for a minute before it is given up.
    const minute = Array.from({ length: 10 }, () => busy);
    const { code, stdout, stderr } = await follow([() => page(1), ...minute, () => page(2)]);
    expect(code).toBe(0);
    expect(stderr).toContain('storage can not be asked now');
    expect(stderr).toContain('Asking again in 5 s.');
    expect(stdout).toContain('12:00:02Z');
  });

  it('survives a connection that is cut', async () => {
    const { code, stdout, stderr } = await follow([
      () => page(1),
      () => {
        throw new TypeError('fetch failed');
      },
      () => page(2),
    ]);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^joinctl: Can't reach https:\/\/broker\.example\.com.*Asking again in 5 s\.$/m,
    );
    expect(stdout).toContain('12:00:02Z');
  });

  it.each(['forbidden', 'bad_request'] as const)('ends where it is %s', async (code) => {
    const ended = await follow([() => problem(code, 'no'), () => page(1)]);
    expect(ended).toMatchObject({ code: 1, pauses: [] });
  });
});
