/**
 * Has every authority sign something that is worth nothing: for a key that nobody holds, over before it began to be of use.
 * It never leaves the process.
 */
import { createHash, type KeyObject, verify, X509Certificate } from 'node:crypto';
import type { Authorities } from '../authority/authorities.ts';
import { issueSshUserCertificate, type SshIssuer } from '../authority/ssh-certificate.ts';
import { issueTlsCertificate, randomSerialNumber } from '../authority/tls-certificate.ts';
import { caPin, makeTrustBundle } from '../authority/trust-bundle.ts';
import { bitString, oid, sequence } from '../encoding/der-encode.ts';
import { OID } from '../encoding/oids.ts';
import {
  parseSshPublicKeyLine,
  type SshPublicKey,
  sshBlob,
  sshPublicKeyLine,
} from '../encoding/ssh-public-key.ts';
import { SshReader, sshString } from '../encoding/ssh-wire.ts';
import { failed } from './finding.ts';
import { checkTrustBundle } from './relying-party.ts';

/** Bytes that are no key pair's public half, as far as anybody knows. */
const NOBODYS_KEY = createHash('sha256').update('join-broker probe').digest();
const TLS_KEY = sequence(sequence(oid(OID.ed25519)), bitString(NOBODYS_KEY));
const SSH_KEY: SshPublicKey = { type: 'ssh-ed25519', fields: sshString(NOBODYS_KEY) };

const MINUTE_MS = 60_000;

const validity = (at: Date) => ({
  notBefore: new Date(at.getTime() - 2 * MINUTE_MS),
  notAfter: new Date(at.getTime() - MINUTE_MS),
});

/** A leaf of the issuing key, and a trust bundle, down to the root. */
export async function probeTlsAuthority(
  cluster: string,
  authorities: Authorities,
  at: Date,
): Promise<void> {
  const { issuing, roots } = authorities;
  const leaf = new X509Certificate(
    issueTlsCertificate(
      {
        serialNumber: randomSerialNumber(),
        commonName: 'join-broker-probe',
        uri: `spiffe://${cluster}/probe`,
        publicKeyInfo: TLS_KEY,
        ...validity(at),
      },
      issuing,
    ),
  );
  const issuer = new X509Certificate(issuing.certificate);
  if (!leaf.checkIssued(issuer) || !leaf.verify(issuer.publicKey))
    throw failed('a leaf does not verify with its issuing certificate');
  if (leaf.validToDate >= at) throw failed('a leaf that has expired has not');
  const bundle = makeTrustBundle(cluster, authorities, at);
  const pins = roots.map(({ publicKeyInfo }) => caPin(publicKeyInfo));
  await checkTrustBundle(bundle, { cluster, pins, at });
}

/** An SSH certificate. It is a user's, even of the authority for hosts, which nobody takes for users. */
export function probeSshAuthority(
  issuer: SshIssuer,
  trusted: readonly SshPublicKey[],
  at: Date,
): void {
  const { notBefore, notAfter } = validity(at);
  const line = issueSshUserCertificate(
    {
      serial: 0n,
      key: SSH_KEY,
      keyId: 'join-broker-probe',
      principals: ['join-broker-probe'],
      validAfter: notBefore,
      validBefore: notAfter,
    },
    issuer,
  );
  const { authority, signed, signature, validBefore } = readCertificate(line);
  const known = trusted.find((key) => authority.equals(sshBlob(key)));
  const key = known && parseSshPublicKeyLine(sshPublicKeyLine(known));
  if (!key) throw failed('the key that signs is not in the trust list');
  if (!verifies(signed, signature, key)) throw failed('a certificate does not verify');
  if (validBefore * 1000 >= at.getTime()) throw failed('a certificate that has expired has not');
}

/** The signature of an Ed25519 key is 64 bytes, that of a P-256 key two numbers (RFC 5656 section 3.1.2). */
function verifies(signed: Uint8Array, signature: Uint8Array, key: KeyObject): boolean {
  if (key.asymmetricKeyType === 'ed25519') return verify(null, signed, key, signature);
  const numbers = new SshReader(signature);
  const half = (): Buffer => {
    const number = Buffer.from(numbers.unsignedMpint());
    return Buffer.concat([Buffer.alloc(Math.max(0, 32 - number.length)), number]);
  };
  const sideBySide = Buffer.concat([half(), half()]);
  numbers.end();
  return verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, sideBySide);
}

/** What a relying party reads of a certificate (PROTOCOL.certkeys of OpenSSH). */
function readCertificate(line: string) {
  const blob = Buffer.from(line.split(' ')[1] ?? '', 'base64');
  const reader = new SshReader(blob);
  reader.text();
  reader.bytes();
  reader.bytes();
  reader.uint64();
  reader.uint32();
  reader.text();
  reader.bytes();
  reader.uint64();
  const validBefore = Number(reader.uint64());
  reader.bytes();
  reader.bytes();
  reader.bytes();
  const authority = Buffer.from(reader.bytes());
  const signatureBlob = reader.bytes();
  reader.end();
  const signature = new SshReader(signatureBlob);
  signature.text();
  return {
    authority,
    validBefore,
    signed: blob.subarray(0, blob.length - 4 - signatureBlob.length),
    signature: signature.bytes(),
  };
}
