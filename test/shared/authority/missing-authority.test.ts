import { expect, test } from 'vitest';
import type { StoredKeys } from '../../../shared/authority/key-store.ts';
import { isEmpty, type Missing, sayMissing } from '../../../shared/authority/missing-authority.ts';

const EMPTY: StoredKeys = { keys: [], marks: [], strays: [], taken: [] };
const SOME: StoredKeys = { ...EMPTY, strays: ['data/000000001'] };
const DATA = { owner: 'data', purpose: 'encrypt' } as const;
const SSH = { owner: 'ssh-user', purpose: 'sign' } as const;
const ROOT = { owner: 'tls', purpose: 'root' } as const;
const root = (cluster: string | undefined) => ({ cluster, publicKeyInfo: Buffer.of() });
const OURS = root('ours.example.org');

test.each<[string, Partial<Missing>, RegExp]>([
  [
    'nothing was ever made, and everything counts as lost',
    { lost: [DATA, SSH] },
    /^there is no authority yet/,
  ],
  ['nothing was ever made', {}, /^there is no authority yet.*auth init$/],
  [
    'the table is empty, and custody remembers a root',
    { remembered: OURS },
    /^the table of keys is empty, but custody remembers a root/,
  ],
  [
    'custody remembers nothing of what is in the table',
    { stored: SOME },
    /^the table of keys is of another custody/,
  ],
  [
    'the data key is lost',
    { stored: SOME, remembered: OURS },
    /^keys are missing .*: data \(encrypt\) \(runbook/,
  ],
  [
    'no key is lost, but none signs any more',
    { stored: SOME, lost: [], remembered: OURS },
    /^keys are due that nothing has made: does the timer rotate-keys run\?/,
  ],
  [
    'other keys are lost',
    { stored: SOME, lost: [SSH, ROOT] },
    /^keys are missing .*: ssh-user \(sign\), tls \(root\) \(runbook/,
  ],
  [
    'other keys are lost, of which custody knows',
    { lost: [SSH], remembered: root('other') },
    /^keys are missing .*: ssh-user/,
  ],
  [
    "custody's root is another cluster's",
    { remembered: root('other') },
    /^custody's root was made for the cluster other, not for ours\.example\.org/,
  ],
  [
    "custody's root is of no cluster",
    { stored: SOME, remembered: root(undefined) },
    /^custody's root was made for the cluster \(without a name\)/,
  ],
])('says what an operator can do where %s', (_, change, expected) => {
  const missing = {
    stored: EMPTY,
    lost: [DATA],
    remembered: undefined,
    cluster: 'ours.example.org',
  };
  expect(sayMissing({ ...missing, ...change })).toMatch(expected);
});

test.each<[string, Partial<StoredKeys>]>([
  ['a key', { keys: [{} as StoredKeys['keys'][number]] }],
  ['a mark', { marks: [{} as StoredKeys['marks'][number]] }],
  ['anything else', { strays: ['x/y'] }],
  [
    'one of each',
    {
      keys: [{} as StoredKeys['keys'][number]],
      marks: [{} as StoredKeys['marks'][number]],
      strays: ['x/y', 'z'],
    },
  ],
  [
    'a key and its mark',
    {
      keys: [{} as StoredKeys['keys'][number]],
      marks: [{} as StoredKeys['marks'][number]],
    },
  ],
])('a table with %s in it is not empty', (_, stored) => {
  expect(isEmpty(EMPTY)).toBe(true);
  expect(isEmpty({ ...EMPTY, ...stored })).toBe(false);
});
