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

Widen a rule of the join token if this machine is to join: joinctl edit tokens/<name>
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
