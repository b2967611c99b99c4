/**
 * The certificates between an attested document's signer and Microsoft's roots. The document carries the signer's
 * only; each certificate says where its issuer's can be downloaded (authorityInfoAccess, RFC 5280 section 4.2.2.1).
 */
import { X509Certificate } from 'node:crypto';
import {
  type Certificate,
  parseCertificate,
  publicKeyOf,
  sameBytes,
} from '../shared/encoding/certificate.ts';
import { DerError } from '../shared/encoding/der-decode.ts';
import { decodeSinglePem } from '../shared/encoding/pem.ts';
import { certificateMirror } from './addresses.ts';
import { type CertificateCache, openCertificateCache } from './certificate-cache.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { NoAnswer } from './http.ts';
import { knownIssuers } from './known-issuers.ts';
import type { Log } from './log.ts';
import { printable } from './printable.ts';
import { type Backoff, retrying } from './retry.ts';
import type { Storage } from './settings.ts';

const MOST = 6;
const TIMEOUT_MS = 10_000;
const MOST_BYTES = 16 * 1024;

/** Where Azure's certificates may be downloaded: nothing else that a certificate names is asked (rule 7). */
const ADDRESSES = [
  'www.microsoft.com/pkiops/certs/',
  'caissuers.microsoft.com/pkiops/certs/',
  'cacerts.digicert.com/',
  'cacerts.digicert.cn/',
  'cacerts.geotrust.com/',
] as const;

/** A web server or a firewall that is busy for a moment must not cost a join. */
const PATIENT: Backoff = { tries: 4, firstMs: 2000, mostMs: 8000 };

export interface Downloads {
  /** A mirror to take files from, by their names alone, instead of the addresses in the certificates. */
  readonly mirror?: string | undefined;
  readonly cache: CertificateCache;
}

/** With a mirror where a simulated VM names one; what is downloaded is kept in the storage directory. */
export async function openDownloads(
  storage: Storage,
  env: Readonly<Record<string, string | undefined>>,
  log: Log,
): Promise<Downloads> {
  const mirror = env['JOINBOT_PKI_URL'];
  const directory = storage.type === 'directory' ? storage.path : undefined;
  return {
    mirror: mirror ? certificateMirror(mirror) : undefined,
    cache: await openCertificateCache(directory, log),
  };
}

/** The issuers of this certificate, nearest first, without the root. */
export async function issuingCertificates(
  signer: Certificate,
  downloads: Downloads,
  effects: Pick<Effects, 'clock' | 'random' | 'web' | 'log' | 'stop'>,
): Promise<Certificate[]> {
  const known = knownIssuerOf(signer, effects.clock.now());
  // What signed a known one is a root of every broker.
  if (known) return [known];
  const chain: Certificate[] = [];
  for (let child = signer; chain.length < MOST; ) {
    if (child.extensions.issuerUrls.length === 0) break;
    let issuer: Certificate;
    try {
      const download = () => issuerOf(child, downloads, effects);
      // What lies further up is worth no wait, and an address that isn't asked will not do better.
      const mayPass = () => chain.length === 0 && hasAddress(child, downloads);
      issuer = await retrying(effects, PATIENT, mayPass, download);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'certificate_download') throw error;
      if (chain.length === 0) throw error;
      // What lies further up may be a root that the broker has anyway.
      effects.log.warn(`${error.message}; joining without it`);
      break;
    }
    if (sameBytes(issuer.issuer, issuer.subject)) break;
    chain.push(issuer);
    child = issuer;
  }
  return chain;
}

function knownIssuerOf(child: Certificate, now: Date): Certificate | undefined {
  for (const der of knownIssuers()) {
    const issuer = readIssuer(der, child, now);
    if (typeof issuer !== 'string') return issuer;
  }
  return undefined;
}

const hasAddress = ({ extensions }: Certificate, { mirror }: Downloads): boolean =>
  extensions.issuerUrls.some((listed) => mirror !== undefined || acceptable(listed) !== undefined);

/** Tries every address that the certificate lists. Throws no other `Failure` than `certificate_download`. */
async function issuerOf(
  child: Certificate,
  { mirror, cache }: Downloads,
  { clock, web, stop }: Pick<Effects, 'clock' | 'web' | 'stop'>,
): Promise<Certificate> {
  const problems: string[] = [];
  for (const listed of child.extensions.issuerUrls) {
    const cached = readIssuer(cache.get(listed), child, clock.now());
    if (typeof cached !== 'string') return cached;
    const url = mirror === undefined ? acceptable(listed) : mirrored(listed, mirror);
    if (url === undefined) {
      problems.push(
        `${printable(listed)} is not an address of Microsoft's or DigiCert's certificates`,
      );
      continue;
    }
    try {
      const request = { method: 'GET', url, timeoutMs: TIMEOUT_MS, mostBytes: MOST_BYTES } as const;
      const answer = await web({ ...request, stop });
      const issuer =
        answer.status === 200
          ? readIssuer(derOf(answer.body), child, clock.now())
          : `status ${answer.status}`;
      if (typeof issuer !== 'string') {
        await cache.put(listed, issuer.der);
        return issuer;
      }
      problems.push(`${url}: ${issuer}`);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      problems.push(`${url}: ${error.message}`);
    }
  }
  const message = `fetching the intermediate certificate failed: ${problems.join('; ')}. The network must allow this machine to reach http://www.microsoft.com/pkiops/certs/ and everything below it`;
  throw new Failure('certificate_download', message);
}

function acceptable(listed: string): string | undefined {
  if (!URL.canParse(listed)) return undefined;
  const url = new URL(listed);
  const plain = url.username === '' && url.password === '' && url.search === '';
  const http = url.protocol === 'http:' || url.protocol === 'https:';
  // A port would be a part of the host.
  const known = ADDRESSES.some((address) => `${url.host}${url.pathname}`.startsWith(address));
  return plain && http && known ? url.href : undefined;
}

function mirrored(listed: string, mirror: string): string | undefined {
  const file = /\/([^/?#]+)$/.exec(listed)?.[1];
  return file === undefined ? undefined : `${mirror.replace(/\/$/, '')}/${file}`;
}

/** The answer is DER, or PEM from some of the servers. */
function derOf(body: Uint8Array): Uint8Array | undefined {
  const isDer = body[0] === 0x30;
  return isDer ? body : decodeSinglePem('CERTIFICATE', Buffer.from(body).toString('latin1'));
}

/** The issuer's certificate, or what is wrong with these bytes. */
function readIssuer(
  der: Uint8Array | undefined,
  child: Certificate,
  now: Date,
): Certificate | string {
  if (!der) return 'not a certificate';
  try {
    const issuer = parseCertificate(der);
    if (!sameBytes(issuer.subject, child.issuer)) return 'the certificate of somebody else';
    if (!new X509Certificate(child.der).verify(publicKeyOf(issuer).key))
      return 'another key signed';
    return now > issuer.notAfter ? 'the certificate has expired' : issuer;
  } catch (error) {
    if (error instanceof DerError) return `not a certificate (${error.message})`;
    throw error;
  }
}
