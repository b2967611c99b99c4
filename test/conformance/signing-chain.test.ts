/** Conformance: who may sign attested documents (rows D3, D5 and D6). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import type { ChainBends, ChainKind } from '../../local/azure/certificates/signing-chain.ts';
import { createCloud } from '../../local/azure/cloud.ts';
import { createScene } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';
import { createClock } from '../broker/test-broker.ts';
import { sharedRsaKeys } from '../shared-rsa-keys.ts';

async function joinBy(bends: ChainBends) {
  const { api, vm } = await createScene();
  const chain = api.cloud.signingChain(bends);
  api.cloud.calls.clear();
  const attempt = await join(api, vm, { evidence: { chain } });
  expect(api.cloud.calls.count('pki') + api.cloud.calls.count('elsewhere')).toBe(0);
  return { api, attempt };
}

const told = (problem: string) => ({
  detail: `the document's signer is not trusted: ${problem}`,
});

type Rows = readonly (readonly [name: string, bends: ChainBends])[];

const D3: Rows = [
  ["signed by itself, with Azure's names", { selfSigned: true }],
  ["up to a public root that is not one of Azure's", { root: 'unknown' }],
  ["up to a root with the very name of Azure's", { root: 'look_alike' }],
  ['up to six authorities that vouch for each other', { root: 'circle' }],
];

const WEAK = "an authority's key is too weak, or of a kind that is not accepted";
const SHA = 'a signature algorithm is not accepted';

/** With the check that says no. */
type Checks = readonly (readonly [name: string, bends: ChainBends, problem: string])[];

const D5: Checks = [
  ['for e-mail only', { issuing: { emailOnly: true } }, 'an authority may not sign for servers'],
  [
    'with name constraints',
    { issuing: { nameConstraints: true } },
    'a certificate has name constraints',
  ],
  [
    'with an unknown critical extension',
    { issuing: { unknownCriticalExtension: true } },
    'a certificate has an unknown critical extension',
  ],
  [
    'without keyCertSign',
    { issuing: { noKeyCertSign: true } },
    'an authority may not sign certificates',
  ],
  [
    'whose path length is exceeded',
    { issuing: { pathLengthExceeded: true } },
    "an authority's path length is exceeded",
  ],
  ['with RSA-16384', { issuing: { key: 'rsa_16384' } }, WEAK],
  ['with RSA exponent 3', { issuing: { key: 'rsa_exponent_3' } }, WEAK],
  ['signed with SHA-1', { issuing: { sha1: true } }, SHA],
];

const D6: Checks = [
  [
    'that has expired',
    { leaf: { expired: true } },
    "the signer's certificate is not valid at this time",
  ],
  [
    'that is not yet valid',
    { leaf: { notYetValid: true } },
    "the signer's certificate is not valid at this time",
  ],
  [
    'that is an authority',
    { leaf: { authority: true } },
    "the signer's certificate is that of an authority",
  ],
  [
    'for clients only',
    { leaf: { extendedKeyUsage: 'client_only' } },
    'the signer may not act as a server',
  ],
  [
    'for nothing in particular',
    { leaf: { extendedKeyUsage: 'absent' } },
    'the signer may not act as a server',
  ],
  ['signed with SHA-1', { leaf: { sha1: true } }, SHA],
  [
    'of an issuer without basic constraints',
    { issuing: { basicConstraints: 'absent' } },
    'an issuer is no authority',
  ],
  [
    'of an issuer whose basic constraints say no CA',
    { issuing: { basicConstraints: 'not_ca' } },
    'an issuer is no authority',
  ],
  [
    'of an issuer that has expired',
    { issuing: { expired: true } },
    'an authority is not valid at this time',
  ],
  [
    'of an issuer that is not yet valid',
    { issuing: { notYetValid: true } },
    'an authority is not valid at this time',
  ],
];

const D6_NAMES: readonly (readonly [name: string, dnsNames: readonly string[]])[] = [
  ['for a suffix without a dot', ['fakemetadata.azure.com']],
  ['for a prefix', ['metadata.azure.com.evil.example']],
  ['for a name with another dot', ['metadata-azure.com', 'metadata.azurexcom']],
  ['for a name with a dot behind it', ['metadata.azure.com.']],
  ['for a name without its first label', ['.metadata.azure.com']],
  ['for a name with an empty label', ['eastus..metadata.azure.com']],
  ['for a name with a wildcard', ['*.metadata.azure.com']],
  ['for the name only in the CN', []],
  ["for the name in the CN and a stranger's beside it", ['metadata.evil.example']],
  ["for US Government's name", ['metadata.azure.us', 'usgovvirginia.metadata.azure.us']],
  ["for China's name", ['metadata.azure.cn']],
  ['for the parent domain', ['azure.com', '*.azure.com']],
];

describe('D3 denies a chain', () => {
  test.each(D3)('%s', async (_, bends) => {
    const { api, attempt } = await joinBy(bends);
    expect(attempt).toBeDenied(api, 'document_chain');
  });

  test("up to a root with the very name of Azure's that comes along with the intermediates", async () => {
    const { api, vm } = await createScene();
    const stranger = createCloud({ now: api.clock.now, keys: sharedRsaKeys() });
    const chain = stranger.signingChain();
    const intermediates = [...chain.intermediates, ...stranger.roots, ...api.cloud.roots];
    const evidence = { chain, intermediates };
    expect(await join(api, vm, { evidence })).toBeDenied(api, 'document_chain');
  });
});

describe('D5 denies an issuing certificate', () => {
  test.each(D5)('%s', async (_, bends, problem) => {
    const { api, attempt } = await joinBy(bends);
    expect(attempt).toBeDenied(api, 'document_chain');
    expect(api.audit.at(-1)).toMatchObject(told(problem));
  });
});

describe("D6 denies a signer's certificate", () => {
  test.each(D6)('%s', async (_, bends, problem) => {
    const { api, attempt } = await joinBy(bends);
    expect(attempt).toBeDenied(api, 'document_chain');
    expect(api.audit.at(-1)).toMatchObject(told(problem));
  });

  test.each(D6_NAMES)('%s', async (_, dnsNames) => {
    const { api, attempt } = await joinBy({ leaf: { dnsNames } });
    expect(attempt).toBeDenied(api, 'document_name');
  });
});

describe('D6 admits', () => {
  test.each([
    ['the name alone', ['metadata.azure.com']],
    ['a name below it alone', ['westeurope.metadata.azure.com']],
    ['the name in another case, behind others', ['x.example', 'Metadata.AZURE.com']],
  ])("a signer's certificate for %s", async (_, dnsNames) => {
    const { attempt } = await joinBy({ leaf: { dnsNames } });
    expect(attempt).toBeAdmitted();
  });

  test.each(['rsa', 'cross_signed'] satisfies ChainKind[])('a chain of kind %s', async (kind) => {
    const clock = createClock();
    const cloud = createCloud({ now: clock.now, keys: sharedRsaKeys(), chain: kind });
    const { api, vm } = await createScene({ cloud, clock });
    expect(await join(api, vm)).toBeAdmitted();
  });

  test('intermediates in any order, with strangers and the root among them', async () => {
    const clock = createClock();
    const cloud = createCloud({ now: clock.now, keys: sharedRsaKeys(), chain: 'cross_signed' });
    const { api, vm } = await createScene({ cloud, clock });
    const stranger = cloud.signingChain({ root: 'look_alike' });
    const intermediates = [
      ...stranger.intermediates,
      ...cloud.roots,
      ...vm.intermediates.toReversed(),
    ];
    expect(await join(api, vm, { evidence: { intermediates } })).toBeAdmitted();
  });
});

test('D6 denies a chain whose intermediates were left out, and fetches none', async () => {
  const { api, vm } = await createScene();
  const evidence = { intermediates: [] };
  expect(await join(api, vm, { evidence })).toBeDenied(api, 'document_chain');
  expect(api.cloud.calls.count('pki')).toBe(0);
});
