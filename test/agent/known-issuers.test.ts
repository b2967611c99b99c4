/** Issuing certificates that come with the agent: they save a download for documents that Azure signs today. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { issuingCertificates } from '../../agent/issuing-certificates.ts';
import { knownIssuers } from '../../agent/known-issuers.ts';
import { createLog } from '../../agent/log.ts';
import { azureTrustAnchors } from '../../shared/attestation/azure/trust-anchors.ts';
import { parseSignedData } from '../../shared/encoding/signed-data.ts';
import { beside } from '../beside.ts';
import { createClock } from './clock.ts';

const certificates = knownIssuers().map((der) => new X509Certificate(der));
const roots = azureTrustAnchors().map((der) => new X509Certificate(der));

test.each(certificates.map((certificate) => [certificate.subject, certificate] as const))(
  '%s is an authority that a root of every broker signed',
  (_, certificate) => {
    expect(certificate.ca).toBe(true);
    const by = roots.filter((root) => certificate.verify(root.publicKey));
    expect(by.map((root) => certificate.checkIssued(root))).toEqual([true]);
  },
);

const { here, folder: ATTESTED, names } = beside('samples/attested/');
const recent = names.filter((name) => /^202(?:5-1|6-).*_real_.*\.b64$/.test(name));

describe.skipIf(!here)('genuine documents', () => {
  test('are there', () => expect(recent.length).toBeGreaterThan(1));

  test.each(recent)('%s needs no download', async (name) => {
    const text = readFileSync(new URL(name, ATTESTED), 'utf8');
    const { signer } = parseSignedData(Buffer.from(text, 'base64'));
    const clock = createClock(new Date(name.slice(0, 10)));
    const chain = await issuingCertificates(
      signer,
      { cache: { get: () => undefined, put: async () => undefined } },
      {
        clock,
        random: () => 0,
        log: createLog({ format: 'text', debug: true, write: () => undefined, now: clock.now }),
        stop: new AbortController().signal,
        web: () => Promise.reject(new Error('something was asked for')),
      },
    );
    expect(chain).toHaveLength(1);
  });
});
