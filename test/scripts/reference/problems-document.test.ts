import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PROBLEM_REFERENCE } from '../../../scripts/reference/problems-document.ts';

const ROOT = new URL('../../../', import.meta.url);

test.each(Object.entries(PROBLEM_REFERENCE))(
  '%s is shown by the test that it names',
  (code, { test: [file, title] }) => {
    const source = readFileSync(new URL(file, ROOT), 'utf8');
    const titles = [`'${title}'`, `"${title}"`, `\`${title}\``];
    expect(
      titles.some((quoted) => source.includes(quoted)),
      title,
    ).toBe(true);
    expect(source).toMatch(new RegExp(`\\b${code === 'access_denied' ? 'toBeDenied' : code}\\b`));
  },
);
