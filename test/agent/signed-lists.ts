import type { RevocationLists } from '../../shared/protocol/revocation.ts';

/** Lists in the form in which they are signed; nothing is on them. */
export const LISTS: RevocationLists = {
  cluster: 'test',
  version: 1,
  this_update: '2026-11-20T19:00:00Z',
  next_update: '2026-11-21T19:00:00Z',
  tls: { crls: '' },
  ssh: { krl: 'AAAA' },
  signature: 'a..b',
};
