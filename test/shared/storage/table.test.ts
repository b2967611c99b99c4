import { describe, expect, test } from 'vitest';
import {
  eachTable,
  rowSizeProblem,
  type Table,
  type Value,
} from '../../../shared/storage/table.ts';

/** They are what the service calls them: data that was written under another name is lost. */
test('the tables are called as they are known', () => {
  const named = eachTable((name) => name as unknown as Table);
  expect(named).toEqual({
    resources: 'resources',
    instances: 'instances',
    names: 'names',
    machines: 'machines',
    keys: 'keys',
    joins: 'joins',
    audit: 'audit',
    revoked: 'revoked',
  });
});

describe('the size of a row', () => {
  const sized = (values: Record<string, Value>) =>
    rowSizeProblem({ partition: 'p', key: 'k', values });
  const columns = (count: number, value: Value) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, value]));

  test('has limits for texts, columns and the whole', () => {
    expect(sized({ text: 'a'.repeat(32_768) })).toBeUndefined();
    expect(sized({ text: 'a'.repeat(32_769) })).toBe('text is longer than 32768 characters');
    expect(sized(columns(250, 1))).toBeUndefined();
    expect(sized(columns(251, 1))).toBe('more than 250 columns');
    expect(sized(columns(15, 'a'.repeat(32_768)))).toBeUndefined();
    // What a row costs: 4 bytes, its names in UTF-16, and for each column 8, its name, and 8 for a number or 4 and the text.
    const rest = (1024 * 1024 - 8 - 15 * (12 + 2 * 32_768) - 10 * 4 - 5 * 6 - 12 - 2) / 2;
    const filled = { ...columns(15, 'a'.repeat(32_768)), x: 'a'.repeat(rest) };
    expect(sized(filled)).toBeUndefined();
    expect(sized({ ...filled, x: `${filled.x}a` })).toBe('larger than 1 MiB');
    expect(sized({ ...filled, x: filled.x.slice(9), y: 1 })).toBeUndefined();
    expect(sized({ ...filled, x: filled.x.slice(8), y: 1 })).toBe('larger than 1 MiB');
    expect(sized(columns(16, 'a'.repeat(32_768)))).toBe('larger than 1 MiB');
  });

  test('counts UTF-16 units, as the service does', () => {
    expect(sized({ text: '𝄞'.repeat(16_384) })).toBeUndefined();
    expect(sized({ text: '𝄞'.repeat(16_385) })).toBe('text is longer than 32768 characters');
  });
});
