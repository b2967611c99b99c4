/** Makes the broker from its settings. Heavy parts are bundles of their own, loaded when they are first used. */
import { readFileSync } from 'node:fs';
import type { TokenCredential } from '@azure/identity';
import {
  AZURE_CLOUDS,
  type CloudProfile,
  simulatedCloud,
} from '../shared/attestation/azure/cloud-profile.ts';
import type { MachineDirectory } from '../shared/attestation/azure/machine-directory.ts';
import { azureTrustAnchors, readTrustAnchors } from '../shared/attestation/azure/trust-anchors.ts';
import type { Custody } from '../shared/authority/custody.ts';
import { openLocalCustody } from '../shared/authority/local-custody.ts';
import { type Broker, createBroker } from '../shared/broker.ts';
import { fetchText } from '../shared/fetch-text.ts';
import { once, onFirstUse } from '../shared/first-use.ts';
import { parseJsonWith, sentenceOf } from '../shared/protocol/schema.ts';
import { publicUrl, type Settings, SettingsError } from '../shared/settings.ts';
import { eachTable } from '../shared/storage/table.ts';
import { plainFetch } from './plain-fetch.ts';
import { openTelemetry } from './telemetry.ts';

/** The same in every cloud. */
const STORAGE_AUDIENCE = 'https://storage.azure.com';

const KEY_SET_LIMITS = { mostBytes: 512 * 1024, milliseconds: 5000 };

export function composeBroker(settings: Settings): Broker {
  const now = (): Date => new Date();
  const { cloud, roots, sts } = readCloud(settings);
  const credential = once(async () =>
    (await import('../shared/azure-credential.ts')).openAzureCredential(
      settings.AZURE_CLIENT_ID,
      fetch,
    ),
  );
  const tables = once(async () => {
    const key = settings.JOIN_BROKER_TABLES_KEY;
    const { openAzureTables } = await import('../shared/storage/azure-tables.ts');
    return openAzureTables({
      url: settings.JOIN_BROKER_TABLES_URL,
      credential: key === undefined ? await credential() : { key },
    });
  });
  const machines = once(async () => {
    const { createAzureMachineDirectory } = await import(
      '../shared/attestation/azure/azure-machine-directory.ts'
    );
    return createAzureMachineDirectory({
      management: cloud.management.replace(/^http:/, 'https:'),
      audience: cloud.management,
      fetch: cloud.name === 'Simulated' ? plainFetch : fetch,
      credential: await credential(),
    });
  });
  const tokenFor = async (audience: string): Promise<string> =>
    (await (await credential()).getToken(`${audience}/.default`))?.token ?? '';
  return createBroker({
    settings,
    cloud,
    roots,
    now,
    tables: eachTable((name) =>
      onFirstUse(async () => (await tables())[name], { read: true, list: true, apply: true }),
    ),
    machines: onFirstUse<MachineDirectory>(machines, {
      read: true,
      findInSet: true,
      findInSubscription: true,
    }),
    custody: openCustody(settings, credential),
    fetchKeySet: (tenant) =>
      fetchText(fetch, `${cloud.directory}/${tenant}/discovery/v2.0/keys`, KEY_SET_LIMITS),
    fetchSts: fetch,
    ...(sts !== undefined && { resolveSts: (host: string) => new URL(`/${host}/`, sts) }),
    outside: {
      url: publicUrl(settings),
      fetch,
      accessToken: tokenFor,
    },
    backups: { fetch, accessToken: async () => tokenFor(STORAGE_AUDIENCE) },
    telemetry: openTelemetry(settings, now),
  });
}

function openCustody(settings: Settings, credential: () => Promise<TokenCredential>): Custody {
  const { JOIN_BROKER_KEY_VAULT_URL: url, JOIN_BROKER_KEY_FILE: file } = settings;
  const hsm = settings.JOIN_BROKER_KEY_VAULT_PROTECTION === 'hsm';
  if (url === undefined) return openLocalCustody(file ?? '');
  const open = async (): Promise<Custody> => {
    const { openKeyVaultCustody } = await import('../shared/authority/key-vault-custody.ts');
    return openKeyVaultCustody({ url, credential: await credential(), fetch, hsm });
  };
  return onFirstUse(once(open), {
    wrapDataKey: true,
    unwrapDataKey: true,
    createRootKey: true,
    publicKeyOfRoot: true,
    rememberedRoot: true,
    signWithRoot: true,
  });
}

function readCloud(settings: Settings): {
  readonly cloud: CloudProfile;
  readonly roots: readonly Uint8Array[];
  /** Where a simulated AWS STS is. */
  readonly sts?: string | undefined;
} {
  const more = settings.JOIN_BROKER_TRUST_ANCHORS;
  const added = more === undefined ? [] : anchorsOf('JOIN_BROKER_TRUST_ANCHORS', more);
  const { JOIN_BROKER_CLOUD: name, JOIN_BROKER_SIMULATED_CLOUD: file } = settings;
  if (name !== 'Simulated')
    return { cloud: AZURE_CLOUDS[name], roots: [...azureTrustAnchors(), ...added] };
  const parsed = parseJsonWith(simulatedCloud, readFileSync(file ?? '', 'utf8'));
  if (!parsed.ok)
    throw new SettingsError(`JOIN_BROKER_SIMULATED_CLOUD: ${sentenceOf(parsed.problem)}`);
  const { attested_domains, trust_anchors, directory, issuers, management, sts } = parsed.value;
  process.stderr.write('The broker trusts a SIMULATED cloud: anybody on this machine can join.\n');
  return {
    cloud: { name, attestedDomains: attested_domains, directory, issuers, management },
    roots: [...anchorsOf('JOIN_BROKER_SIMULATED_CLOUD', trust_anchors), ...added],
    sts,
  };
}

function anchorsOf(setting: string, pem: string): readonly Uint8Array[] {
  const anchors = readTrustAnchors(pem, new Date());
  if (!anchors.ok) throw new SettingsError(`${setting}: ${sentenceOf(anchors.problem)}`);
  return anchors.value;
}
