import { expect, test } from 'vitest';
import { createLog, type LogFormat } from '../../agent/log.ts';
import { createClock } from './clock.ts';

function logged(format: LogFormat, debug: boolean, message = 'a'): string[] {
  const lines: string[] = [];
  const log = createLog({
    format,
    debug,
    write: (line) => lines.push(line),
    now: createClock().now,
  });
  for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level](message);
  return lines;
}

test('a line has the time, the level and the message', () => {
  expect(logged('text', true)).toEqual([
    '2026-11-20T19:05:00Z DEBUG a\n',
    '2026-11-20T19:05:00Z INFO  a\n',
    '2026-11-20T19:05:00Z WARN  a\n',
    '2026-11-20T19:05:00Z ERROR a\n',
  ]);
});

test('collectors get them as JSON, a line each', () => {
  expect(logged('json', true)[2]).toBe(
    '{"time":"2026-11-20T19:05:00Z","level":"warn","message":"a"}\n',
  );
});

test.each(['text', 'json'] as const)('as %s, debug lines are there for who asks', (format) => {
  expect(logged(format, true)).toHaveLength(4);
  expect(logged(format, false)).toHaveLength(3);
  expect(logged(format, false).join('')).not.toMatch(/debug/i);
});

test('a message stays on its line, and ends after 2000 characters', () => {
  expect(logged('text', false, `a\n\u001b[31m${'b'.repeat(3000)}`)[0]).toBe(
    `2026-11-20T19:05:00Z INFO  a [31m${'b'.repeat(1994)}…\n`,
  );
});
