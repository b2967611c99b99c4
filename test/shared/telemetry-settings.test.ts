import { describe, expect, test } from 'vitest';
import { publicUrl, readSettings } from '../../shared/settings.ts';

const GUID = '00000000-0000-4000-8000-000000000001';
const BROKER = {
  JOIN_BROKER_CLUSTER_NAME: 'prod.example.org',
  JOIN_BROKER_OPERATORS_TENANT: GUID,
  JOIN_BROKER_OPERATORS_CLIENT_ID: GUID,
  JOIN_BROKER_TABLES_URL: 'https://account.table.core.windows.net',
  JOIN_BROKER_KEY_VAULT_URL: 'https://name.vault.azure.net',
};
const read = (env: Readonly<Record<string, string>>) => readSettings({ ...BROKER, ...env });

describe("the broker's public address", () => {
  test.each<[string, Record<string, string>, string | undefined]>([
    [
      'is the one that is named',
      { JOIN_BROKER_PUBLIC_URL: 'https://a.example/' },
      'https://a.example',
    ],
    [
      'is the one that is named rather than that of Azure',
      { JOIN_BROKER_PUBLIC_URL: 'https://a.example', WEBSITE_HOSTNAME: 'b.azurewebsites.net' },
      'https://a.example',
    ],
    [
      "is the function app's on Azure",
      { WEBSITE_HOSTNAME: 'b.azurewebsites.net' },
      'https://b.azurewebsites.net',
    ],
    [
      'is not that of another host on this machine',
      { WEBSITE_HOSTNAME: 'localhost:7071' },
      undefined,
    ],
    [
      'may be http on loopback',
      { JOIN_BROKER_PUBLIC_URL: 'http://127.0.0.1:7071' },
      'http://127.0.0.1:7071',
    ],
    ['may be unknown', {}, undefined],
  ])('%s', (_, env, url) => {
    expect(publicUrl(read(env))).toBe(url);
  });

  test.each([
    'http://join.example.org',
    'https://join.example.org/v1',
    'https://user@join.example.org',
    'https://join.example.org/?a',
    'http://127.0.0.1:7071/v1',
    'ftp://127.0.0.1/',
    'join.example.org',
  ])('is refused as %s', (url) => {
    expect(() => read({ JOIN_BROKER_PUBLIC_URL: url })).toThrow(
      'JOIN_BROKER_PUBLIC_URL: expected an https address without a path, or http on loopback',
    );
  });

  test('is refused on loopback on Azure', () => {
    const env = { JOIN_BROKER_PUBLIC_URL: 'http://127.0.0.1:7071', WEBSITE_INSTANCE_ID: 'x' };
    expect(() => read(env)).toThrow(
      'JOIN_BROKER_PUBLIC_URL: an address on loopback is refused on Azure',
    );
  });
});

describe('Application Insights', () => {
  const KEY = `InstrumentationKey=${GUID}`;

  test.each([KEY, `IngestionEndpoint=https://in.example/;${KEY};ApplicationId=${GUID}`])(
    'is used with the connection string %s',
    (text) => {
      const { APPLICATIONINSIGHTS_CONNECTION_STRING: used } = read({
        APPLICATIONINSIGHTS_CONNECTION_STRING: text,
      });
      expect(used).toBe(text);
    },
  );

  test.each(['x', 'InstrumentationKey=x', 'IngestionEndpoint=https://in.example/', `Not${KEY}`])(
    'is refused with the connection string %s',
    (text) => {
      expect(() => read({ APPLICATIONINSIGHTS_CONNECTION_STRING: text })).toThrow(
        'APPLICATIONINSIGHTS_CONNECTION_STRING: expected a connection string with an InstrumentationKey',
      );
    },
  );

  test.each([
    [`ClientId=${GUID};Authorization=AAD`, { clientId: GUID }],
    ['Authorization=AAD', { clientId: undefined }],
  ])('is published to by the identity of %s', (text, identity) => {
    const settings = read({ APPLICATIONINSIGHTS_AUTHENTICATION_STRING: text });
    expect(settings.APPLICATIONINSIGHTS_AUTHENTICATION_STRING).toEqual(identity);
  });

  test.each(['AAD', 'ClientId=me;Authorization=AAD', 'Authorization=AAD;Secret=x'])(
    'is not published to by %s',
    (text) => {
      expect(() => read({ APPLICATIONINSIGHTS_AUTHENTICATION_STRING: text })).toThrow(
        'APPLICATIONINSIGHTS_AUTHENTICATION_STRING: expected ClientId=<client id>;Authorization=AAD, or Authorization=AAD alone',
      );
    },
  );
});
