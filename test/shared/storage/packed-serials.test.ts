import { expect, test } from 'vitest';
import { packSerials, unpackSerials } from '../../../shared/storage/packed-serials.ts';

const serials = [
  { serial: '00'.repeat(16), expires: 1_795_176_000 },
  { serial: 'ff'.repeat(16), expires: 2 ** 32 - 1 },
  { serial: '4102030405060708090a0b0c0d0e0f10', expires: 0 },
];

test('serials come back as they were, in 27 characters each', () => {
  const packed = packSerials(serials);
  expect(packed.length).toBeLessThanOrEqual(Math.ceil((serials.length * 20) / 3) * 4);
  expect(unpackSerials(packed)).toEqual(serials);
  expect(unpackSerials(packSerials([]))).toEqual([]);
});

test('1,200 of them fit a column of Table Storage: 32,768 characters', () => {
  const many = Array.from({ length: 1200 }, () => ({ serial: 'ab'.repeat(16), expires: 1 }));
  expect(packSerials(many).length).toBeLessThanOrEqual(32_768);
});

test('those of rows that an older version wrote are read', () => {
  expect(unpackSerials(JSON.stringify(serials))).toEqual(serials);
});

test.each(['', 'no base64', 'AAAA'])('a column that says "%s" has none', (text) => {
  expect(unpackSerials(text)).toEqual([]);
});
