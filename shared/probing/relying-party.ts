/** The trust bundle as a relying party reads it: signed under a root that is known, of this cluster, not expired. */
import { X509Certificate } from 'node:crypto';
import { decodeProtectedHeader, flattenedVerify } from 'jose';
import { caPin } from '../authority/trust-bundle.ts';
import { publicKeyInfo } from '../authority/x509.ts';
import { decodePem } from '../encoding/pem.ts';
import { parseWith, sentenceOf } from '../protocol/schema.ts';
import { type TrustBundle, trustBundle, trustPayload } from '../protocol/trust.ts';
import { failed } from './finding.ts';

export interface Expected {
  readonly cluster: string;
  /** The pins that relying parties may hold. */
  readonly pins: readonly string[];
  readonly at: Date;
}

/** Throws a `Finding` where a relying party would refuse the bundle. */
export async function checkTrustBundle(value: unknown, expected: Expected): Promise<TrustBundle> {
  const parsed = parseWith(trustBundle, value);
  if (!parsed.ok) throw refused(sentenceOf(parsed.problem));
  const bundle = parsed.value;
  const chain = await verifySignature(bundle);
  checkChain(chain, expected.at);

  const root = chain.at(-1);
  const pin = root && pinOf(root);
  if (pin === undefined || !expected.pins.includes(pin))
    throw refused(`it is signed under ${pin}, which is none of ${expected.pins.join(', ')}`);
  const roots = (decodePem('CERTIFICATE', bundle.tls.roots) ?? []).map(
    (der) => new X509Certificate(der),
  );
  if (roots.map(pinOf).join() !== bundle.ca_pins.join())
    throw refused('its pins are not its roots');
  if (!bundle.ca_pins.includes(pin)) throw refused('the root that signs it is none of its own');
  if (bundle.cluster !== expected.cluster) throw refused(`it is of cluster ${bundle.cluster}`);
  if (new Date(bundle.expires) <= expected.at) throw refused(`it expired at ${bundle.expires}`);
  return bundle;
}

/** The certificates of its signature, the signer first. */
async function verifySignature(bundle: TrustBundle): Promise<readonly X509Certificate[]> {
  const [header = '', , signature = ''] = bundle.signature.split('.');
  try {
    const { x5c = [] } = decodeProtectedHeader({ protected: header });
    const chain = x5c.map((text) => new X509Certificate(Buffer.from(text, 'base64')));
    const [signer] = chain;
    if (!signer) throw refused('its signature has no certificates');
    const payload = Buffer.from(trustPayload(bundle)).toString('base64url');
    await flattenedVerify({ protected: header, payload, signature }, signer.publicKey, {
      algorithms: ['ES256'],
    });
    return chain;
  } catch (error) {
    throw refused(String(error));
  }
}

function checkChain(chain: readonly X509Certificate[], at: Date): void {
  for (const [i, certificate] of chain.entries()) {
    const issuer = chain[i + 1] ?? certificate;
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey))
      throw refused(`certificate ${i} of its signature is not signed by the next`);
    if (!certificate.ca) throw refused(`certificate ${i} of its signature is no authority's`);
    if (certificate.validFromDate > at || certificate.validToDate <= at)
      throw refused(`certificate ${i} of its signature is not valid now`);
  }
}

const pinOf = ({ publicKey }: X509Certificate): string => caPin(publicKeyInfo(publicKey));

const refused = (why: string) => failed(`a relying party refuses the trust bundle: ${why}`);
