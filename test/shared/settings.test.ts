import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { azureTrustAnchors } from '../../shared/attestation/azure/trust-anchors.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import { acceptedAudiences, readSettings, SettingsError } from '../../shared/settings.ts';
import { settingsMarkdown } from '../../shared/settings-about.ts';

const TENANT = '00000000-0000-4000-8000-000000000001';
type Environment = Readonly<Record<string, string | undefined>>;

/** A broker on Azure. */
const azure: Environment = {
  WEBSITE_INSTANCE_ID: 'anything',
  JOIN_BROKER_CLUSTER_NAME: 'prod.example.org',
  JOIN_BROKER_OPERATORS_TENANT: TENANT,
  JOIN_BROKER_OPERATORS_CLIENT_ID: '00000000-0000-4000-8000-000000000002',
  JOIN_BROKER_TABLES_URL: 'https://account.table.core.windows.net',
  JOIN_BROKER_KEY_VAULT_URL: 'https://name.vault.azure.net',
};

/** A broker on one machine. */
const local: Environment = {
  ...azure,
  WEBSITE_INSTANCE_ID: undefined,
  JOIN_BROKER_CLOUD: 'Simulated',
  JOIN_BROKER_SIMULATED_CLOUD: 'cloud.json',
  JOIN_BROKER_TABLES_URL: 'http://127.0.0.1:10002/account',
  JOIN_BROKER_TABLES_KEY: 'c2VjcmV0',
  JOIN_BROKER_KEY_VAULT_URL: undefined,
  JOIN_BROKER_KEY_FILE: 'key',
};

const problemsOf = (env: Environment): string[] => {
  try {
    readSettings(env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    expect(error.message).toMatch(/^The broker can't start: .*\.$/);
    return error.message.slice("The broker can't start: ".length, -1).split('; ');
  }
  return [];
};

describe('is accepted', () => {
  test.each<[string, Environment]>([
    ['a broker on Azure', azure],
    ['a broker on one machine', local],
    [
      "Azure's clouds on one machine",
      { ...local, JOIN_BROKER_CLOUD: 'AzureChina', JOIN_BROKER_SIMULATED_CLOUD: undefined },
    ],
    ['local storage by name', { ...local, JOIN_BROKER_TABLES_URL: 'http://localhost:1/a' }],
    [
      'local storage by its other address',
      { ...local, JOIN_BROKER_TABLES_URL: 'http://[::1]:1/a' },
    ],
  ])('%s', (_, env) => {
    expect(problemsOf(env)).toEqual([]);
  });

  test.each([
    'https://join.example.org/v1/trust',
    'http://crl.example.org',
    'http://crl.example.org:8080/lists',
  ])('%s as the place of revocation lists', (JOIN_BROKER_CRL_ADDRESS) => {
    const env = { ...azure, JOIN_BROKER_CRL_ADDRESS };
    expect(readSettings(env).JOIN_BROKER_CRL_ADDRESS).toBe(JOIN_BROKER_CRL_ADDRESS);
  });

  test('more roots, until the day on which they expire', () => {
    const JOIN_BROKER_TRUST_ANCHORS = azureTrustAnchors()
      .map((der) => encodePem('CERTIFICATE', der))
      .join('');
    const env = { ...azure, JOIN_BROKER_TRUST_ANCHORS };
    expect(problemsOf(env)).toEqual([]);
    expect(() => readSettings(env, new Date('2050-01-01T00:00:00Z'))).toThrow(
      'JOIN_BROKER_TRUST_ANCHORS: certificate 1: an authority is not valid at this time',
    );
  });

  test('with what stands for settings that are left out', () => {
    expect(readSettings(azure)).toMatchObject({
      JOIN_BROKER_CLOUD: 'AzurePublic',
      JOIN_BROKER_TENANTS: [],
      JOIN_BROKER_AUDIENCES: [],
      JOIN_BROKER_DEFAULT_TTL: 3600,
      JOIN_BROKER_MAX_TTL: 86_400,
      JOIN_BROKER_KEY_FILE: undefined,
      JOIN_BROKER_SSH_KEY_TYPE: 'ed25519',
      JOIN_BROKER_SSH_SIGNING: 30 * 86_400,
      JOIN_BROKER_SSH_PUBLICATION: 7 * 86_400,
    });
  });

  test('an empty setting is one that is left out', () => {
    const env = { ...azure, JOIN_BROKER_CLOUD: '', JOIN_BROKER_KEY_FILE: ' ' };
    expect(readSettings(env)).toEqual(readSettings(azure));
  });

  test('lists with spaces, and GUIDs in capitals', () => {
    const tenants = ` ABCDEF00-0000-4000-8000-000000000001 ,, ${TENANT},`;
    expect(readSettings({ ...azure, JOIN_BROKER_TENANTS: tenants }).JOIN_BROKER_TENANTS).toEqual([
      'abcdef00-0000-4000-8000-000000000001',
      TENANT,
    ]);
  });
});

describe('the times of SSH authorities', () => {
  test('may be others that fit each other', () => {
    const env = { JOIN_BROKER_SSH_SIGNING: '240h', JOIN_BROKER_SSH_PUBLICATION: '48h' };
    expect(problemsOf({ ...azure, ...env })).toEqual([]);
  });

  test.each([
    [{ JOIN_BROKER_SSH_PUBLICATION: '24h' }, 'published for at least'],
    [{ JOIN_BROKER_SSH_SIGNING: '200h' }, 'sign for at least'],
    [{ JOIN_BROKER_SSH_PUBLICATION: '700h' }, 'sign for at least'],
  ])('are refused where somebody would be stranded: %j', (env, problem) => {
    expect(problemsOf({ ...azure, ...env }).join()).toContain(problem);
  });
});

test("a cluster's name leaves room for the names of its authorities", () => {
  const name = (length: number) => ({
    ...azure,
    JOIN_BROKER_CLUSTER_NAME: `${'a'.repeat(length - 12)}.example.org`,
  });
  expect(problemsOf(name(50))).toEqual([]);
  expect(problemsOf(name(51))).toEqual([
    'JOIN_BROKER_CLUSTER_NAME: expected at most 50 characters',
  ]);
});

const MISSING = 'expected a value, it is not set';
const CUSTODY =
  'JOIN_BROKER_KEY_VAULT_URL: expected this, or JOIN_BROKER_KEY_FILE on one machine, not both';
const TABLES = 'JOIN_BROKER_TABLES_URL: expected https, or http on loopback';
const KEY = 'JOIN_BROKER_TABLES_KEY: expected with an address on loopback, and only then';
const SIMULATED =
  'JOIN_BROKER_SIMULATED_CLOUD: expected with JOIN_BROKER_CLOUD=Simulated, and only then';
const VAULT =
  'JOIN_BROKER_KEY_VAULT_URL: expected an https address, such as https://example.vault.azure.net';
const NAME =
  'JOIN_BROKER_CLUSTER_NAME: expected 1 to 63 lower-case letters, digits, dots or dashes';

test.each([
  ...['ldap://crl.example.org/lists', 'file:///etc/crl', 'crl.example.org', 'https://', 'http:crl'],
  ...[
    'https://join.example.org/',
    'https://join.example.org/v1/trust/',
    'HTTPS://join.example.org',
  ],
  ...[
    'https://join.example.org/v1?a=b',
    'https://join.example.org/v1#a',
    'https://a:b@join.example.org',
  ],
  ...['https://join.example.org/a/../b', 'https://join.example.org/ä', 'https://jöin.example.org'],
  `https://join.example.org/${'a'.repeat(180)}`,
])('%s is no place of revocation lists', (JOIN_BROKER_CRL_ADDRESS) => {
  expect(problemsOf({ ...azure, JOIN_BROKER_CRL_ADDRESS })).toEqual([
    'JOIN_BROKER_CRL_ADDRESS: expected an http or https address without a slash at its end, such as http://crl.example.org/lists',
  ]);
});

describe('is refused, and named', () => {
  test.each<[string, Environment, readonly string[]]>([
    [
      'a part that is none',
      { ...azure, JOIN_BROKER_PART: 'both' },
      ['JOIN_BROKER_PART: expected one of whole, joiners, operators'],
    ],
    [
      'the app for operators that does not know where machines go',
      { ...azure, JOIN_BROKER_PART: 'operators' },
      [
        'JOIN_BROKER_PUBLIC_URL: expected with JOIN_BROKER_PART=operators: where machines reach the other app',
      ],
    ],
    [
      'backups by the app for joiners',
      {
        ...azure,
        JOIN_BROKER_PART: 'joiners',
        JOIN_BROKER_BACKUP_URL: 'https://backup.blob.core.windows.net/authorities',
      },
      [
        'JOIN_BROKER_BACKUP_URL: not expected with JOIN_BROKER_PART=joiners, which makes no backups',
      ],
    ],
    [
      'nothing at all',
      {},
      ['CLUSTER_NAME', 'OPERATORS_TENANT', 'OPERATORS_CLIENT_ID', 'TABLES_URL'].map(
        (name) => `JOIN_BROKER_${name}: ${MISSING}`,
      ),
    ],
    ['a name in capitals', { ...azure, JOIN_BROKER_CLUSTER_NAME: 'Prod' }, [NAME]],
    ['a name with a slash', { ...azure, JOIN_BROKER_CLUSTER_NAME: 'a/b' }, [NAME]],
    ['a name that ends with a dot', { ...azure, JOIN_BROKER_CLUSTER_NAME: 'a.' }, [NAME]],
    [
      'a cloud that is none',
      { ...azure, JOIN_BROKER_CLOUD: 'azurepublic' },
      ['JOIN_BROKER_CLOUD: expected one of AzurePublic, AzureUSGovernment, AzureChina, Simulated'],
    ],
    [
      'a root that is none',
      { ...azure, JOIN_BROKER_TRUST_ANCHORS: 'rubbish' },
      ['JOIN_BROKER_TRUST_ANCHORS: expected 1 to 20 certificates in PEM'],
    ],
    [
      'a root that can not be read',
      { ...azure, JOIN_BROKER_TRUST_ANCHORS: encodePem('CERTIFICATE', Buffer.from('rubbish')) },
      ['JOIN_BROKER_TRUST_ANCHORS: certificate 1: it can not be read: length runs past the end'],
    ],
    [
      'a tenant that is no GUID',
      { ...azure, JOIN_BROKER_TENANTS: `${TENANT},common` },
      ['JOIN_BROKER_TENANTS: [1]: expected a GUID'],
    ],
    [
      "operators' tenant that is no GUID",
      { ...azure, JOIN_BROKER_OPERATORS_TENANT: 'organizations' },
      ['JOIN_BROKER_OPERATORS_TENANT: expected a GUID'],
    ],
    [
      'a lifetime that is none',
      { ...azure, JOIN_BROKER_DEFAULT_TTL: '1 hour' },
      ['JOIN_BROKER_DEFAULT_TTL: expected a duration such as 1h or 30m'],
    ],
    [
      'a longest lifetime beyond a day',
      { ...azure, JOIN_BROKER_MAX_TTL: '25h' },
      ['JOIN_BROKER_MAX_TTL: expected at most 24h'],
    ],
    [
      'a default beyond the longest',
      { ...azure, JOIN_BROKER_MAX_TTL: '30m' },
      ['JOIN_BROKER_DEFAULT_TTL: expected at most JOIN_BROKER_MAX_TTL'],
    ],
    [
      'a simulated cloud on Azure',
      {
        ...local,
        WEBSITE_INSTANCE_ID: 'x',
        JOIN_BROKER_TABLES_URL: azure['JOIN_BROKER_TABLES_URL'],
        JOIN_BROKER_TABLES_KEY: undefined,
      },
      [
        'JOIN_BROKER_CLOUD: a simulated cloud is refused on Azure',
        'JOIN_BROKER_KEY_FILE: local custody is refused on Azure',
      ],
    ],
    [
      'a simulated cloud with Key Vault',
      {
        ...local,
        JOIN_BROKER_KEY_FILE: undefined,
        JOIN_BROKER_KEY_VAULT_URL: azure['JOIN_BROKER_KEY_VAULT_URL'],
      },
      ['JOIN_BROKER_CLOUD: a simulated cloud is refused with Key Vault custody'],
    ],
    [
      'a simulated cloud without its profile',
      { ...local, JOIN_BROKER_SIMULATED_CLOUD: undefined },
      [SIMULATED],
    ],
    [
      'a profile without a simulated cloud',
      { ...azure, JOIN_BROKER_SIMULATED_CLOUD: 'cloud.json' },
      [SIMULATED],
    ],
    [
      'storage over plain http',
      { ...azure, JOIN_BROKER_TABLES_URL: 'http://account.table.core.windows.net' },
      [TABLES],
    ],
    [
      'storage on an address that looks local',
      { ...local, JOIN_BROKER_TABLES_URL: 'http://127.0.0.1.example.org/a' },
      [TABLES, KEY],
    ],
    [
      'storage on every address',
      { ...local, JOIN_BROKER_TABLES_URL: 'http://0.0.0.0:1/a' },
      [TABLES, KEY],
    ],
    [
      'storage with a path',
      { ...azure, JOIN_BROKER_TABLES_URL: 'https://a.example.org/account' },
      [TABLES],
    ],
    [
      'storage with a query',
      { ...azure, JOIN_BROKER_TABLES_URL: 'https://a.example.org/?sig=hunter2' },
      [TABLES],
    ],
    [
      'storage with a user',
      { ...azure, JOIN_BROKER_TABLES_URL: 'https://hunter2@a.example.org' },
      [TABLES],
    ],
    [
      'storage with a password',
      { ...azure, JOIN_BROKER_TABLES_URL: 'https://:hunter2@a.example.org' },
      [TABLES],
    ],
    [
      'storage as a connection string',
      { ...azure, JOIN_BROKER_TABLES_URL: 'AccountName=a;AccountKey=hunter2' },
      [TABLES],
    ],
    [
      'local storage on Azure',
      {
        ...azure,
        JOIN_BROKER_TABLES_URL: local['JOIN_BROKER_TABLES_URL'],
        JOIN_BROKER_TABLES_KEY: 'hunter2',
      },
      ['JOIN_BROKER_TABLES_URL: an address on loopback is refused on Azure'],
    ],
    ['local storage without a key', { ...local, JOIN_BROKER_TABLES_KEY: undefined }, [KEY]],
    ["a key for Azure's storage", { ...azure, JOIN_BROKER_TABLES_KEY: 'hunter2' }, [KEY]],
    ['no custody', { ...azure, JOIN_BROKER_KEY_VAULT_URL: undefined }, [CUSTODY]],
    [
      'two custodies',
      { ...azure, WEBSITE_INSTANCE_ID: undefined, JOIN_BROKER_KEY_FILE: 'key' },
      [CUSTODY],
    ],
    [
      'a key file on Azure',
      { ...azure, JOIN_BROKER_KEY_VAULT_URL: undefined, JOIN_BROKER_KEY_FILE: 'key' },
      ['JOIN_BROKER_KEY_FILE: local custody is refused on Azure'],
    ],
    [
      'hardware without a vault',
      { ...local, JOIN_BROKER_KEY_VAULT_PROTECTION: 'hsm' },
      ['JOIN_BROKER_KEY_VAULT_PROTECTION: hsm is expected with a Key Vault only'],
    ],
    [
      'keys kept by something else',
      { ...azure, JOIN_BROKER_KEY_VAULT_PROTECTION: 'premium' },
      ['JOIN_BROKER_KEY_VAULT_PROTECTION: expected one of software, hsm'],
    ],
    [
      'a vault over plain http',
      { ...azure, JOIN_BROKER_KEY_VAULT_URL: 'http://name.vault.azure.net' },
      [VAULT],
    ],
    [
      'a vault with a path',
      { ...azure, JOIN_BROKER_KEY_VAULT_URL: 'https://name.vault.azure.net/keys/a' },
      [VAULT],
    ],
    [
      'an identity that is no GUID',
      { ...azure, AZURE_CLIENT_ID: 'broker' },
      ['AZURE_CLIENT_ID: expected a GUID'],
    ],
  ])('%s', (_, env, expected) => {
    expect(problemsOf(env)).toEqual(expected);
  });

  test('every wrong setting at once', () => {
    const env = {
      ...azure,
      JOIN_BROKER_CLOUD: 'x',
      JOIN_BROKER_TENANTS: 'x',
      JOIN_BROKER_MAX_TTL: 'x',
    };
    expect(problemsOf(env).map((problem) => problem.split(':')[0])).toEqual([
      'JOIN_BROKER_CLOUD',
      'JOIN_BROKER_TENANTS',
      'JOIN_BROKER_MAX_TTL',
    ]);
  });

  test('without a word of its value', () => {
    for (const name of Object.keys({
      ...azure,
      ...local,
      JOIN_BROKER_TENANTS: '',
      JOIN_BROKER_MAX_TTL: '',
    })) {
      const text = problemsOf({ ...azure, [name]: '!hunter2/hunter2!' }).join();
      expect(text).not.toContain('hunter2');
    }
  });
});

describe('audiences', () => {
  const of = (change: Environment, env = azure) =>
    acceptedAudiences(readSettings({ ...env, ...change }));

  test("are the cloud's management API, with and without the slash", () => {
    expect(of({})).toEqual(['https://management.azure.com', 'https://management.azure.com/']);
    expect(of({ JOIN_BROKER_CLOUD: 'AzureUSGovernment' })).toEqual([
      'https://management.usgovcloudapi.net',
      'https://management.usgovcloudapi.net/',
    ]);
  });

  test('are exactly those that were named', () => {
    expect(of({ JOIN_BROKER_AUDIENCES: 'api://join, https://a/' })).toEqual([
      'api://join',
      'https://a/',
    ]);
  });
});

test('docs/settings.md is current', () => {
  const file = new URL('../../docs/settings.md', import.meta.url);
  expect(readFileSync(file, 'utf8')).toBe(settingsMarkdown());
});
