/** When what is renewed, and what of it is still to be written. */
import { describe, expect, test } from 'vitest';
import type { Destination } from '../../agent/destinations.ts';
import type { Joined } from '../../agent/join-answer.ts';
import type { RenewalPlan } from '../../agent/renewal-plan.ts';
import { dueOutputs, isDue, nextRound, type Round } from '../../agent/round.ts';
import type { Output } from '../../agent/settings.ts';

const at = (seconds: number): Date => new Date(seconds * 1000);
const [web, db] = [{ name: 'web' }, { name: 'db' }] as Output[] as [Output, Output];
const place = (wish: string) => ({ wish }) as Destination;
const PLACES = ['identity', 'output-1', 'output-2'].map(place);
const plan: RenewalPlan = {
  roundSeconds: 100,
  secondsOf: (output) => (output === web ? 100 : 400),
  notes: [],
};

function joined(version: number, ...names: readonly string[]): Joined {
  const certificates = names.map((name) => ({ name, expires: at(100_000) }));
  return { instance: {}, trust: { bundle: { version } }, certificates } as unknown as Joined;
}
const next = (before: Round | undefined, brought: Joined, due: readonly Output[], now: number) =>
  nextRound(before, brought, {
    outputs: [web, db],
    due,
    destinations: PLACES,
    plan,
    now: at(now),
    random: () => 0,
  });
const wishes = (round: Round): string[] => round.unwritten.map(({ wish }) => wish);
const first = next(undefined, joined(1, 'identity', 'output-1', 'output-2'), [web, db], 1000);

describe('a round', () => {
  test('says when each output is due, and writes all of the first', () => {
    expect(first.joinedAt).toEqual(at(1000));
    expect(first.renewAt).toEqual(at(1100));
    expect(first.dueAt.get(web)).toEqual(at(1100));
    expect(first.dueAt.get(db)).toEqual(at(1400));
    expect(wishes(first)).toEqual(['identity', 'output-1', 'output-2']);
  });

  test('leaves alone what was not due, but for what is not written yet', () => {
    const written = { ...first, unwritten: [] };
    const second = next(written, joined(1, 'identity', 'output-1'), [web], 1100);
    expect(wishes(second)).toEqual(['identity', 'output-1']);
    expect(second.dueAt.get(web)).toEqual(at(1200));
    expect(second.dueAt.get(db)).toEqual(at(1400));
    expect(second.held.certificates.size).toBe(3);
    const [, , stale] = PLACES;
    if (!stale) throw new Error('there are three');
    const late = { ...first, unwritten: [stale] };
    expect(wishes(next(late, joined(1, 'identity'), [], 1100))).toEqual(['identity', 'output-2']);
  });

  test('writes all where the trust has changed', () => {
    const written = { ...first, unwritten: [] };
    expect(wishes(next(written, joined(2, 'identity'), [], 1100))).toHaveLength(3);
  });

  test('knows nothing of an output that it asked for and did not get', () => {
    const other = next(undefined, joined(1, 'identity'), [web], 1000);
    expect(other.dueAt.has(web)).toBe(false);
  });
});

test('it is due at its time, or where the clock was set back', () => {
  expect([999, 1000, 1099, 1100].map((now) => isDue(first, at(now)))).toEqual([
    true,
    false,
    false,
    true,
  ]);
});

test('an output is due whose time is nearer to this round than to the next', () => {
  const due = (now: number) => dueOutputs(first, [web, db], plan, at(now)).map(({ name }) => name);
  expect(due(1000)).toEqual([]);
  expect(due(1049)).toEqual([]);
  expect(due(1050)).toEqual(['web']);
  expect(due(1349)).toEqual(['web']);
  expect(due(1350)).toEqual(['web', 'db']);
  // Nobody knows then how old they are.
  expect(due(999)).toEqual(['web', 'db']);
  const unknown = { name: 'new' } as Output;
  expect(dueOutputs(first, [unknown], plan, at(1000))).toEqual([unknown]);
});
