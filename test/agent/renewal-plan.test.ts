import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renewalPlan } from '../../agent/renewal-plan.ts';
import type { Output } from '../../agent/settings.ts';

const to = (path: string): Output => ({
  destination: { type: 'directory', path },
  content: { names: [], files: () => new Map() },
  name: 'identity-1',
});

const outputs = (number: number, output: Partial<Output> = {}): Output[] =>
  Array.from({ length: number }, (_, i) => ({ ...to(`/out-${i}`), ...output }));

const planOf = (ttl: number, interval: number, all: readonly Output[]) => {
  const plan = renewalPlan({
    certificateTtlSeconds: ttl,
    renewalIntervalSeconds: interval,
    outputs: all,
  });
  return [plan.roundSeconds, ...all.map(plan.secondsOf)];
};

describe('outputs are renewed', () => {
  test.each<[string, number, number, readonly Output[], readonly number[]]>([
    ['with the agent, by default', 3600, 1200, outputs(2), [1200, 1200, 1200]],
    ['once a third of their life is over', 86_400, 1200, outputs(1), [1200, 28_800]],
    [
      'once a third of a life of their own is over',
      3600,
      1200,
      outputs(1, { ttlSeconds: 86_400 }),
      [1200, 28_800],
    ],
    ['as rarely as the agent', 86_400, 36_000, outputs(1), [36_000, 36_000]],
    [
      'as often as they say',
      3600,
      600,
      [...outputs(1, { renewalSeconds: 600 }), ...outputs(1)],
      [600, 600, 1200],
    ],
    ['as rarely as they say', 3600, 600, outputs(1, { renewalSeconds: 3000 }), [600, 3000]],
  ])('%s', (_, ttl, interval, all, expected) => {
    expect(planOf(ttl, interval, all)).toEqual(expected);
  });
});

test('says what is renewed less often than the config asks for, and why', () => {
  const all = outputs(15, { ttlSeconds: 86_400, renewalSeconds: 60 });
  const { roundSeconds, notes } = renewalPlan({
    certificateTtlSeconds: 3600,
    renewalIntervalSeconds: 60,
    outputs: all,
  });
  expect(roundSeconds).toBe(720);
  expect(notes).toHaveLength(16);
  expect(notes[0]).toBe(
    "the agent's own certificate is renewed every 12m, not every 1m: the broker lets one instance have 1,200 certificates that live at once",
  );
  expect(notes[1]).toMatch(/^\/out-0 is renewed every 54m, not every 1m: /);
  const plain = { certificateTtlSeconds: 3600, renewalIntervalSeconds: 1200, outputs: outputs(1) };
  expect(renewalPlan(plain).notes).toEqual([]);
});

describe('however often the config asks, the agent joins', () => {
  test.each([
    ['120 times in its longest life', 86_400, [], 720],
    ['each 50 seconds at most', 3600, [], 50],
    ['three times in its shortest life at least', 60, [], 20],
    ['in whole seconds', 100, [], 34],
    ['as its outputs live, where they live longer', 3600, [86_400], 720],
    ['as its outputs live, where they live shorter', 86_400, [60], 20],
    ['as if nothing lived for more than a day', 10 * 86_400, [], 720],
  ] as const)('%s', (_, ttl, lives, seconds) => {
    const all = lives.map((ttlSeconds) => ({ ...to('/a'), ttlSeconds }));
    expect(planOf(ttl, 1, all)[0]).toBe(seconds);
  });
});

describe('however often the config asks, an output is renewed', () => {
  test.each([
    ['once in a part of its life that grows with the number of outputs', 86_400, 15, 3240],
    ['in whole seconds', 86_401, 15, 3240],
    ['as if it lived for no more than a day', 10 * 86_400, 15, 3240],
    ['no more often than the agent joins', 86_400, 1, 720],
  ])('%s', (_, ttlSeconds, number, seconds) => {
    const all = outputs(number, { ttlSeconds, renewalSeconds: 1 });
    expect(planOf(86_400, 1, all)[1]).toBe(seconds);
  });
});

test('names a secret of Kubernetes, or a socket, as what is renewed less often', () => {
  const secret = {
    type: 'kubernetes_secret',
    namespace: 'a',
    name: 'b',
  } as unknown as Output['destination'];
  const socket = { type: 'workload_api', path: '/run/w.sock', mode: 0o600 } as const;
  const { notes } = renewalPlan({
    certificateTtlSeconds: 86_400,
    renewalIntervalSeconds: 720,
    outputs: [secret, socket].map((destination) => ({
      ...to('/x'),
      destination,
      renewalSeconds: 719,
    })),
  });
  expect(notes).toEqual([
    expect.stringMatching(/^the secret a\/b is renewed every 12m, not every 11m59s: /),
    expect.stringMatching(/^\/run\/w\.sock is renewed every 12m, not every 11m59s: /),
  ]);
});

/** What lives at once at the worst: rounds a tenth early, and outputs with the round that is nearest to their time. */
function mostAtOnce(
  ttl: number,
  interval: number,
  all: readonly Output[],
): { serials: number; generations: number; inSevenMinutes: number } {
  const [round = 0, ...each] = planOf(ttl, interval, all);
  const step = round * 0.9;
  const joins: number[] = [];
  const ends: number[] = [];
  const dueAt = each.map(() => 0);
  let serials = 0;
  for (let at = 0; at < 3 * 86_400; at += step) {
    joins.push(at);
    ends.push(at + ttl);
    for (const [i, output] of all.entries()) {
      if ((dueAt[i] ?? 0) > at + round / 2) continue;
      dueAt[i] = at + (each[i] ?? 0) * 0.9;
      ends.push(at + (output.ttlSeconds ?? ttl));
    }
    serials = Math.max(serials, ends.filter((end) => end > at).length);
    if (joins.length > 500) break;
  }
  const longest = Math.max(ttl, ...all.map(({ ttlSeconds = ttl }) => ttlSeconds));
  const within = (seconds: number): number =>
    Math.max(...joins.map((end) => joins.filter((at) => at <= end && at > end - seconds).length));
  return { serials, generations: within(longest), inSevenMinutes: within(420) };
}

test('fifteen outputs of a day, every second', () => {
  const all = outputs(15, { ttlSeconds: 86_400, renewalSeconds: 1 });
  const { serials, generations, inSevenMinutes } = mostAtOnce(86_400, 1, all);
  expect([serials <= 1200, generations <= 150, inSevenMinutes <= 10]).toEqual([true, true, true]);
});

test('whatever the config says, the limits of one instance are never met', () => {
  const life = fc.constantFrom(600, 1200, 3600, 4 * 3600, 86_400);
  const interval = fc.constantFrom(undefined, 1, 60, 300, 700, 1000, 1199, 3000, 20_000);
  const output = fc.record({ ttlSeconds: life, renewalSeconds: interval });
  fc.assert(
    fc.property(life, interval, fc.array(output, { maxLength: 15 }), (ttl, asked, some) => {
      const all = some.map(({ ttlSeconds, renewalSeconds }, i) => ({
        ...to(`/${i}`),
        ttlSeconds,
        ...(renewalSeconds !== undefined && { renewalSeconds }),
      }));
      const intervals = [asked, ...some.map(({ renewalSeconds }) => renewalSeconds)];
      const named = intervals.filter((one) => one !== undefined);
      const shortest = Math.min(ttl, ...some.map(({ ttlSeconds }) => ttlSeconds));
      const wanted = Math.min(...named, Math.ceil(shortest / 3));
      const most = mostAtOnce(ttl, wanted, all);
      const longest = Math.max(ttl, ...some.map(({ ttlSeconds }) => ttlSeconds));
      expect(most.serials).toBeLessThanOrEqual(1200);
      // Where a secret's agent starts at all.
      if (longest <= shortest * 40) expect(most.generations).toBeLessThanOrEqual(150);
      expect(most.inSevenMinutes).toBeLessThanOrEqual(10);
    }),
    { numRuns: 100 },
  );
});
