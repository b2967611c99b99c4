import { expect, test } from 'vitest';
import { createReport, type Terminal } from '../../local/report.ts';

function written(terminal: Pick<Terminal, 'isTTY'>, env: Record<string, string> = {}): string {
  let text = '';
  const report = createReport(
    {
      ...terminal,
      write: (more) => {
        text += more;
      },
    },
    env,
  );
  report.step('First');
  report.proof('it holds');
  report.output('one\n\x1b[2Jtwo\n');
  report.step('Second');
  report.skip('no openssl here');
  report.failure('it fails');
  return text;
}

test('numbers the steps and shows what each proved, without control characters', () => {
  expect(written({})).toBe(
    '\n1. First\n   ✓ it holds\n     one\n     two\n\n2. Second\n   - no openssl here\n   ✗ it fails\n',
  );
});

test('has colour on a terminal only, and not where NO_COLOR is set', () => {
  expect(written({ isTTY: true })).toContain('\x1b[32m✓\x1b[39m');
  expect(written({ isTTY: true }, { NO_COLOR: '1' })).toBe(written({}));
});
