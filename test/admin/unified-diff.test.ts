import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { unifiedDiff } from '../../admin/unified-diff.ts';
import { programPath } from '../programs.ts';

const text = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd', ''), { maxLength: 25 })
  .map((lines) => lines.map((line) => `${line}\n`).join(''));

const DIFF = programPath('diff');

describe('unifiedDiff', () => {
  it('shows three lines around a change', () => {
    const before = [...'abcdefghij'].join('\n');
    expect(unifiedDiff(before, before.replace('f', 'F'))).toEqual([
      '@@ -3,7 +3,7 @@',
      ...[' c', ' d', ' e', '-f', '+F', ' g', ' h', ' i'],
    ]);
  });

  it('joins changes whose context touches, and separates others', () => {
    const before = Array.from({ length: 30 }, (_, at) => String(at)).join('\n');
    const headers = (after: string): string[] =>
      unifiedDiff(before, after).filter((line) => line.startsWith('@@'));
    expect(headers(before.replace('\n5\n', '\nx\n').replace('\n11\n', '\ny\n'))).toHaveLength(1);
    expect(headers(before.replace('\n5\n', '\nx\n').replace('\n13\n', '\ny\n'))).toHaveLength(2);
  });

  it.each([
    ['', 'a\n', ['@@ -0,0 +1 @@', '+a']],
    ['a\nb\n', '', ['@@ -1,2 +0,0 @@', '-a', '-b']],
    ['a\n', 'a\n', []],
  ])('writes %j to %j', (before, after, diff) => {
    expect(unifiedDiff(before, after)).toEqual(diff);
  });

  it('lets all lines go where the texts are too long to compare', () => {
    const lines = (word: string): string => Array.from({ length: 2100 }, () => word).join('\n');
    const diff = unifiedDiff(
      `${lines('a')}\nsame\n${lines('a')}`,
      `${lines('b')}\nsame\n${lines('b')}`,
    );
    expect(diff[0]).toBe('@@ -1,4201 +1,4201 @@');
    expect(diff).toContain('-same');
  });

  it.skipIf(!DIFF)('is as long as what diff writes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'diff-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    for (const [before, after] of fc.sample(fc.tuple(text, text), { numRuns: 20, seed: 7 })) {
      await writeFile(join(folder, 'before'), before);
      await writeFile(join(folder, 'after'), after);
      const { stdout } = spawnSync(DIFF ?? '', ['-u', '-d', 'before', 'after'], {
        cwd: folder,
        encoding: 'utf8',
      });
      const changed = (lines: readonly string[]): number =>
        lines.filter((line) => /^[-+]/.test(line)).length;
      expect(changed(unifiedDiff(before, after))).toBe(changed(stdout.split('\n').slice(2)));
    }
  });

  it('turns any text into any other where its hunks are applied', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(patched(before, unifiedDiff(before, after))).toBe(after);
      }),
    );
  });
});

/** Applies a diff by the line numbers of its hunks; context and removals must be what stands there. */
function patched(before: string, diff: readonly string[]): string {
  const old = before.split('\n').slice(0, -1);
  const result: string[] = [];
  let next = 0;
  for (const line of diff) {
    const [, first, count] = /^@@ -(\d+)(?:,(\d+))? /.exec(line) ?? [];
    if (first !== undefined) {
      const start = count === '0' ? Number(first) : Number(first) - 1;
      result.push(...old.slice(next, start));
      next = start;
    } else if (line.startsWith('+')) {
      result.push(line.slice(1));
    } else {
      expect(old[next]).toBe(line.slice(1));
      if (line.startsWith(' ')) result.push(line.slice(1));
      next += 1;
    }
  }
  return [...result, ...old.slice(next)].map((line) => `${line}\n`).join('');
}
