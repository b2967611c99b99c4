import { expect, it } from 'vitest';
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

/** The names of an object that is the value of this property, wherever it is in the file. */
function keysOf(path: string, property: string): string[] {
  const objects = bicepFile(path)
    .root.descendantsOfType('object')
    .flatMap((object) => propertiesOf(object))
    .filter(({ name }) => name === property)
    .flatMap(({ value }) =>
      value.type === 'object' ? [value] : value.descendantsOfType('object'),
    );
  return objects.flatMap((object) => propertiesOf(object).map(({ name }) => `${name}`));
}

const brokerSettings = keysOf('infra/main.bicep', 'settings');
const hostSettings = keysOf('infra/modules/function-app.bicep', 'properties').filter((name) =>
  /^[A-Z]/.test(name),
);

it('writes only settings that the broker or its host reads', () => {
  const known = [...settingsMarkdown().matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(known).toEqual(expect.arrayContaining(brokerSettings));
  expect([...known, ...HOST_SETTINGS]).toEqual(expect.arrayContaining(hostSettings));
  expect(hostSettings).toEqual(expect.arrayContaining(HOST_SETTINGS));
});

it('writes settings with which the broker starts on Azure', () => {
  const written: Readonly<Record<string, string>> = {
    AZURE_CLIENT_ID: '00000000-0000-4000-8000-00000000000a',
    JOIN_BROKER_CLUSTER_NAME: 'join-broker-prod-abc123',
    JOIN_BROKER_CLOUD: 'AzureChina',
    JOIN_BROKER_TENANTS: '00000000-0000-4000-8000-000000000001',
    JOIN_BROKER_AUDIENCES: 'api://00000000-0000-4000-8000-000000000001/join-broker-prod',
    JOIN_BROKER_OPERATORS_TENANT: '00000000-0000-4000-8000-000000000001',
    JOIN_BROKER_OPERATORS_CLIENT_ID: '00000000-0000-4000-8000-00000000000b',
    JOIN_BROKER_TABLES_URL: 'https://prodabc123tables.table.core.chinacloudapi.cn',
    JOIN_BROKER_KEY_VAULT_URL: 'https://prod-abc123.vault.azure.cn',
    JOIN_BROKER_BACKUP_URL: 'https://prodabc123backup.blob.core.chinacloudapi.cn/authorities',
    JOIN_BROKER_DEFAULT_TTL: '1h',
    JOIN_BROKER_MAX_TTL: '24h',
    JOIN_BROKER_TRUST_ANCHORS: '',
    JOIN_BROKER_PUBLIC_URL: '',
    JOIN_BROKER_CRL_ADDRESS: '',
  };
  expect([...brokerSettings, 'AZURE_CLIENT_ID'].toSorted()).toEqual(
    Object.keys(written).toSorted(),
  );
  const telemetry = {
    APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=${written['AZURE_CLIENT_ID']}`,
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `ClientId=${written['AZURE_CLIENT_ID']};Authorization=AAD`,
  };
  const started = readSettings({ ...written, ...telemetry, WEBSITE_INSTANCE_ID: 'on-azure' });
  expect(started).toMatchObject({
    JOIN_BROKER_CLOUD: 'AzureChina',
    JOIN_BROKER_TRUST_ANCHORS: undefined,
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
