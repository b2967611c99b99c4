/** A process of its own that makes the first keys when it is told to: a JSON line in, a word out. */
import process from 'node:process';
import { createInterface } from 'node:readline';
import { rememberKeys } from '../../../shared/authority/genuine-keys.ts';
import { initAuthorities } from '../../../shared/authority/init-authorities.ts';
import { createKeyStore } from '../../../shared/authority/key-store.ts';
import { openKeyVaultCustody } from '../../../shared/authority/key-vault-custody.ts';
import { ROTATION_POLICY } from '../../../shared/authority/rotation-policy.ts';
import { openAzureTables } from '../../../shared/storage/azure-tables.ts';

export interface InitOrder {
  readonly tables: { readonly url: string; readonly key: string };
  /** Where the fake vault listens. */
  readonly vault: string;
  readonly resume: boolean;
}

async function carryOut({ tables, vault, resume }: InitOrder): Promise<string> {
  const custody = openKeyVaultCustody({
    url: 'https://test.vault.azure.net',
    credential: {
      getToken: async () => ({ token: 'token', expiresOnTimestamp: Date.now() + 3600_000 }),
    },
    fetch: (input, init) =>
      fetch(String(input).replace('https://test.vault.azure.net', vault), init),
  });
  const parts = {
    store: createKeyStore(
      openAzureTables({ url: tables.url, credential: { key: tables.key } }).keys,
    ),
    custody: rememberKeys(custody),
    policy: ROTATION_POLICY,
    cluster: 'test.example.org',
  };
  try {
    await initAuthorities(parts, { resume, giveUp: [] }, new Date());
    return 'done';
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    return typeof code === 'string' ? code : String(error);
  }
}

process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${await carryOut(JSON.parse(line) as InitOrder)}\n`);
