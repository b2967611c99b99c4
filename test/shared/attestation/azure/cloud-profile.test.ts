import { describe, expect, test } from 'vitest';
import {
  AZURE_CLOUDS,
  cloudName,
  simulatedCloud,
} from '../../../../shared/attestation/azure/cloud-profile.ts';

/** Written once more, letter by letter: whoever changes what production trusts changes it twice. */
test('exactly these clouds are trusted, by these names and addresses', () => {
  expect(AZURE_CLOUDS).toEqual({
    AzurePublic: {
      name: 'AzurePublic',
      attestedDomains: ['metadata.azure.com'],
      directory: 'https://login.microsoftonline.com',
      issuers: [
        'https://sts.windows.net/{tenant}/',
        'https://login.microsoftonline.com/{tenant}/v2.0',
      ],
      management: 'https://management.azure.com',
    },
    AzureUSGovernment: {
      name: 'AzureUSGovernment',
      attestedDomains: ['metadata.azure.us'],
      directory: 'https://login.microsoftonline.us',
      issuers: [
        'https://sts.windows.net/{tenant}/',
        'https://login.microsoftonline.us/{tenant}/v2.0',
      ],
      management: 'https://management.usgovcloudapi.net',
    },
    AzureChina: {
      name: 'AzureChina',
      attestedDomains: ['metadata.azure.cn'],
      directory: 'https://login.partner.microsoftonline.cn',
      issuers: [
        'https://sts.chinacloudapi.cn/{tenant}/',
        'https://login.partner.microsoftonline.cn/{tenant}/v2.0',
      ],
      management: 'https://management.chinacloudapi.cn',
    },
  });
});

test('a cloud is called by one of four names', () => {
  expect(
    ['AzurePublic', 'AzureUSGovernment', 'AzureChina', 'Simulated'].map((name) =>
      cloudName.parse(name),
    ),
  ).toHaveLength(4);
  for (const name of ['', 'azurepublic', 'AzureGermanCloud', undefined])
    expect(cloudName.safeParse(name).success).toBe(false);
});

describe('a simulated cloud', () => {
  const PROFILE = {
    attested_domains: ['metadata.azure.com'],
    trust_anchors: 'PEM',
    directory: 'http://127.0.0.1:1',
    issuers: ['https://sts.windows.net/{tenant}/'],
    management: 'http://127.0.0.1:2',
  };
  const reads = (profile: object): boolean => simulatedCloud.safeParse(profile).success;

  test('is read with a simulated AWS or without one', () => {
    expect(simulatedCloud.parse(PROFILE)).toEqual(PROFILE);
    expect(reads({ ...PROFILE, sts: 'http://127.0.0.1:3' })).toBe(true);
  });

  test.each<[string, object]>([
    ['no signers', { attested_domains: [] }],
    ['signers of another form', { attested_domains: [7] }],
    ['no issuers', { issuers: [] }],
    ['issuers of another form', { issuers: 'x' }],
    ['no roots', { trust_anchors: undefined }],
    ['no directory', { directory: undefined }],
    ['no management API', { management: undefined }],
    ['an AWS of another form', { sts: 7 }],
    ['more than is known', { more: 'x' }],
  ])('is not read with %s', (_, change) => {
    expect(reads({ ...PROFILE, ...change })).toBe(false);
  });
});
