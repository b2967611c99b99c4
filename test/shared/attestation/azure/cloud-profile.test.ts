import { expect, test } from 'vitest';
import { AZURE_CLOUDS } from '../../../../shared/attestation/azure/cloud-profile.ts';

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
