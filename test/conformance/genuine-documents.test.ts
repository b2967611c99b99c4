/**
 * Conformance: documents that Azure signed, and others that it did not (row D1). The samples name other people's
 * machines, so they lie beside the repository (see test/beside.ts).
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type AttestedDocumentChecks,
  verifyAttestedDocument,
} from '../../shared/attestation/azure/attested-document.ts';
import { buildCertificatePath } from '../../shared/attestation/azure/certificate-path.ts';
import { azureTrustAnchors } from '../../shared/attestation/azure/trust-anchors.ts';
import { parseCertificate } from '../../shared/encoding/certificate.ts';
import { decodePem } from '../../shared/encoding/pem.ts';
import { parseSignedData } from '../../shared/encoding/signed-data.ts';
import type { DenialReason } from '../../shared/protocol/denial-reason.ts';
import { beside } from '../beside.ts';

const { here, folder: ATTESTED, names: files } = beside('samples/attested/');

const read = (name: string): Uint8Array =>
  Buffer.from(readFileSync(new URL(name, ATTESTED), 'utf8'), 'base64');

/** What a document says, from the file beside it; that of the trimmed one lies beside the untrimmed one. */
const contentOf = (name: string): { vmId: string; createdOn: Date } => {
  const file = name.replace('-trimmed', '').replace('.b64', '.content.json');
  const { vmId, timeStamp } = JSON.parse(readFileSync(new URL(file, ATTESTED), 'utf8'));
  const [, month, day, year, clock] =
    /^(\d\d)\/(\d\d)\/(\d\d) (\S+)/.exec(timeStamp.createdOn) ?? [];
  return { vmId, createdOn: new Date(`20${year}-${month}-${day}T${clock}Z`) };
};

function certificatesIn(path: string): X509Certificate[] {
  const { folder, names } = beside(path);
  return names
    .filter((name) => name.endsWith('.pem'))
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .flatMap((pem) => decodePem('CERTIFICATE', pem) ?? [])
    .map((der) => new X509Certificate(der));
}

/** Every certificate of the samples and of the pinned roots, once. */
function knownCertificates(): X509Certificate[] {
  const all = ['samples/chains/', 'trust-anchors/'].flatMap(certificatesIn);
  return [...new Map(all.map((certificate) => [certificate.fingerprint256, certificate])).values()];
}

/** Every chain, by OpenSSL's own judgement, from a certificate to a self-signed one, all valid at this time. */
function chainsOf(
  child: X509Certificate,
  known: readonly X509Certificate[],
  at: Date,
): X509Certificate[][] {
  return known
    .filter(
      (issuer) =>
        issuer.fingerprint256 !== child.fingerprint256 &&
        at >= issuer.validFromDate &&
        at <= issuer.validToDate &&
        child.checkIssued(issuer) &&
        child.verify(issuer.publicKey),
    )
    .flatMap((issuer) =>
      issuer.subject === issuer.issuer
        ? [[issuer]]
        : chainsOf(issuer, known, at).map((rest) => [issuer, ...rest]),
    );
}

const commonName = ({ subject }: X509Certificate): string =>
  /CN=(.*)/.exec(subject)?.[1] ?? subject;

const known = here ? knownCertificates() : [];
const genuine = files
  .filter((name) => name.includes('_real_') && name.endsWith('.b64'))
  .map((name) => ({ name: name.slice(0, 10), der: read(name), ...contentOf(name) }));
const chains = genuine.flatMap((document) => {
  const leaf = new X509Certificate(parseSignedData(document.der).signer.der);
  return chainsOf(leaf, known, document.createdOn).map((chain) => ({
    ...document,
    chain: chain.map(({ raw }) => new Uint8Array(raw)),
    by: chain.map(commonName).join(' < '),
  }));
});

const azure = (
  at: Date,
  roots: readonly Uint8Array[],
  intermediates: readonly Uint8Array[],
): AttestedDocumentChecks => ({ at, roots, intermediates, domains: ['metadata.azure.com'] });

test.skipIf(!here)('D1 the samples are there, and every document has a chain', () => {
  expect(genuine.length).toBeGreaterThanOrEqual(10);
  expect(new Set(chains.map(({ name }) => name))).toEqual(new Set(genuine.map(({ name }) => name)));
});

describe.skipIf(!here)('D1 verifies a genuine document', () => {
  test.each(chains)('of $name by $by', ({ der, vmId, createdOn, chain }) => {
    const root = chain.slice(-1);
    const { path, ...said } = verifyAttestedDocument(
      der,
      azure(createdOn, root, chain.slice(0, -1)),
    );
    expect(said).toMatchObject({ vmId, createdOn });
    expect(path.slice(1).map((certificate) => certificate.der)).toEqual(chain);
  });

  /** The roots that Microsoft still uses, by the files beside the samples and not by the list under test. */
  const inUse = here ? certificatesIn('trust-anchors/') : [];
  const current = chains.filter(({ chain }) =>
    inUse.some(({ raw }) => Buffer.compare(raw, chain.at(-1) ?? raw) === 0),
  );

  test('by roots that are pinned, some of them by each of two', () => {
    const ends = new Set(current.map(({ by }) => by.split(' < ').at(-1)));
    expect([...ends]).toEqual(
      expect.arrayContaining([
        'DigiCert Global Root G2',
        'Microsoft RSA Root Certificate Authority 2017',
        'Microsoft TLS RSA Root G2',
      ]),
    );
  });

  test.each(current)('of $name by $by, with the pinned roots', ({ der, createdOn, chain }) => {
    const checks = azure(createdOn, azureTrustAnchors(), chain.slice(0, -1));
    expect(verifyAttestedDocument(der, checks).path[1]?.der).toEqual(chain[0]);
  });
});

describe.skipIf(!here)('D1 denies a genuine document', () => {
  const [newest] = chains.slice(-1);

  test.each(genuine)('of $name now that it has expired', ({ der, createdOn }) => {
    const later = new Date(createdOn.getTime() + 7 * 3600 * 1000);
    expect(reasonOf(der, azure(later, [], []))).toBe('document_times');
  });

  test('without its intermediates', () => {
    if (!newest) throw new Error('no document');
    const checks = azure(newest.createdOn, newest.chain.slice(-1), []);
    expect(reasonOf(newest.der, checks)).toBe('document_chain');
  });

  test('with its chain, where another root is pinned', () => {
    if (!newest) throw new Error('no document');
    const ends = chains.filter(({ name }) => name === newest.name).map(({ chain }) => chain.at(-1));
    const others = azureTrustAnchors().filter(
      (anchor) => !ends.some((end) => end && Buffer.compare(end, anchor) === 0),
    );
    expect(others.length).toBeGreaterThan(0);
    const checks = azure(newest.createdOn, others, newest.chain.slice(0, 1));
    expect(reasonOf(newest.der, checks)).toBe('document_chain');
  });

  test('in another cloud', () => {
    if (!newest) throw new Error('no document');
    const checks = azure(newest.createdOn, newest.chain.slice(-1), newest.chain.slice(0, -1));
    for (const domains of [['metadata.azure.us'], ['metadata.azure.cn'], ['azure.org']])
      expect(reasonOf(newest.der, { ...checks, domains })).toBe('document_name');
  });
});

const FORGED: readonly (readonly [file: string, reason: DenialReason])[] = [
  // One byte too many: the form is wrong before anything else is looked at.
  ['2019-12-13_NEG-tampered-content_', 'document_malformed'],
  ['2019-12-13_NEG-tampered-content-trimmed_', 'document_signature'],
  ['2019-12-13_NEG-tampered-signature_', 'document_signature'],
  // Its vmId is no GUID.
  ['2020-11-15_NEG-wrong-subject-selfsigned_', 'document_malformed'],
  ['2018-11-20_msdocs-selfsigned-example_', 'document_malformed'],
];

describe.skipIf(!here)('D1 denies a document that Azure did not sign:', () => {
  test.each(FORGED)('%s', (prefix, reason) => {
    const name = files.find((file) => file.startsWith(prefix) && file.endsWith('.b64')) ?? '';
    const { createdOn } = contentOf(name);
    const valid = known.filter((certificate) => createdOn <= certificate.validToDate);
    const roots = valid.filter(({ subject, issuer }) => subject === issuer);
    // The issuing certificates that signed genuine documents of the same day.
    const intermediates = chains
      .filter((chain) => chain.name === name.slice(0, 10))
      .map(({ chain }) => chain[0])
      .filter((der) => der !== undefined);
    const checks = azure(
      createdOn,
      roots.map(({ raw }) => raw),
      intermediates,
    );
    expect(reasonOf(read(name), checks)).toBe(reason);
  });

  test('every one of them is tried', () => {
    const forged = files.filter((name) => name.endsWith('.b64') && !name.includes('_real_'));
    expect(forged).toHaveLength(FORGED.length);
  });

  test('name and chain of the self-signed one would fail too', () => {
    const file = files.find((name) => name.includes('wrong-subject')) ?? '';
    const { signer } = parseSignedData(read(file));
    const roots = known
      .filter(({ subject, issuer }) => subject === issuer)
      .map(({ raw }) => parseCertificate(raw));
    const options = { roots, intermediates: [], at: contentOf(file).createdOn };
    expect(buildCertificatePath(signer, options).ok).toBe(false);
    expect(signer.extensions.dnsNames.join()).not.toContain('azure.com');
  });
});

/** Why a document is denied; `undefined` if it is not. */
function reasonOf(der: Uint8Array, checks: AttestedDocumentChecks): DenialReason | undefined {
  try {
    verifyAttestedDocument(der, checks);
    return undefined;
  } catch (error) {
    return (error as { reason?: DenialReason }).reason;
  }
}
