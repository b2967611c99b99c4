/** Lists that revoke something else say something else; those that only look different say the same. */
import { describe, expect, test } from 'vitest';
import { saysOfCrls, saysOfKrl } from '../../../agent/revocation/what-lists-say.ts';
import type { Crl } from '../../../shared/encoding/crl.ts';
import type { Krl } from '../../../shared/encoding/krl.ts';

describe("OpenSSH's list", () => {
  const KEY = Buffer.from('authority');
  const OTHER = Buffer.from('other');
  const NOBODY: Krl = {
    version: 1,
    generated: new Date(0),
    comment: '',
    authorities: [],
    keys: [],
  };
  const revoking = (
    key: Uint8Array,
    serials: readonly bigint[],
    keyIds: readonly string[] = [],
  ) => ({
    ...NOBODY,
    authorities: [{ key, serials, keyIds }],
  });

  test('says another thing for each thing that it revokes', () => {
    const lists = [
      NOBODY,
      revoking(KEY, [1n]),
      revoking(KEY, [2n]),
      revoking(KEY, [1n, 2n]),
      revoking(OTHER, [1n]),
      revoking(KEY, [], ['1']),
      revoking(KEY, [], ['2']),
      { ...NOBODY, keys: [KEY] },
      { ...NOBODY, keys: [OTHER] },
    ];
    expect(new Set(lists.map(saysOfKrl)).size).toBe(lists.length);
  });

  test('says the same with another number, time, comment and order', () => {
    const one = { ...revoking(KEY, [1n, 2n], ['a', 'b']), keys: [KEY, OTHER] };
    const other = {
      ...revoking(KEY, [2n, 1n], ['b', 'a']),
      ...{ keys: [OTHER, KEY], version: 2, generated: new Date(1000), comment: 'new' },
    };
    expect(saysOfKrl(other)).toBe(saysOfKrl(one));
  });
});

describe('lists of certificates', () => {
  const list = (authority: string, ...serials: readonly string[]) =>
    ({
      authorityKeyIdentifier: Buffer.from(authority),
      revoked: new Map(serials.map((serial) => [serial, new Date(0)])),
    }) as unknown as Crl;

  test('say another thing for each thing that they revoke, and each authority that has one', () => {
    const lists = [
      [],
      [list('a')],
      [list('b')],
      [list('a'), list('b')],
      [list('a', '01')],
      [list('a', '02')],
      [list('a', '01', '02')],
      [list('a', '01'), list('b')],
      [list('a'), list('b', '01')],
    ];
    expect(new Set(lists.map(saysOfCrls)).size).toBe(lists.length);
  });

  test('say the same in another order', () => {
    const lists = [list('a', '01', '02'), list('b')];
    expect(saysOfCrls([list('b'), list('a', '02', '01')])).toBe(saysOfCrls(lists));
  });
});
