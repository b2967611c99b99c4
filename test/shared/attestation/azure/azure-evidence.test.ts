/** What of a joiner's evidence is checked against what; that each check is strict is shown by the tests of its part. */
import { describe, expect, test } from 'vitest';
import { createRoot } from '../../../../local/azure/certificates/authority.ts';
import { newAuthorityKey } from '../../../../local/azure/certificates/certificate-key.ts';
import {
  type AzureTrust,
  bindingEvidence,
  claimedMachine,
  type Freshness,
  verifyDocument,
  verifyToken,
} from '../../../../shared/attestation/azure/azure-evidence.ts';
import { AZURE_CLOUDS } from '../../../../shared/attestation/azure/cloud-profile.ts';
import { createKnownCertificates } from '../../../../shared/attestation/azure/known-certificates.ts';
import type { AzureEvidence } from '../../../../shared/protocol/evidence.ts';
import { issuing, NOON, VM } from './attested-documents.ts';
import { claimsOf, OID, OTHER_TENANT, TENANT, tokenOf } from './directory-tokens.ts';
import { attested, base64, document, evidence, idOf, SUBSCRIPTION, trust } from './evidence.ts';

const parsed = (vm: string) => ({ kind: 'vm', subscription: SUBSCRIPTION, group: 'group1', vm });

const FRESH: Freshness = { nonce: 'nonce', at: NOON, onClaims: () => {} };

describe('an attested document', () => {
  test('says which machine it is of, and of which subscription', () => {
    expect(verifyDocument(evidence(), trust(), FRESH)).toMatchObject({
      vmId: VM,
      subscriptionId: SUBSCRIPTION,
      nonce: 'nonce',
    });
  });

  test('without a subscription is none: rules name one', () => {
    expect(() => verifyDocument(attested(document({})), trust(), FRESH)).toThrow(
      expect.objectContaining({
        reason: 'document_malformed',
        message: 'the attested document names no subscription',
      }),
    );
  });

  test.each<[string, AzureEvidence]>([
    ['azure.attested_data.signature', attested('no base64')],
    ['azure.intermediates[0]', evidence({ intermediates: ['!'] })],
    ['azure.intermediates[1]', evidence({ intermediates: [base64(issuing.certificate), '!'] })],
  ])('is not looked at where %s is no base64', (field, wrong) => {
    expect(() => verifyDocument(wrong, trust(), FRESH)).toThrow(
      expect.objectContaining({ code: 'bad_request', field, message: 'expected base64' }),
    );
  });

  const stranger = createRoot('Root', newAuthorityKey(), NOON);
  test.each<[string, AzureEvidence, Partial<AzureTrust>, Partial<Freshness>, string]>([
    ['of another root', evidence(), { roots: [stranger.certificate] }, {}, 'document_chain'],
    ['without its intermediates', evidence({ intermediates: [] }), {}, {}, 'document_chain'],
    [
      "of another cloud's signer",
      evidence(),
      { cloud: AZURE_CLOUDS.AzureUSGovernment },
      {},
      'document_name',
    ],
    ['for another request', evidence(), {}, { nonce: 'other' }, 'document_nonce'],
    [
      'of another day',
      evidence(),
      {},
      { at: new Date(NOON.getTime() + 86_400_000) },
      'document_times',
    ],
  ])('is denied %s', (_, shown, its, fresh, reason) => {
    expect(() => verifyDocument(shown, trust(its), { ...FRESH, ...fresh })).toThrow(
      expect.objectContaining({ code: 'access_denied', reason }),
    );
  });

  test('tells what it claims, and leaves its certificates known', () => {
    const told: unknown[] = [];
    const lookups: string[] = [];
    const its = trust({ known: createKnownCertificates((result) => lookups.push(result)) });
    verifyDocument(evidence(), its, { ...FRESH, onClaims: (claims) => told.push(claims) });
    expect(told).toEqual([expect.objectContaining({ vmId: VM, subscriptionId: SUBSCRIPTION })]);
    expect(lookups).not.toContain('hit');
    verifyDocument(evidence(), its, FRESH);
    expect(lookups).toContain('hit');
  });
});

describe('an access token', () => {
  const verify = (
    change: Partial<AzureTrust> = {},
    tenants: readonly string[] = [TENANT],
    at = NOON,
  ) => verifyToken(evidence(), trust(change), tenants, at);

  test('says whose identity the machine acts as', async () => {
    expect(await verify()).toMatchObject({
      tenant: TENANT,
      oid: OID,
      identityClaim: idOf('vm-a'),
    });
  });

  test.each<[string, Parameters<typeof verify>, string]>([
    ['of another tenant', [{}, [OTHER_TENANT]], 'access_token_tenant'],
    ["of another cloud's issuer", [{ cloud: AZURE_CLOUDS.AzureChina }], 'access_token_issuer'],
    ['for another audience', [{ audiences: ['others'] }], 'access_token_audience'],
    ['of another key', [{ keys: { find: async () => undefined } }], 'access_token_signature'],
    ['that is over', [{}, [TENANT], new Date(NOON.getTime() + 86_400_000)], 'access_token_times'],
  ])('is denied %s', async (_, args, reason) => {
    await expect(verify(...args)).rejects.toMatchObject({ code: 'access_denied', reason });
  });
});

describe('the machine that a joiner says it is', () => {
  test('is that of its resource id, whatever its token says', () => {
    expect(claimedMachine(evidence({ resource_id: idOf('VM-B') }))).toEqual(parsed('vm-b'));
    expect(claimedMachine(evidence({ resource_id: 'x' }))).toBeUndefined();
    const unread = { resource_id: idOf('vm-b'), access_token: 'x' };
    expect(claimedMachine(evidence(unread))).toEqual(parsed('vm-b'));
  });

  test('is that of its token where it sent none', () => {
    expect(claimedMachine(evidence())).toEqual(parsed('vm-a'));
    const access_token = tokenOf(JSON.stringify(claimsOf()));
    expect(claimedMachine(evidence({ access_token }))).toBeUndefined();
  });
});

test('document, identity and resource id are held together', async () => {
  const shown = evidence({ resource_id: idOf('vm-b') });
  const vm = verifyDocument(shown, trust(), FRESH);
  const identity = await verifyToken(shown, trust(), [TENANT], NOON);
  expect(bindingEvidence(shown, vm, identity)).toEqual({
    document: vm,
    identity,
    hint: idOf('vm-b'),
  });
});
