/** Certificate revocation lists (RFC 5280 section 5): complete ones, one for each authority, with all that it has to revoke. */
import { TAG } from '../encoding/der-decode.ts';
import {
  element,
  enumerated,
  explicit,
  oid,
  sequence,
  smallInteger,
  time,
  unsignedInteger,
} from '../encoding/der-encode.ts';
import { OID } from '../encoding/oids.ts';
import type { IssuerNames } from './tls-certificate.ts';
import { authorityKeyIdentifier, extension, type SignatureAlgorithm, signed } from './x509.ts';

/** Reasons of RFC 5280 section 5.3.1 that are said. Of a machine's certificate none is: it is nobody's business outside. */
const REASONS = { cACompromise: 2 } as const;

export interface RevokedCertificate {
  /** 1 to 20 unsigned bytes. */
  readonly serialNumber: Uint8Array;
  readonly revoked: Date;
  readonly reason?: keyof typeof REASONS;
}

export interface CrlContents {
  /** Its key signs the list. */
  readonly issuer: IssuerNames;
  /** Greater than that of every list before: positive, and six bytes long at most. */
  readonly number: number;
  readonly thisUpdate: Date;
  /** From then on relying parties believe the list no more, and without a list nobody. */
  readonly nextUpdate: Date;
  readonly revoked: readonly RevokedCertificate[];
}

/**
 * Makes a list, DER. It has no issuingDistributionPoint: it is complete, direct, and of one authority. `sign` gives the
 * DER of an ECDSA signature with the algorithm's hash.
 */
export async function makeCrl(
  contents: CrlContents,
  algorithm: SignatureAlgorithm,
  sign: (toBeSigned: Uint8Array) => Uint8Array | Promise<Uint8Array>,
): Promise<Uint8Array> {
  const tbs = toBeSigned(contents, algorithm);
  return signed(tbs, algorithm, await sign(tbs));
}

function toBeSigned(
  { issuer, number, thisUpdate, nextUpdate, revoked }: CrlContents,
  algorithm: SignatureAlgorithm,
): Uint8Array {
  return sequence(
    smallInteger(1),
    sequence(oid(OID[algorithm])),
    issuer.subject,
    time(thisUpdate),
    time(nextUpdate),
    // Nothing at all where nothing is revoked (section 5.1.2.6). Too many for arguments of a call.
    ...(revoked.length === 0 ? [] : [element(TAG.sequence, Buffer.concat(revoked.map(entry)))]),
    explicit(
      0,
      sequence(
        authorityKeyIdentifier(issuer.publicKeyInfo),
        extension(OID.crlNumber, false, unsignedInteger(sixBytes(number))),
      ),
    ),
  );
}

const entry = ({ serialNumber, revoked, reason }: RevokedCertificate): Uint8Array =>
  sequence(
    unsignedInteger(serialNumber),
    time(revoked),
    ...(reason === undefined
      ? []
      : [sequence(extension(OID.reasonCode, false, enumerated(REASONS[reason])))]),
  );

function sixBytes(number: number): Uint8Array {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(number, 0, 6);
  return bytes;
}
