/** Conformance: attested documents of another form than Azure's (rows D2, D4, D7 and D10). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import type { DocumentOptions } from '../../local/azure/evidence/attested-document.ts';
import {
  garbage,
  hugeLength,
  nestedIndefiniteSequences,
  nestedSequences,
} from '../../local/azure/evidence/malformed-der.ts';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import type { DenialReason } from '../../shared/protocol/denial-reason.ts';
import type { AzureEvidence } from '../../shared/protocol/evidence.ts';
import { createScene, type Scene } from '../broker/fixtures.ts';
import { join, makeJoin } from '../broker/joiner.ts';

/** Joins with a bent document, and makes sure that nothing was asked or written because of it. */
async function joinWith(document: (scene: Scene) => DocumentOptions) {
  const scene = await createScene();
  scene.api.cloud.calls.clear();
  const attempt = await join(scene.api, scene.vm, { evidence: { document: document(scene) } });
  expect(scene.api.cloud.calls.all).toEqual([]);
  expect(await scene.api.tables.instances.list({})).toEqual([]);
  return { api: scene.api, attempt };
}

const OTHER_GUID = '00000000-0000-4000-8000-000000000009';
const content = (member: string, value: unknown) => (): DocumentOptions => ({
  content: { [member]: value },
});
const changed = (pattern: RegExp, by: string) => (): DocumentOptions => ({
  changedContent: (text) => text.replace(pattern, by),
});

describe('D2 denies a document', () => {
  const rows: readonly (readonly [
    name: string,
    document: () => DocumentOptions,
    reason: DenialReason,
  ])[] = [
    [
      'whose vmId was changed',
      changed(/"vmId":"[^"]+"/, `"vmId":"${OTHER_GUID}"`),
      'document_signature',
    ],
    [
      'whose content has a name twice',
      changed(/^\{/, `{"vmId":"${OTHER_GUID}",`),
      'document_malformed',
    ],
    ['whose sku was changed', changed(/"sku":""/, '"sku":"x"'), 'document_signature'],
    ['that got white space', changed(/$/, ' '), 'document_signature'],
    ['whose signature was changed', () => ({ changedSignature: true }), 'document_signature'],
    ['that is truncated by one byte', () => ({ truncatedBy: 1 }), 'document_malformed'],
    ['that is truncated to half', () => ({ truncatedBy: 1300 }), 'document_malformed'],
    ['that has a trailing byte', () => ({ trailingByte: true }), 'document_malformed'],
    ['without a vmId', content('vmId', null), 'document_malformed'],
    ['with a vmId that is no GUID', content('vmId', 'vm-a'), 'document_malformed'],
    ['without a subscription', content('subscriptionId', null), 'document_malformed'],
    ['with an empty subscription', content('subscriptionId', ''), 'document_malformed'],
    ['without times', content('timeStamp', null), 'document_malformed'],
    [
      'with times of another form',
      content('timeStamp', {
        createdOn: '2026-11-20T12:00:00Z',
        expiresOn: '2026-11-20T18:00:00Z',
      }),
      'document_malformed',
    ],
    [
      'with times in another zone',
      content('timeStamp', {
        createdOn: '11/20/26 12:00:00 +0100',
        expiresOn: '11/20/26 18:00:00 +0100',
      }),
      'document_malformed',
    ],
    [
      'with times that no calendar has',
      content('timeStamp', {
        createdOn: '02/30/26 12:00:00 -0000',
        expiresOn: '02/30/26 18:00:00 -0000',
      }),
      'document_malformed',
    ],
  ];

  test.each(rows)('%s', async (_, document, reason) => {
    const { api, attempt } = await joinWith(document);
    expect(attempt).toBeDenied(api, reason);
  });
});

const withSignature = (signature: string) => (body: Record<string, unknown>) => {
  const azure = body['azure'] as AzureEvidence;
  return { ...body, azure: { ...azure, attested_data: { ...azure.attested_data, signature } } };
};

describe('D2 refuses', () => {
  const FIELD = 'azure.attested_data.signature';
  test.each([
    ['a document that is not base64', 'not base64!'],
    ['a document in base64url', 'MIIC_-=='],
    ['a document in base64 with line feeds', 'MIIC\nMIIC'],
    ['a document in base64 without its padding', 'MIICMA'],
    ['a document in base64 with stray bits', 'MIICMB=='],
  ])('%s', async (_, signature) => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, { changedBody: withSignature(signature) });
    expect(attempt).toBeProblem('bad_request', FIELD);
  });

  test.each(['pkcs1', 'PKCS7', '', null])('encoding %j', async (encoding) => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, {
      changedBody: (body) => {
        const azure = body['azure'] as AzureEvidence;
        return {
          ...body,
          azure: { ...azure, attested_data: { ...azure.attested_data, encoding } },
        };
      },
    });
    expect(attempt).toBeProblem('bad_request', 'azure.attested_data.encoding');
  });
});

test('D2 denies an empty document', async () => {
  const { api, vm } = await createScene();
  const attempt = await join(api, vm, { changedBody: withSignature('') });
  expect(attempt).toBeDenied(api, 'document_malformed');
});

describe('D4 denies a document with', () => {
  const rows: readonly (readonly [name: string, document: (scene: Scene) => DocumentOptions])[] = [
    [
      "two signers, Azure's and a stranger's",
      ({ api }) => ({ secondSigner: api.cloud.signingChain({ root: 'unknown' }) }),
    ],
    [
      "two signers, a stranger's and Azure's",
      ({ api }) => ({
        chain: api.cloud.signingChain({ root: 'unknown' }),
        secondSigner: api.cloud.signingChain(),
      }),
    ],
    ['the same signer twice', ({ api }) => ({ secondSigner: api.cloud.signingChain() })],
    ['no signer', () => ({ noSigner: true })],
    [
      "two certificates: first Azure's, then the signer's",
      ({ api }) => ({
        chain: api.cloud.signingChain({ root: 'unknown' }),
        certificatesBefore: [api.cloud.signingChain().leaf('eastus').certificate],
      }),
    ],
    [
      "two certificates: first the signer's, then Azure's",
      ({ api }) => ({
        chain: api.cloud.signingChain({ root: 'unknown' }),
        certificatesAfter: [api.cloud.signingChain().leaf('eastus').certificate],
      }),
    ],
    [
      "Azure's signer and one more certificate",
      ({ api }) => ({
        certificatesAfter: [api.cloud.signingChain({ root: 'unknown' }).leaf('eastus').certificate],
      }),
    ],
    [
      "a stranger's certificate and signature, while the signer is named as Azure's",
      ({ api }) => ({
        chain: api.cloud.signingChain({ root: 'unknown' }),
        signerNamedAs: api.cloud.signingChain(),
      }),
    ],
  ];

  test.each(rows)('%s', async (_, document) => {
    const { api, attempt } = await joinWith(document);
    expect(attempt).toBeDenied(api, 'document_malformed');
  });

  test("a stranger's certificate with the issuer's name and serial number of Azure's", async () => {
    const { api, attempt } = await joinWith(({ api: { cloud } }) => {
      const { serialNumber } = cloud.signingChain().leaf('eastus');
      return { chain: cloud.signingChain({ root: 'look_alike', leaf: { serialNumber } }) };
    });
    expect(attempt).toBeDenied(api, 'document_chain');
  });
});

describe('D7 denies a document with', () => {
  test.each([
    ['digest algorithm MD5', { digest: 'md5' }],
    ['digest algorithm SHA-1', { digest: 'sha1' }],
    ['signed attributes', { signingTime: new Date('2026-11-20T12:00:00Z') }],
    [
      'signed attributes with a back-dated signing time',
      { signingTime: new Date('2025-01-01T00:00:00Z') },
    ],
  ] as const)('%s', async (_, document) => {
    const { api, attempt } = await joinWith(() => document);
    expect(attempt).toBeDenied(api, 'document_malformed');
  });
});

test("D7 admits a document that names SHA-256 by the standard's own identifier", async () => {
  const { api, vm } = await createScene();
  const evidence = { document: { digest: 'sha256' } } as const;
  expect(await join(api, vm, { evidence })).toBeAdmitted();
});

describe('D10 denies', () => {
  test('a document with indefinite lengths', async () => {
    const { api, attempt } = await joinWith(() => ({ indefiniteLengths: true }));
    expect(attempt).toBeDenied(api, 'document_malformed');
  });

  test.each([
    ['3,000 nested sequences', nestedSequences(3000)],
    ['nested sequences of indefinite length', nestedIndefiniteSequences(3000)],
    ['a length of 4 GiB', hugeLength()],
    ['a length of 126 bytes', hugeLength(126)],
    ['12,288 bytes of garbage', garbage(12_288)],
    ['12,288 zeros', new Uint8Array(12_288)],
    ['a lone tag', Buffer.of(0x30)],
    ['an empty sequence', Buffer.of(0x30, 0)],
  ])('%s', async (_, der) => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, { changedBody: withSignature(encodeBase64(der)) });
    expect(attempt).toBeDenied(api, 'document_malformed');
  });

  test.each([
    ['10,000 nested sequences', nestedSequences(10_000)],
    ['16 KiB of garbage', garbage(16_384)],
  ])('%s, which no document is as long as', async (_, der) => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, { changedBody: withSignature(encodeBase64(der)) });
    expect(attempt).toBeProblem('bad_request', 'azure.attested_data.signature');
  });

  test.each([
    ['100,000 nested sequences', nestedSequences(100_000)],
    ['64 KiB of garbage', garbage(65_536)],
  ])('%s, which no body is as long as', async (_, der) => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, { changedBody: withSignature(encodeBase64(der)) });
    expect(attempt).toBeProblem('too_large');
  });

  test.each([
    ['an intermediate that is garbage', garbage(1000), 'document_chain'],
    ['an intermediate of 500 nested sequences', nestedSequences(500), 'document_chain'],
  ] as const)('%s', async (_, der, reason) => {
    const { api, vm } = await createScene();
    const intermediates = [...vm.intermediates, der];
    expect(await join(api, vm, { evidence: { intermediates } })).toBeDenied(api, reason);
  });

  test('seven intermediates', async () => {
    const { api, vm } = await createScene();
    const intermediates = Array.from({ length: 7 }, () => vm.intermediates[0] ?? Buffer.of());
    const body = await makeJoin(api, vm, { evidence: { intermediates } });
    const attempt = await api.request('POST', '/v1/join', { body });
    expect(attempt).toBeProblem('bad_request', 'azure.intermediates');
  });
});
