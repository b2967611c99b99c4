/**
 * Azure's attested document: what IMDS signs to say which VM asked, and when. Rests on the shape of 17 genuine ones and
 * on https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#attested-data.
 */
import { verify } from 'node:crypto';
import * as z from 'zod/mini';
import {
  type Certificate,
  parseCertificate,
  publicKeyOf,
  sameBytes,
} from '../../encoding/certificate.ts';
import { DerError } from '../../encoding/der-decode.ts';
import { isStrong } from '../../encoding/public-key-info.ts';
import { parseSignedData, type SignedData } from '../../encoding/signed-data.ts';
import { onceForEach } from '../../first-use.ts';
import { STRANGERS } from '../../protocol/json.ts';
import { parseJsonWith } from '../../protocol/schema.ts';
import { guid, parseTimestamp } from '../../protocol/values.ts';
import { denied, Refusal } from '../../refusal.ts';
import { buildCertificatePath } from './certificate-path.ts';
import type { KnownCertificates } from './known-certificates.ts';

export interface AttestedDocumentChecks {
  /** DER of the pinned roots. */
  readonly roots: readonly Uint8Array[];
  /** Roots that operators added: they count where no path leads to a pinned one. */
  readonly added?: readonly Certificate[];
  /** Certificates that a path avoids where it can. */
  readonly isAvoided?: ((certificate: Certificate) => boolean) | undefined;
  /** DER of the issuing certificates that came along; at most six. */
  readonly intermediates: readonly Uint8Array[];
  /** The cloud's names: the signer's certificate is for one of them, or for a name below one (rule 3). */
  readonly domains: readonly string[];
  readonly at: Date;
  /** Certificates of earlier documents, so that they need not be checked again in full. */
  readonly known?: KnownCertificates | undefined;
  /** The nonce that it must carry, compared exactly. */
  readonly nonce?: string;
  /** Is told what the document says before any signature is checked, and throws where it need not be. */
  readonly onClaims?: (claims: ClaimedVm) => void;
}

/** What a document says, true or not. */
export type ClaimedVm = Pick<AttestedMachine, 'vmId' | 'subscriptionId'>;

/** What a verified document says. */
export interface AttestedMachine {
  /** GUID in lower case. */
  readonly vmId: string;
  /** GUID in lower case; documents of 2019 lack it. */
  readonly subscriptionId: string | undefined;
  readonly nonce: string;
  readonly createdOn: Date;
  readonly expiresOn: Date;
  /** From the signer's certificate to the root. */
  readonly path: readonly Certificate[];
}

/** How far the signer's clock and ours may be apart, both ways (rule 5). */
export const CLOCK_SKEW_SECONDS = 60;

/** How long after its making a document is good for a join, give or take the skew. */
export const DOCUMENT_SECONDS = 300;

const content = z.object({
  nonce: z.string().check(z.maxLength(64)),
  vmId: guid,
  subscriptionId: z.optional(guid),
  timeStamp: z.object({ createdOn: z.string(), expiresOn: z.string() }),
});

/** Verifies a document, cheapest checks first. Throws a `Refusal` with reason `document_…`. */
export function verifyAttestedDocument(
  der: Uint8Array,
  checks: AttestedDocumentChecks,
): AttestedMachine {
  const signedData = parse(der, checks.known);
  const said = parseContent(signedData.content);
  if (checks.nonce !== undefined && said.nonce !== checks.nonce) {
    throw denied('document_nonce', 'the document was not made for this request');
  }
  checkTimes(said, checks);
  if (!signedData.signer.extensions.dnsNames.some((name) => isWithin(name, checks.domains))) {
    throw denied('document_name', `the document's signer is not ${checks.domains.join(' or ')}`);
  }
  checks.onClaims?.(said);
  const path = verifyPath(signedData.signer, checks);
  // After the chain: a stranger's document costs one signature, that of the forged certificate.
  checkSignature(signedData);
  checks.known?.remember(path);
  return { ...said, path };
}

function parse(der: Uint8Array, known: KnownCertificates | undefined): SignedData {
  try {
    return parseSignedData(der, known?.parse);
  } catch (error) {
    if (error instanceof DerError) throw malformed(error.message);
    throw error;
  }
}

type Said = Omit<AttestedMachine, 'path'>;

function parseContent(bytes: Uint8Array): Said {
  const parsed = parseJsonWith(content, Buffer.from(bytes).toString('utf8'), STRANGERS);
  if (!parsed.ok)
    throw malformed(`its content's ${parsed.problem.field || 'text'} is not as expected`);
  const { nonce, vmId, subscriptionId, timeStamp } = parsed.value;
  const createdOn = parseTime(timeStamp.createdOn);
  const expiresOn = parseTime(timeStamp.expiresOn);
  return { nonce, vmId, subscriptionId, createdOn, expiresOn };
}

const TIME = /^(?<month>\d\d)\/(?<day>\d\d)\/(?<year>\d\d) (?<clock>\d\d:\d\d:\d\d) -0000$/;

/** `07/28/26 13:24:00 -0000`: month, day, year of this century, UTC. */
function parseTime(text: string): Date {
  const found = TIME.exec(text)?.groups;
  const day = found && `20${found['year']}-${found['month']}-${found['day']}`;
  const time = found && parseTimestamp(`${day}T${found['clock']}Z`);
  if (!time) throw malformed('its times are no times');
  return time;
}

function checkTimes({ createdOn, expiresOn }: Said, { at }: AttestedDocumentChecks): void {
  const skew = CLOCK_SKEW_SECONDS * 1000;
  const problem =
    expiresOn <= createdOn
      ? 'expires before it was created'
      : createdOn.getTime() > at.getTime() + skew
        ? 'was created in the future'
        : expiresOn.getTime() < at.getTime() - skew
          ? 'has expired'
          : createdOn.getTime() < at.getTime() - DOCUMENT_SECONDS * 1000 - skew
            ? 'is older than five minutes'
            : undefined;
  if (problem) throw denied('document_times', `the document ${problem}`);
}

/** RSA with SHA-256 over the content itself: the shape has no signed attributes. */
function checkSignature({ content, signer, signature }: SignedData): void {
  let valid = false;
  try {
    const { info, key } = publicKeyOf(signer);
    valid = info.kind === 'rsa' && isStrong(info) && verify('sha256', content, key, signature);
  } catch {
    // The signer's key is none that OpenSSL reads.
  }
  if (!valid)
    throw denied('document_signature', "the document's signature does not match its content");
}

function verifyPath(
  signer: Certificate,
  { roots, added, isAvoided, intermediates, at, known }: AttestedDocumentChecks,
): readonly Certificate[] {
  const found = buildCertificatePath(signer, {
    at,
    roots: roots.map(pinnedRoot),
    ...(added && { added }),
    isAvoided,
    intermediates: intermediates.map((der) => suppliedCertificate(der, known)),
    ...(known && { isKnownSignature: known.isSignedBy }),
  });
  if (!found.ok) {
    const { problem, leadsNowhere: newerMayHelp } = found;
    const message = `the document's signer is not trusted: ${problem}`;
    throw new Refusal('access_denied', message, { reason: 'document_chain', newerMayHelp });
  }
  return found.path;
}

/** Whether a path ends in a pinned root, and not in one that an operator added. */
export function endsInPinned(path: readonly Certificate[], roots: readonly Uint8Array[]): boolean {
  const root = path.at(-1);
  return root !== undefined && roots.some((der) => sameBytes(der, root.der));
}

/** Pinned roots are the same few byte arrays every time: each is parsed once. */
const pinnedRoot = onceForEach(parseCertificate);

function suppliedCertificate(der: Uint8Array, known: KnownCertificates | undefined): Certificate {
  try {
    return known ? known.parse(der) : parseCertificate(der);
  } catch (error) {
    if (error instanceof DerError)
      throw denied('document_chain', `an intermediate can not be read: ${error.message}`);
    throw error;
  }
}

/** Labels of letters, digits and dashes, each of which begins and ends with one of the first two (RFC 1123 section 2.1). */
const HOST_NAME = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.(?!$)|$))+$/;

/** Exactly a domain, or a host's name below it, whatever the case (rule 3). Names in certificates are ASCII. */
function isWithin(name: string, domains: readonly string[]): boolean {
  const host = name.toLowerCase();
  if (!HOST_NAME.test(host)) return false;
  return domains.some((domain) => host === domain || host.endsWith(`.${domain}`));
}

const malformed = (what: string) =>
  denied('document_malformed', `the attested document can not be read: ${what}`);
