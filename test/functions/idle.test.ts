import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { onceIdle } from '../../functions/idle.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function rig() {
  let runs = 0;
  const idle = onceIdle(() => {
    runs += 1;
  });
  return { ...idle, runs: () => runs };
}

test('nothing is done before the first invocation has ended, however long that takes', () => {
  const { began, runs } = rig();
  vi.advanceTimersByTime(60_000);
  began();
  vi.advanceTimersByTime(60_000);
  expect(runs()).toBe(0);
});

test('it is done a second after the last invocation ended, once', () => {
  const { began, ended, runs } = rig();
  began();
  ended();
  vi.advanceTimersByTime(999);
  expect(runs()).toBe(0);
  vi.advanceTimersByTime(1);
  expect(runs()).toBe(1);
  began();
  ended();
  vi.advanceTimersByTime(60_000);
  expect(runs()).toBe(1);
});

test('an invocation within that second puts it off, and so does one that still runs', () => {
  const { began, ended, runs } = rig();
  began();
  began();
  ended();
  vi.advanceTimersByTime(5000);
  expect(runs()).toBe(0);
  ended();
  vi.advanceTimersByTime(900);
  began();
  ended();
  vi.advanceTimersByTime(900);
  expect(runs()).toBe(0);
  vi.advanceTimersByTime(100);
  expect(runs()).toBe(1);
});

test('a process that is never idle does it half a minute after its first answer', () => {
  const { began, ended, runs } = rig();
  for (let second = 0; second < 30; second += 0.5) {
    expect(runs()).toBe(0);
    began();
    ended();
    vi.advanceTimersByTime(500);
  }
  expect(runs()).toBe(1);
  vi.advanceTimersByTime(5000);
  expect(runs()).toBe(1);
});
