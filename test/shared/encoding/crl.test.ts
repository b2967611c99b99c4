/** How strictly revocation lists are read: each test changes one part of a good one. Those that the broker makes: test/shared/authority/crl.test.ts. */
import { describe, expect, test } from 'vitest';
import { parseCrl } from '../../../shared/encoding/crl.ts';
import { primitiveContextTag, TAG } from '../../../shared/encoding/der-decode.ts';
import {
  bitString,
  element,
  enumerated,
  explicit,
  nullValue,
  octetString,
  oid,
  sequence,
  smallInteger,
  time,
  unsignedInteger,
} from '../../../shared/encoding/der-encode.ts';
import { OID } from '../../../shared/encoding/oids.ts';

const AT = new Date('2026-11-20T12:00:00Z');
const ALGORITHM = sequence(oid(OID.ecdsaWithSHA256));
const ISSUER = sequence();
const KEY_ID = Buffer.alloc(20, 7);

type Der = Uint8Array;
const extension = (id: string, value: Der, ...more: readonly Der[]): Der =>
  sequence(oid(id), octetString(value), ...more);
const keyIdentifier = (...more: readonly Der[]): Der =>
  sequence(element(primitiveContextTag(0), KEY_ID), ...more);
const integer = (hex: string): Der => element(TAG.integer, Buffer.from(hex, 'hex'));
const aki = (value = keyIdentifier()): Der => extension(OID.authorityKeyIdentifier, value);
const crlNumber = (value = smallInteger(5)): Der => extension(OID.crlNumber, value);
const entry = (serial: Der, ...more: readonly Der[]): Der => sequence(serial, time(AT), ...more);
const reason = (value = enumerated(2), ...more: readonly Der[]): Der =>
  sequence(extension(OID.reasonCode, value), ...more);

interface Parts {
  readonly version?: Der;
  readonly inner?: Der;
  readonly entries?: readonly Der[] | undefined;
  readonly extensions?: readonly Der[];
  /** After the list of extensions, within what holds it. */
  readonly beside?: readonly Der[];
  readonly tbsEnd?: readonly Der[];
  readonly end?: readonly Der[];
}

function crl({
  version = smallInteger(1),
  inner = ALGORITHM,
  entries,
  extensions = [aki(), crlNumber()],
  beside = [],
  tbsEnd = [],
  end = [],
}: Parts = {}): Der {
  const list = entries ? [sequence(...entries)] : [];
  const held = explicit(0, sequence(...extensions), ...beside);
  const tbs = sequence(version, inner, ISSUER, time(AT), time(AT), ...list, held, ...tbsEnd);
  return sequence(tbs, ALGORITHM, bitString(Buffer.of(1)), ...end);
}

test('a list is read, with its entries', () => {
  const entries = [entry(smallInteger(1)), entry(unsignedInteger(Buffer.of(0xff)), reason())];
  expect(parseCrl(crl({ entries }))).toMatchObject({
    number: 5,
    issuer: ISSUER,
    authorityKeyIdentifier: KEY_ID,
    thisUpdate: AT,
    nextUpdate: AT,
    revoked: new Map([
      ['01', AT],
      ['ff', AT],
    ]),
    signatureAlgorithm: OID.ecdsaWithSHA256,
    signature: Buffer.of(1),
  });
  expect(parseCrl(crl()).revoked).toEqual(new Map());
});

test.each([
  ['the largest', '00ffffffffffff', 2 ** 48 - 1],
  ['the smallest', '01', 1],
  ['one whose first bit is set', '0080', 128],
])('a number may be %s', (_, hex, number) => {
  expect(parseCrl(crl({ extensions: [aki(), crlNumber(integer(hex))] })).number).toBe(number);
});

const MORE = 'unexpected bytes after the last element';
const nothing = nullValue();

describe('a list is refused', () => {
  test.each<[string, Parts, string]>([
    ['of another version', { version: smallInteger(0) }, 'not a version 2 list'],
    [
      'whose two algorithms differ',
      { inner: sequence(oid(OID.ecdsaWithSHA256), nothing) },
      'the two signature algorithms differ',
    ],
    ['with something behind its signature', { end: [nothing] }, MORE],
    ['with something behind its extensions', { tbsEnd: [nothing] }, MORE],
    ['with something beside the list of its extensions', { beside: [nothing] }, MORE],
    ['with an extension more', { extensions: [aki(), crlNumber(), aki()] }, MORE],
    [
      'with its extensions the other way round',
      { extensions: [crlNumber(), aki()] },
      'not the extension expected',
    ],
    [
      'with something behind an extension',
      {
        extensions: [extension(OID.authorityKeyIdentifier, keyIdentifier(), nothing), crlNumber()],
      },
      MORE,
    ],
    [
      'with a critical extension',
      {
        extensions: [
          sequence(
            oid(OID.authorityKeyIdentifier),
            element(TAG.boolean, Buffer.of(0xff)),
            octetString(keyIdentifier()),
          ),
          crlNumber(),
        ],
      },
      'expected tag 0x4, got 0x1',
    ],
    [
      "with more than the key's id",
      { extensions: [aki(keyIdentifier(nothing)), crlNumber()] },
      MORE,
    ],
    [
      "with a key's id of another form",
      { extensions: [aki(sequence(explicit(0, nothing))), crlNumber()] },
      'expected tag 0x80, got 0xa0',
    ],
    ['with a number of 0', { extensions: [aki(), crlNumber(integer('00'))] }, 'not a CRL number'],
    [
      'with a number below 0',
      { extensions: [aki(), crlNumber(integer('80'))] },
      'not a CRL number',
    ],
    [
      'with a number of 49 bits',
      { extensions: [aki(), crlNumber(integer('01000000000000'))] },
      'not a CRL number',
    ],
    ['whose entries are none', { entries: [] }, 'ends too early'],
    [
      'that has a serial number twice',
      { entries: [entry(smallInteger(1)), entry(smallInteger(1))] },
      'a serial number appears twice',
    ],
    [
      'with something behind an entry',
      { entries: [entry(smallInteger(1), reason(), nothing)] },
      MORE,
    ],
    [
      'with an entry that has another extension',
      { entries: [entry(smallInteger(1), sequence(crlNumber()))] },
      'not the extension expected',
    ],
    [
      'with an entry that has an extension more',
      { entries: [entry(smallInteger(1), reason(enumerated(2), crlNumber()))] },
      MORE,
    ],
    [
      'with a reason of two bytes',
      { entries: [entry(smallInteger(1), reason(element(TAG.enumerated, Buffer.of(0, 2))))] },
      'not a reason',
    ],
    [
      'with a reason that is none',
      { entries: [entry(smallInteger(1), reason(smallInteger(2)))] },
      'expected tag 0xa, got 0x2',
    ],
  ])('%s', (_, parts, message) => {
    expect(() => parseCrl(crl(parts))).toThrow(
      expect.objectContaining({ name: 'DerError', message }),
    );
  });
});
