import { describe, expect, it } from 'vitest';
import { type Column, renderTable } from '../../admin/table.ts';

const COLUMNS: readonly Column<readonly string[]>[] = [
  { header: 'Name', cell: ([name = '']) => name },
  { header: 'What it is', cell: ([, what = '']) => what, elastic: true },
  { header: 'End', cell: ([, , end = '']) => end },
];
const ROWS = [
  ['a', 'something that is rather long', 'never'],
  ['longer-name', '', 'now'],
];

describe('renderTable', () => {
  it('makes columns as wide as what they hold, without trailing space', () => {
    expect(renderTable(COLUMNS, ROWS)).toBe(
      [
        'Name        What it is                    End',
        '----------- ----------------------------- -----',
        'a           something that is rather long never',
        'longer-name                               now',
        '',
      ].join('\n'),
    );
  });

  it('cuts elastic columns where the terminal is narrower', () => {
    expect(renderTable(COLUMNS, ROWS, 36)).toBe(
      [
        'Name        What it is         End',
        '----------- ------------------ -----',
        'a           something that ... never',
        'longer-name                    now',
        '',
      ].join('\n'),
    );
  });

  it('never cuts other columns, nor elastic ones to nothing', () => {
    expect(renderTable(COLUMNS, ROWS, 5).split('\n')[2]).toBe('a           something... never');
  });

  it('shows the header alone where there are no rows', () => {
    expect(renderTable(COLUMNS, [])).toBe('Name What it is End\n---- ---------- ---\n');
  });

  it('keeps control characters out', () => {
    expect(renderTable(COLUMNS, [['\u001b[2J', 'two\nlines', '']]).split('\n')[2]).toBe(
      '\u{fffd}[2J two lines',
    );
  });
});
