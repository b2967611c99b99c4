/** Which lists are written under which name, and what stands in for one that is not known. */
import { expect, test } from 'vitest';
import type { AcceptedLists } from '../../../agent/revocation/accept-lists.ts';
import {
  CRL_FILE,
  KRL_FILE,
  keptLists,
  listFiles,
  saysOf,
} from '../../../agent/revocation/list-files.ts';
import { parseKrl } from '../../../shared/encoding/krl.ts';

const lists = {
  krl: { content: Buffer.from('krl'), says: 'of keys' },
  crls: { content: 'crls', says: 'of certificates' },
} as unknown as AcceptedLists;
const NAMES = ['revoked.krl', 'tls.crl'] as const;

test('each name has its own list, where there is one', () => {
  expect([KRL_FILE, CRL_FILE]).toEqual(NAMES);
  expect([...listFiles(NAMES, lists)]).toEqual([
    ['revoked.krl', Buffer.from('krl')],
    ['tls.crl', 'crls'],
  ]);
  expect([...listFiles(['tls.crl'], lists)]).toEqual([['tls.crl', 'crls']]);
  expect([...listFiles(NAMES, { ...lists, crls: undefined })]).toEqual([
    ['revoked.krl', Buffer.from('krl')],
  ]);
  expect(listFiles(NAMES, undefined).size).toBe(0);
});

test('each name says what its own list says', () => {
  expect(NAMES.map((name) => saysOf(name, lists))).toEqual(['of keys', 'of certificates']);
  expect(saysOf('tls.crl', { ...lists, crls: undefined })).toBeUndefined();
  expect(NAMES.map((name) => saysOf(name, undefined))).toEqual([undefined, undefined]);
});

test("until it is known, sshd's list is a genuine one that refuses nobody, and there is no other", () => {
  const kept = keptLists(NAMES);
  expect([...kept.keys()]).toEqual(NAMES);
  expect(kept.get('tls.crl')).toBeUndefined();
  expect(parseKrl(kept.get('revoked.krl') ?? Buffer.of())).toEqual({
    version: 0,
    generated: new Date(0),
    comment: 'nothing is known yet',
    authorities: [],
    keys: [],
  });
});
