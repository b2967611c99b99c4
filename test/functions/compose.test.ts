/** The broker as it is composed on Azure: of the settings alone, with its own identity, a vault and a table server. */
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { composeBroker } from '../../functions/compose.ts';
import { startTables } from '../../local/tables.ts';
import { readSettings } from '../../shared/settings.ts';
import { createFakeKeyVault } from '../shared/authority/fake-key-vault.ts';

const CLIENT_ID = '00000000-0000-4000-8000-00000000000a';
const IDENTITY = 'http://169.254.130.4/msi/token';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
});

/** Such a broker before its first authority. `tokensFor`: what it asks App Service's endpoint of identities for. */
async function composed(protection: string, tokensFor: string[]) {
  const tables = await startTables();
  onTestFinished(() => tables.close());
  const vault = createFakeKeyVault(undefined, { premium: true });
  vault.createEncryptionKey();
  vi.stubEnv('IDENTITY_ENDPOINT', IDENTITY);
  vi.stubEnv('IDENTITY_HEADER', 'header');
  vi.stubGlobal('fetch', (input: string, init: RequestInit) => {
    if (!String(input).startsWith(IDENTITY)) return vault.fetch(input, init);
    const { searchParams } = new URL(String(input));
    tokensFor.push(`${searchParams.get('resource')} as ${searchParams.get('client_id')}`);
    const expires_on = String(Math.floor(Date.now() / 1000) + 3600);
    return Response.json({ access_token: 'token', token_type: 'Bearer', expires_on });
  });
  const settings = readSettings({
    AZURE_CLIENT_ID: CLIENT_ID,
    JOIN_BROKER_CLUSTER_NAME: 'prod.example.org',
    JOIN_BROKER_OPERATORS_TENANT: '00000000-0000-4000-8000-000000000001',
    JOIN_BROKER_OPERATORS_CLIENT_ID: '00000000-0000-4000-8000-000000000002',
    JOIN_BROKER_TABLES_URL: tables.url,
    JOIN_BROKER_TABLES_KEY: tables.key,
    JOIN_BROKER_KEY_VAULT_URL: vault.url,
    JOIN_BROKER_KEY_VAULT_PROTECTION: protection,
  });
  return { broker: composeBroker(settings), vault };
}

test("keys are made in the vault as the settings say, with the broker's own identity", async () => {
  const tokensFor: string[] = [];
  for (const [protection, kind] of [
    ['software', 'EC'],
    ['hsm', 'EC-HSM'],
  ] as const) {
    const { broker, vault } = await composed(protection, tokensFor);
    const log: string[] = [];
    await broker.authorities.init({}, { requestId: 'init', log: (line) => log.push(line) });
    expect(log.map((line) => JSON.parse(line).actions)).toEqual([
      expect.arrayContaining(['create data 1', 'create tls 1']),
    ]);
    expect(['root', 'data-key-signature'].map(vault.kindOf)).toEqual([kind, kind]);
  }
  // The library keeps a token for all of a process.
  expect(tokensFor).toEqual([`https://vault.azure.net as ${CLIENT_ID}`]);
});
