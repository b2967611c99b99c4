import { expect, test } from 'vitest';
import { createProgress } from './progress.ts';

function progress(inputs: number) {
  let time = 1000;
  const lines: string[] = [];
  const { tried, found, end } = createProgress(
    inputs,
    7,
    (line) => lines.push(line.replace(/\d+ MB/, 'n MB')),
    () => time,
  );
  const tryMany = (kind: string, times: number): void => {
    for (let i = 0; i < times; i += 1) tried(kind);
  };
  const wait = (seconds: number): void => {
    time += seconds * 1000;
  };
  return { lines, tryMany, wait, found, end };
}

test('a long run tells every half minute how far it is', () => {
  const { lines, tryMany, wait } = progress(1_000_000);
  tryMany('csr', 45_000);
  wait(29);
  tryMany('csr', 1);
  expect(lines).toEqual([]);
  wait(1);
  tryMany('csr', 2);
  wait(30);
  tryMany('token', 1);
  expect(lines).toEqual([
    'fuzz: 45,002 of 1,000,000 inputs, 1,500/s, 0 findings, seed 7, n MB of memory: now csr',
    'fuzz: 45,004 of 1,000,000 inputs, 750/s, 0 findings, seed 7, n MB of memory: now token',
  ]);
});

test('a finding is told at once, and counted', () => {
  const { lines, tryMany, wait, found, end } = progress(8);
  tryMany('csr', 1);
  found('csr, seed 7: answered 500');
  expect(lines).toEqual(['fuzz: found csr, seed 7: answered 500']);
  wait(2);
  end();
  expect(lines.at(-1)).toBe(
    'fuzz: ended after 2 s: 1 of 8 inputs, 1/s, 1 findings, seed 7, n MB of memory',
  );
});
