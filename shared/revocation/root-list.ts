/**
 * The root's own list: the issuing keys that leaked. Custody signs it, so it is made rarely, and kept in the table
 * beside what the other lists are made from; it speaks for itself.
 */
import { createPublicKey, verify } from 'node:crypto';
import type { RootAuthority } from '../authority/authorities.ts';
import { makeCrl, type RevokedCertificate } from '../authority/crl.ts';
import type { Custody } from '../authority/custody.ts';
import { sameBytes } from '../encoding/certificate.ts';
import { type Crl, parseCrl } from '../encoding/crl.ts';
import { DerError } from '../encoding/der-decode.ts';

const VALID_SECONDS = 14 * 24 * 3600;
const RENEWED_SECONDS = 7 * 24 * 3600;
const BACKDATED_SECONDS = 60;

/** The list, if it is the root's own and not over; whoever can write to the table can put anything there. */
export function genuineRootList(
  der: Uint8Array | undefined,
  root: RootAuthority,
  at: Date,
): Crl | undefined {
  const list = der && parsed(der);
  if (!list || list.nextUpdate <= at || !sameBytes(list.issuer, root.subject)) return undefined;
  const key = createPublicKey({
    key: Buffer.from(root.publicKeyInfo),
    format: 'der',
    type: 'spki',
  });
  return verify('sha384', list.toBeSigned, key, list.signature) ? list : undefined;
}

function parsed(der: Uint8Array): Crl | undefined {
  try {
    return parseCrl(der);
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

/** Whether the root has to sign again: for the first time, something else than before, or half of the time is over. */
export function isRootListDue(
  list: Crl | undefined,
  revoked: readonly RevokedCertificate[],
  at: Date,
): boolean {
  if (!list) return true;
  const wanted = new Set(
    revoked.map(({ serialNumber }) => Buffer.from(serialNumber).toString('hex')),
  );
  return (
    list.thisUpdate.getTime() + RENEWED_SECONDS * 1000 <= at.getTime() ||
    list.revoked.size !== wanted.size ||
    [...wanted].some((serial) => !list.revoked.has(serial))
  );
}

/** The next list of a root: its number is greater than that of `before`. */
export function makeRootList(
  root: RootAuthority,
  revoked: readonly RevokedCertificate[],
  before: Crl | undefined,
  custody: Pick<Custody, 'signWithRoot'>,
  at: Date,
): Promise<Uint8Array> {
  const seconds = Math.floor(at.getTime() / 1000);
  return makeCrl(
    {
      issuer: root,
      number: Math.max((before?.number ?? 0) + 1, seconds),
      thisUpdate: new Date((seconds - BACKDATED_SECONDS) * 1000),
      nextUpdate: new Date((seconds + VALID_SECONDS) * 1000),
      revoked,
    },
    'ecdsaWithSHA384',
    (toBeSigned) => custody.signWithRoot(root.handle, toBeSigned),
  );
}
