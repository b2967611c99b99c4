import { describe, expect, test } from 'vitest';
import {
  garbage,
  hugeLength,
  nestedIndefiniteSequences,
  nestedSequences,
  withIndefiniteLengths,
} from '../../../../local/azure/evidence/malformed-der.ts';
import { DerReader, TAG } from '../../../../shared/encoding/der-decode.ts';
import { octetString, sequence } from '../../../../shared/encoding/der-encode.ts';

describe('nested sequences', () => {
  test('have right lengths all the way down', () => {
    let depth = 0;
    let content = nestedSequences(1000);
    while (content.length > 0) {
      const reader = new DerReader(content);
      content = reader.read(TAG.sequence).content;
      reader.end();
      depth += 1;
    }
    expect(depth).toBe(1000);
  });

  test('can be 100,000 deep', () => {
    expect(nestedSequences(100_000).length).toBeGreaterThan(400_000);
  });

  test('come with indefinite lengths', () => {
    expect([...nestedIndefiniteSequences(2)]).toEqual([0x30, 0x80, 0x30, 0x80, 0, 0, 0, 0]);
  });
});

test('indefinite lengths reach as deep as asked', () => {
  const der = sequence(sequence(octetString(Buffer.of(1))));
  expect([...withIndefiniteLengths(der, 1)]).toEqual([0x30, 0x80, 0x30, 3, 4, 1, 1, 0, 0]);
  expect([...withIndefiniteLengths(der)]).toEqual([0x30, 0x80, 0x30, 0x80, 4, 1, 1, 0, 0, 0, 0]);
});

test('a huge length says more than is there', () => {
  expect([...hugeLength()]).toEqual([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]);
  expect(hugeLength(126)).toHaveLength(128);
});

test('garbage has the size that was asked for', () => {
  expect(garbage(65_536)).toHaveLength(65_536);
});
