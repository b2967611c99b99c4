import { expect, test } from 'vitest';
import { retirementOf } from '../../../shared/authority/root-retirement.ts';
import type { KeyDescription } from '../../../shared/authority/signing-key.ts';
import { described } from './described-keys.ts';

const NONE = Buffer.of();
const cross = (by: number) => ({ by, certificate: NONE });
const root = (sequence: number, more: Partial<KeyDescription> = {}) =>
  described('tls/root', sequence, { expires: 9000, ...more });
const successor = (more: Partial<KeyDescription> = {}) =>
  root(3, { created: 400, starts: 500, cross: cross(1), ...more });
/** Issuing keys say in their certificate, here, which root they are under. */
const issuing = (sequence: number, under: number | undefined, expires: number) =>
  described('tls/issuing', sequence, {
    expires,
    certificate: under === undefined ? NONE : Buffer.of(under),
  });

test.each<[string, readonly KeyDescription[], number, readonly number[], number]>([
  ['alone', [root(1)], 500, [], 0],
  ['before its successor signs', [root(1), successor()], 499, [], 0],
  ['whose successor signs', [root(1), successor()], 500, [1], 0],
  ['whose row is lost', [successor()], 500, [1], 0],
  ['that retired already', [root(1), successor({ ended: [{ sequence: 1, at: 600 }] })], 700, [], 0],
  [
    'beside one that retired',
    [root(1), root(2), successor({ cross: cross(2), ended: [{ sequence: 1, at: 600 }] })],
    700,
    [2],
    0,
  ],
  ['and another one before it', [root(1), root(2), successor()], 500, [1, 2], 0],
  [
    'with issuing keys of both',
    [
      root(1),
      successor(),
      issuing(2, 1, 800),
      issuing(4, 1, 700),
      issuing(5, 3, 900),
      issuing(6, undefined, 999),
    ],
    500,
    [1],
    800,
  ],
  [
    'beside other keys of its owners',
    [
      root(1),
      successor(),
      described('ssh-user/sign', 1),
      described('tls/issuing', 2, { certificate: Buffer.of(3) }),
    ],
    500,
    [1],
    0,
  ],
])('a root %s', (_, keys, at, old, needed) => {
  const found = retirementOf(keys, ({ certificate }) => certificate[0], at);
  expect(found?.old.toSorted()).toEqual(old);
  expect(found?.needed).toBe(needed);
  expect(found?.signing.sequence).toBe(
    at >= 500 && keys.some(({ sequence }) => sequence === 3) ? 3 : 1,
  );
});

test.each<[string, readonly KeyDescription[], number]>([
  ['there is none', [issuing(2, 1, 800)], 500],
  ['the only one does not sign yet', [successor()], 499],
  ['all are over', [root(1)], 9000],
])('none retires where %s', (_, keys, at) => {
  expect(retirementOf(keys, () => 1, at)).toBeUndefined();
});
