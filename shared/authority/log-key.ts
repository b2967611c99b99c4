/**
 * Keys of the join log: each is made from a data key, so that it is nowhere but in the memory of function instances. A data key
 * keeps those that were made from data keys before it, encrypted: rows outlive the key that sealed them.
 */
import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import * as z from 'zod/mini';
import { parseJsonWith } from '../protocol/schema.ts';
import { decrypt, encrypt } from './sealing.ts';

export interface DerivedLogKey {
  /** Names it, and tells nothing of it. */
  readonly id: string;
  readonly secret: KeyObject;
}

/** One that a data key's successor put an end to. */
export interface FormerLogKey extends DerivedLogKey {
  /** From when on it seals nothing any more. */
  readonly until: Date;
}

/** The parameter of HKDF (RFC 5869) that keeps it apart from whatever else may be made from the data key. */
const DERIVATION = 'join-broker key of the join log 1';
const SECRET_BYTES = 32;
const ID_BYTES = 8;
/** Years of the timer's data keys, or a busy operator's. */
const MOST_FORMER = 16;
const FORMER = Buffer.from('join-broker keys of the join log');

export function deriveLogKey(dataKey: Uint8Array): DerivedLogKey {
  const length = SECRET_BYTES + ID_BYTES;
  const bytes = Buffer.from(hkdfSync('sha256', dataKey, new Uint8Array(), DERIVATION, length));
  return {
    secret: createSecretKey(bytes.subarray(0, SECRET_BYTES)),
    id: bytes.subarray(SECRET_BYTES).toString('hex'),
  };
}

/** The newest ones, encrypted under the data key that comes after theirs. */
export function sealLogKeys(dataKey: Uint8Array, keys: readonly FormerLogKey[]): Uint8Array {
  const newest = keys.toSorted((a, b) => b.until.getTime() - a.until.getTime());
  const kept = newest
    .slice(0, MOST_FORMER)
    .map(({ id, secret, until }) => [
      id,
      secret.export().toString('base64'),
      until.getTime() / 1000,
    ]);
  return encrypt(dataKey, Buffer.from(JSON.stringify(kept)), FORMER);
}

const formerKeys = z.array(z.tuple([z.string(), z.string(), z.number()]));

/** Throws where they are not what this data key encrypted. */
export function openLogKeys(dataKey: Uint8Array, sealed: Uint8Array): FormerLogKey[] {
  const text = Buffer.from(decrypt(dataKey, sealed, FORMER)).toString('utf8');
  const parsed = parseJsonWith(formerKeys, text);
  if (!parsed.ok) throw new Error('keys of the join log are not in their form');
  return parsed.value.map(([id, secret, until]) => ({
    id,
    secret: createSecretKey(Buffer.from(secret, 'base64')),
    until: new Date(until * 1000),
  }));
}
