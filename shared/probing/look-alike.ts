/**
 * Evidence that is right in all but one thing: nobody at Microsoft signed it. The chain has the names of a genuine one, up
 * to the very name of a pinned root; the document is of Azure's shape.
 */
import {
  generateKeyPair,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto';
import { promisify } from 'node:util';
import { randomSerialNumber } from '../authority/tls-certificate.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  commonName,
  dnsAlternativeNames,
  extendedKeyUsage,
  keyUsage,
  publicKeyInfo,
  signed,
  subjectKeyIdentifier,
  toBeSigned,
} from '../authority/x509.ts';
import { encodeBase64 } from '../encoding/base64.ts';
import { parseCertificate } from '../encoding/certificate.ts';
import { OID } from '../encoding/oids.ts';
import { encodeSignedData, encodeSignerInfo } from '../encoding/signed-data-encode.ts';

/** What it is made to look like. */
export interface Original {
  /** DER of a pinned root. */
  readonly root: Uint8Array;
  /** A name that signs attested documents. */
  readonly domain: string;
}

export interface LookAlike {
  /** Base64 of the issuing certificates, the root that nobody pinned among them. */
  readonly intermediates: readonly string[];
  /** Base64 of an attested document with this nonce. */
  document(nonce: string): string;
}

const DAY_MS = 24 * 3600 * 1000;
const LIFE_MS = 6 * 3600 * 1000;

export async function createLookAlike({ root, domain }: Original, at: Date): Promise<LookAlike> {
  const rootAuthority = newAuthority(parseCertificate(root).subject);
  const issuing = newAuthority(commonName('Microsoft Azure RSA TLS Issuing CA 04'));
  const rootCertificate = certify(rootAuthority, rootAuthority, at, [
    basicConstraints({ pathLength: 1 }),
    keyUsage('keyCertSign', 'crlSign'),
  ]);
  const issuingCertificate = certify(issuing, rootAuthority, at, [
    basicConstraints({ pathLength: 0 }),
    keyUsage('digitalSignature', 'keyCertSign', 'crlSign'),
    extendedKeyUsage(OID.serverAuth),
  ]);
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
  });
  const leaf = certify({ name: commonName(domain), publicKey }, issuing, at, [
    basicConstraints(),
    keyUsage('digitalSignature'),
    extendedKeyUsage(OID.serverAuth),
    dnsAlternativeNames([`westeurope.${domain}`, domain]),
  ]);
  const { serialNumber } = parseCertificate(leaf);
  const machine = { vmId: randomUUID(), subscriptionId: randomUUID() };
  return {
    intermediates: [issuingCertificate, rootCertificate].map(encodeBase64),
    document(nonce) {
      const content = Buffer.from(contentOf(machine, nonce, at));
      const signer = encodeSignerInfo({
        issuer: issuing.name,
        serialNumber,
        digestAlgorithm: OID.sha256WithRSAEncryption,
        signature: sign('sha256', content, privateKey),
      });
      return encodeBase64(
        encodeSignedData({
          digestAlgorithms: [OID.sha256WithRSAEncryption],
          content,
          certificates: [leaf],
          signers: [signer],
        }),
      );
    },
  };
}

interface Holder {
  /** DER. */
  readonly name: Uint8Array;
  readonly publicKey: KeyObject;
}

interface Authority extends Holder {
  readonly privateKey: KeyObject;
}

const newAuthority = (name: Uint8Array): Authority => ({
  name,
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }),
});

function certify(
  { name, publicKey }: Holder,
  by: Authority,
  at: Date,
  extensions: readonly Uint8Array[],
): Uint8Array {
  const key = publicKeyInfo(publicKey);
  const contents = toBeSigned({
    serialNumber: randomSerialNumber(),
    signatureAlgorithm: 'ecdsaWithSHA256',
    issuer: by.name,
    subject: name,
    notBefore: new Date(at.getTime() - 30 * DAY_MS),
    notAfter: new Date(at.getTime() + 30 * DAY_MS),
    publicKeyInfo: key,
    extensions: [
      ...extensions,
      subjectKeyIdentifier(key),
      authorityKeyIdentifier(publicKeyInfo(by.publicKey)),
    ],
  });
  return signed(contents, 'ecdsaWithSHA256', sign('sha256', contents, by.privateKey));
}

const contentOf = (
  { vmId, subscriptionId }: { readonly vmId: string; readonly subscriptionId: string },
  nonce: string,
  at: Date,
): string =>
  JSON.stringify({
    licenseType: '',
    nonce,
    plan: { name: '', product: '', publisher: '' },
    sku: '',
    subscriptionId,
    timeStamp: {
      createdOn: timeText(at),
      expiresOn: timeText(new Date(at.getTime() + LIFE_MS)),
    },
    vmId,
  });

/** `07/28/26 13:24:00 -0000` */
function timeText(at: Date): string {
  const [date = '', clock = ''] = at.toISOString().slice(0, 19).split('T');
  const [year = '', month, day] = date.split('-');
  return `${month}/${day}/${year.slice(2)} ${clock} -0000`;
}
