import { expect, test } from 'vitest';
import { parseCertificate } from '../../../../shared/encoding/certificate.ts';
import { newCloud } from '../fixture.ts';

test.for(['ec', 'cross_signed'] as const)(
  'the addresses in the certificates of chain %s lead to their issuers, up to the root',
  async (kind) => {
    const cloud = newCloud({ chain: kind });
    const chain = cloud.signingChain();
    let current = chain.leaf('eastus').certificate;
    for (const issuer of chain.intermediates) {
      const { issuerUrls } = parseCertificate(current).extensions;
      expect(issuerUrls).toHaveLength(2);
      for (const url of issuerUrls) {
        const answer = await cloud.fetch(url);
        expect(answer.headers.get('content-type')).toBe('application/octet-stream');
        expect(Buffer.from(await answer.arrayBuffer())).toEqual(Buffer.from(issuer));
      }
      current = issuer;
    }
    const [top] = parseCertificate(current).extensions.issuerUrls;
    const root = await cloud.fetch(`${top}`);
    expect(Buffer.from(await root.arrayBuffer())).toEqual(Buffer.from(cloud.roots[0] ?? []));
  },
);

test("the cloud's own address serves the same files, and no others", async () => {
  const cloud = newCloud();
  const [issuing] = cloud.signingChain().intermediates;
  const file = encodeURIComponent('Simulated TLS G2 CA OCSP 02');
  const answer = await cloud.fetch(`${cloud.pki}/${file}.crt`);
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(Buffer.from(issuing ?? []));
  expect((await cloud.fetch(`${cloud.pki}/other.crt`)).status).toBe(404);
  expect((await cloud.fetch(`${cloud.pki}/%ff.crt`)).status).toBe(404);
});
