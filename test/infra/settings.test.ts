import { describe, expect, it } from 'vitest';
import { cloudName } from '../../shared/attestation/azure/cloud-profile.ts';
import { readSettings } from '../../shared/settings.ts';
import { settingsMarkdown } from '../../shared/settings-about.ts';
import { propertiesOf } from './bicep-file.ts';
import { readValue } from './bicep-value.ts';
import { bicepFile } from './project-files.ts';

/** Read by the Functions host, by the SDK in it, or by Application Insights. */
const HOST_SETTINGS = [
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'AzureWebJobsDisableHomepage',
  'AzureWebJobsStorage__blobServiceUri',
  'AzureWebJobsStorage__clientId',
  'AzureWebJobsStorage__credential',
  'FUNCTIONS_REQUEST_BODY_SIZE_LIMIT',
];

const main = bicepFile('infra/main.bicep');

/** The names in every object of a declaration, which are settings: they are in capitals, or of the host. */
function settingsIn(path: string, declaration: string): string[] {
  const found = bicepFile(path).declarations.find(({ name }) => name === declaration);
  const objects = found?.value?.descendantsOfType('object') ?? [];
  const names = objects.flatMap((object) => propertiesOf(object).map(({ name }) => `${name}`));
  return names.filter((name) => /^[A-Z]/.test(name));
}

const ofBoth = settingsIn('infra/main.bicep', 'settingsOfBoth');
/** Where the broker is one app, and of the app for joiners where it is two. */
const ofApp = [...ofBoth, ...settingsIn('infra/main.bicep', 'settings')];
const ofOperators = [...ofBoth, ...settingsIn('infra/main.bicep', 'operatorsSettings')];
const hostSettings = settingsIn('infra/modules/app-settings.bicep', 'appSettings');

it('writes only settings that the broker or its host reads', () => {
  const known = [...settingsMarkdown().matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(known).toEqual(expect.arrayContaining([...ofApp, ...ofOperators]));
  expect([...known, ...HOST_SETTINGS]).toEqual(expect.arrayContaining(hostSettings));
  expect(hostSettings).toEqual(expect.arrayContaining(HOST_SETTINGS));
});

describe('writes settings with which it starts on Azure', () => {
  const ID = '00000000-0000-4000-8000-00000000000a';
  const common: Readonly<Record<string, string>> = {
    JOIN_BROKER_CLUSTER_NAME: 'join-broker-prod-abc123',
    JOIN_BROKER_CLOUD: 'AzureChina',
    JOIN_BROKER_TENANTS: '00000000-0000-4000-8000-000000000001',
    JOIN_BROKER_AUDIENCES: 'api://00000000-0000-4000-8000-000000000001/join-broker-prod',
    JOIN_BROKER_OPERATORS_TENANT: '00000000-0000-4000-8000-000000000001',
    JOIN_BROKER_OPERATORS_CLIENT_ID: '00000000-0000-4000-8000-00000000000b',
    JOIN_BROKER_TABLES_URL: 'https://prodabc123tables.table.core.chinacloudapi.cn',
    JOIN_BROKER_KEY_VAULT_URL: 'https://prod-abc123.vault.azure.cn',
    JOIN_BROKER_KEY_VAULT_PROTECTION: 'hsm',
    JOIN_BROKER_DEFAULT_TTL: '1h',
    JOIN_BROKER_MAX_TTL: '24h',
    JOIN_BROKER_TRUST_ANCHORS: '',
    JOIN_BROKER_CRL_ADDRESS: '',
  };
  const JOIN_BROKER_BACKUP_URL = 'https://prodabc123backup.blob.core.chinacloudapi.cn/authorities';
  const telemetry = {
    AZURE_CLIENT_ID: ID,
    APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=${ID}`,
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `ClientId=${ID};Authorization=AAD`,
  };

  it.each([
    [
      'the whole broker',
      ofApp,
      {
        JOIN_BROKER_PART: 'whole',
        JOIN_BROKER_BACKUP_URL,
        JOIN_BROKER_PUBLIC_URL: '',
      },
    ],
    [
      'the app for joiners',
      ofApp,
      {
        JOIN_BROKER_PART: 'joiners',
        JOIN_BROKER_BACKUP_URL: '',
        JOIN_BROKER_PUBLIC_URL: '',
      },
    ],
    [
      'the app for operators',
      ofOperators,
      {
        JOIN_BROKER_PART: 'operators',
        JOIN_BROKER_BACKUP_URL,
        JOIN_BROKER_PUBLIC_URL: 'https://join-broker-prod-abc123.azurewebsites.cn',
      },
    ],
  ])('%s', (_, names, own) => {
    const written = { ...common, ...own };
    expect(names.toSorted()).toEqual(Object.keys(written).toSorted());
    const started = readSettings({ ...written, ...telemetry, WEBSITE_INSTANCE_ID: 'on-azure' });
    expect(started).toMatchObject({
      JOIN_BROKER_CLOUD: 'AzureChina',
      JOIN_BROKER_TRUST_ANCHORS: undefined,
      JOIN_BROKER_PART: own.JOIN_BROKER_PART,
    });
  });
});

it("knows the name of each of Azure's clouds", () => {
  const clouds = main.declarations.find(({ name }) => name === 'cloudOf')?.value;
  const value = clouds && readValue(main, clouds);
  const names = value?.kind === 'object' ? Object.values(value.properties) : [];
  expect(names.map((name) => name.kind === 'text' && name.text)).toEqual(
    cloudName.options.filter((name) => name !== 'Simulated'),
  );
});
