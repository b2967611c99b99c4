/**
 * PKCS#7 signed data in the one shape that Azure's attested documents have (17 of 17 genuine ones): definite DER,
 * one certificate, one signer, no attributes, SHA-256 with RSA. Anything else is refused (rules 1, 2 and 15).
 */
import { type Certificate, parseCertificate, sameBytes } from './certificate.ts';
import {
  contextTag,
  DerError,
  DerReader,
  decodeDer,
  decodeOid,
  decodeSmallInteger,
  TAG,
} from './der-decode.ts';
import { OID } from './oids.ts';

export interface SignedData {
  /** The bytes that are signed. */
  readonly content: Uint8Array;
  /** The signer's certificate, the one that the signer information names. */
  readonly signer: Certificate;
  readonly signature: Uint8Array;
}

/** Reads signed data and finds its signer. Verifies nothing. `parse` reads its certificate. Throws `DerError`. */
export function parseSignedData(
  der: Uint8Array,
  parse: (der: Uint8Array) => Certificate = parseCertificate,
): SignedData {
  const contentInfo = new DerReader(decodeDer(der, TAG.sequence).content);
  expectOid(contentInfo, OID.pkcs7SignedData);
  const wrapper = contentInfo.enter(contextTag(0));
  contentInfo.end();
  const signedData = wrapper.enter(TAG.sequence);
  wrapper.end();

  expectVersion1(signedData);
  const digests = signedData.enter(TAG.set);
  expectDigest(digests);
  digests.end();
  const content = parseContent(signedData.enter(TAG.sequence));
  const certificates = signedData.enter(contextTag(0));
  const certificate = parse(certificates.read(TAG.sequence).bytes);
  certificates.end();
  const signerInfos = signedData.enter(TAG.set);
  signedData.end();
  const { issuer, serialNumber, signature } = parseSignerInfo(signerInfos.enter(TAG.sequence));
  signerInfos.end();

  if (
    !sameBytes(issuer, certificate.issuer) ||
    !sameBytes(serialNumber, certificate.serialNumber)
  ) {
    throw new DerError('the signer is not the certificate that comes along');
  }
  return { content, signer: certificate, signature };
}

function parseContent(encapsulated: DerReader): Uint8Array {
  expectOid(encapsulated, OID.pkcs7Data);
  const wrapper = encapsulated.enter(contextTag(0));
  encapsulated.end();
  const { content } = wrapper.read(TAG.octetString);
  wrapper.end();
  return content;
}

function parseSignerInfo(info: DerReader): {
  issuer: Uint8Array;
  serialNumber: Uint8Array;
  signature: Uint8Array;
} {
  expectVersion1(info);
  const issuerAndSerial = info.enter(TAG.sequence);
  const issuer = issuerAndSerial.read(TAG.sequence).bytes;
  const serialNumber = issuerAndSerial.read(TAG.integer).content;
  issuerAndSerial.end();
  expectDigest(info);
  const algorithm = info.enter(TAG.sequence);
  if (decodeOid(algorithm.read(TAG.oid)) !== OID.rsaEncryption)
    throw new DerError('algorithm is not accepted');
  expectNull(algorithm);
  const signature = info.read(TAG.octetString).content;
  info.end();
  return { issuer, serialNumber, signature };
}

function expectVersion1(reader: DerReader): void {
  if (decodeSmallInteger(reader.read(TAG.integer)) !== 1) throw new DerError('expected version 1');
}

function expectOid(reader: DerReader, expected: string): void {
  if (decodeOid(reader.read(TAG.oid)) !== expected) throw new DerError(`expected ${expected}`);
}

/**
 * SHA-256. Azure names the signature's algorithm where the standard wants the digest's, whose parameters are absent or
 * NULL (RFC 5754 section 2).
 */
function expectDigest(digest: DerReader): void {
  const algorithm = digest.enter(TAG.sequence);
  const name = decodeOid(algorithm.read(TAG.oid));
  if (name !== OID.sha256 && name !== OID.sha256WithRSAEncryption)
    throw new DerError('algorithm is not accepted');
  if (name === OID.sha256 && algorithm.done) return;
  expectNull(algorithm);
}

function expectNull(algorithm: DerReader): void {
  if (algorithm.read(TAG.null).content.length > 0)
    throw new DerError('unexpected algorithm parameters');
  algorithm.end();
}
