import { expect, test } from 'vitest';
import { formatUuid } from '../../../shared/encoding/uuid.ts';

test.each([
  [4, '00', '00000000-0000-4000-8000-000000000000'],
  [7, 'ff', 'ffffffff-ffff-7fff-bfff-ffffffffffff'],
  [8, 'a5', 'a5a5a5a5-a5a5-85a5-a5a5-a5a5a5a5a5a5'],
] as const)(
  'a UUID of version %i says so, and its variant, over whatever is there',
  (version, byte, text) => {
    expect(formatUuid(Buffer.from(byte.repeat(16), 'hex'), version)).toBe(text);
  },
);

test('its bytes are in their order, and stay as they are', () => {
  const bytes = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
  expect(formatUuid(bytes, 8)).toBe('00112233-4455-8677-8899-aabbccddeeff');
  expect(bytes[6]).toBe(0x66);
});
