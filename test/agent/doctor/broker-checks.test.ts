/** What the doctor says of the broker; doctor.test.ts has it whole. */
import { describe, expect, test } from 'vitest';
import type { Broker } from '../../../agent/broker.ts';
import { brokerChecks } from '../../../agent/doctor/broker-checks.ts';
import { findingsOf, lineOf } from '../../../agent/doctor/finding.ts';
import type { AgentSettings } from '../../../agent/settings.ts';
import { createClock } from '../clock.ts';

const AUDIENCE = 'https://management.azure.com/';

/** The line about this, with a broker whose clock is so many milliseconds before ours. */
async function lineAbout(
  what: string,
  { offsetMs = 0, audiences }: { offsetMs?: number; audiences?: readonly string[] },
): Promise<string> {
  const clock = createClock();
  const broker = {
    discover: async () => ({ audiences }),
    trueTime: () => new Date(clock.now().getTime() + offsetMs),
  } as unknown as Broker;
  const settings = { joinMethod: 'azure', azure: { audience: AUDIENCE } } as AgentSettings;
  const check = brokerChecks(settings, broker, { clock }).find((one) => one.what === what);
  const [finding] = check ? await findingsOf(check.look) : [];
  return finding ? lineOf(what, finding) : 'nothing';
}

const AGREE = "ok       clock      this machine's clock and the broker's agree\n";

describe('clocks', () => {
  test.each([
    [0, AGREE],
    [1499, AGREE],
    [-1499, AGREE],
    [2000, "ok       clock      this machine's clock is 2 s behind the broker's\n"],
    [-2000, "ok       clock      this machine's clock is 2 s ahead of the broker's\n"],
    [150_000, "ok       clock      this machine's clock is 150 s behind the broker's\n"],
    [
      151_000,
      "WARNING  clock      this machine's clock is 151 s behind the broker's: set the clock before it is five minutes\n",
    ],
    [
      -300_000,
      "WARNING  clock      this machine's clock is 300 s ahead of the broker's: set the clock before it is five minutes\n",
    ],
    [
      -301_000,
      "PROBLEM  clock      this machine's clock is 301 s ahead of the broker's: set the clock\n",
    ],
  ])('%i ms apart', async (offsetMs, line) => {
    expect(await lineAbout('clock', { offsetMs })).toBe(line);
  });
});

test('an audience is one of those that the broker names', async () => {
  expect(await lineAbout('audience', { audiences: ['a', AUDIENCE] })).toBe(
    `ok       audience   tokens for ${AUDIENCE} are accepted\n`,
  );
  expect(await lineAbout('audience', { audiences: ['a', 'b'] })).toBe(
    `PROBLEM  audience   the broker accepts tokens for a, b, not for ${AUDIENCE}: write one of them to onboarding.azure.audience\n`,
  );
});

test('an audience is for Azure alone', () => {
  const settings = { joinMethod: 'iam' } as AgentSettings;
  const checks = brokerChecks(settings, {} as Broker, { clock: createClock() });
  expect(checks.map(({ what }) => what)).toEqual(['broker', 'trust', 'clock']);
});
