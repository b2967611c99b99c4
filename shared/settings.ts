/** The broker's settings: environment variables, checked at start (rule 17). */
import { AZURE_CLOUDS } from './attestation/azure/cloud-profile.ts';
import { readTrustAnchors } from './attestation/azure/trust-anchors.ts';
import {
  policyProblems,
  ROTATION_POLICY,
  type RotationPolicy,
} from './authority/rotation-policy.ts';
import { isLoopback } from './protocol/loopback.ts';
import { parseWith, sentenceOf } from './protocol/schema.ts';
import {
  isAddress,
  isLoopbackAddress,
  SETTINGS,
  type Setting,
  type Settings,
} from './settings-schema.ts';

export type { Settings } from './settings-schema.ts';

/** A setting is missing, wrong or unsafe. The message names every one of them, and never shows a value. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/** Each plan of Azure Functions sets another one of these: dedicated, consumption, Flex Consumption. */
const ON_AZURE = [
  'WEBSITE_INSTANCE_ID',
  'WEBSITE_SKU',
  'WEBSITE_POD_NAME',
  'CONTAINER_NAME',
  'LEGION_SERVICE_HOST',
];

const MOST_TTL_SECONDS = ROTATION_POLICY.longestCertificate;

/** Reads and checks all settings, as of this time. Throws a `SettingsError`. */
export function readSettings(
  env: Readonly<Record<string, string | undefined>>,
  at: Date = new Date(),
): Settings {
  const problems: string[] = [];
  const entries = Object.entries<Setting>(SETTINGS).map(([name, setting]) => {
    const given = env[name]?.trim() || setting.standard;
    if (given === undefined || (given === '' && setting.standard === undefined)) {
      if (setting.required) problems.push(`${name}: expected a value, it is not set`);
      return [name, undefined];
    }
    const parsed = parseWith(setting.schema, given);
    if (!parsed.ok) problems.push(`${name}: ${sentenceOf(parsed.problem)}`);
    return [name, parsed.ok ? parsed.value : undefined];
  });
  if (problems.length === 0) {
    const settings = Object.fromEntries(entries) as Settings;
    problems.push(
      ...contradictions(
        settings,
        ON_AZURE.some((name) => env[name]),
        at,
      ),
    );
    if (problems.length === 0) return settings;
  }
  throw new SettingsError(`The broker can't start: ${problems.join('; ')}.`);
}

function contradictions(settings: Settings, onAzure: boolean, at: Date): string[] {
  const problems: string[] = [];
  const pem = settings.JOIN_BROKER_TRUST_ANCHORS;
  const anchors = pem === undefined ? undefined : readTrustAnchors(pem, at);
  if (anchors?.ok === false)
    problems.push(`JOIN_BROKER_TRUST_ANCHORS: ${sentenceOf(anchors.problem)}`);
  const simulated = settings.JOIN_BROKER_CLOUD === 'Simulated';
  const tables = tablesAddress(settings.JOIN_BROKER_TABLES_URL);
  if (simulated && onAzure)
    problems.push('JOIN_BROKER_CLOUD: a simulated cloud is refused on Azure');
  if (simulated !== (settings.JOIN_BROKER_SIMULATED_CLOUD !== undefined)) {
    problems.push(
      'JOIN_BROKER_SIMULATED_CLOUD: expected with JOIN_BROKER_CLOUD=Simulated, and only then',
    );
  }
  if (tables === undefined)
    problems.push('JOIN_BROKER_TABLES_URL: expected https, or http on loopback');
  const address = settings.JOIN_BROKER_PUBLIC_URL;
  if (address !== undefined && isLoopbackAddress(address) && onAzure)
    problems.push('JOIN_BROKER_PUBLIC_URL: an address on loopback is refused on Azure');
  if (settings.JOIN_BROKER_PART === 'operators' && address === undefined)
    problems.push(
      'JOIN_BROKER_PUBLIC_URL: expected with JOIN_BROKER_PART=operators: where machines reach the other app',
    );
  if (settings.JOIN_BROKER_PART === 'joiners' && settings.JOIN_BROKER_BACKUP_URL !== undefined)
    problems.push(
      'JOIN_BROKER_BACKUP_URL: not expected with JOIN_BROKER_PART=joiners, which makes no backups',
    );
  if (tables === 'loopback' && onAzure)
    problems.push('JOIN_BROKER_TABLES_URL: an address on loopback is refused on Azure');
  if ((tables === 'loopback') !== (settings.JOIN_BROKER_TABLES_KEY !== undefined)) {
    problems.push('JOIN_BROKER_TABLES_KEY: expected with an address on loopback, and only then');
  }
  const vault = settings.JOIN_BROKER_KEY_VAULT_URL !== undefined;
  const file = settings.JOIN_BROKER_KEY_FILE !== undefined;
  if (vault === file) {
    problems.push(
      'JOIN_BROKER_KEY_VAULT_URL: expected this, or JOIN_BROKER_KEY_FILE on one machine, not both',
    );
  }
  if (!vault && settings.JOIN_BROKER_KEY_VAULT_PROTECTION === 'hsm')
    problems.push('JOIN_BROKER_KEY_VAULT_PROTECTION: hsm is expected with a Key Vault only');
  if (file && onAzure) problems.push('JOIN_BROKER_KEY_FILE: local custody is refused on Azure');
  if (vault && simulated) {
    problems.push('JOIN_BROKER_CLOUD: a simulated cloud is refused with Key Vault custody');
  }
  if (settings.JOIN_BROKER_MAX_TTL > MOST_TTL_SECONDS)
    problems.push('JOIN_BROKER_MAX_TTL: expected at most 24h');
  if (settings.JOIN_BROKER_DEFAULT_TTL > settings.JOIN_BROKER_MAX_TTL) {
    problems.push('JOIN_BROKER_DEFAULT_TTL: expected at most JOIN_BROKER_MAX_TTL');
  }
  for (const problem of policyProblems(rotationPolicy(settings)))
    problems.push(`JOIN_BROKER_SSH_SIGNING, JOIN_BROKER_SSH_PUBLICATION: ${problem}`);
  return problems;
}

/** Where tables are: on Azure or on this machine; `undefined` for anything else. */
function tablesAddress(address: string): 'azure' | 'loopback' | undefined {
  if (isAddress(address)) return 'azure';
  const url = URL.canParse(address) ? new URL(address) : undefined;
  return url?.protocol === 'http:' && isLoopback(url.hostname) ? 'loopback' : undefined;
}

/** How long keys live. */
export const rotationPolicy = (settings: Settings): RotationPolicy => ({
  ...ROTATION_POLICY,
  sshSigning: settings.JOIN_BROKER_SSH_SIGNING,
  sshPublication: settings.JOIN_BROKER_SSH_PUBLICATION,
});

/** The audiences of access tokens that are accepted. */
export function acceptedAudiences(settings: Settings): readonly string[] {
  const named = settings.JOIN_BROKER_AUDIENCES;
  const cloud = settings.JOIN_BROKER_CLOUD;
  if (named.length > 0) return named;
  const { management } = AZURE_CLOUDS[cloud === 'Simulated' ? 'AzurePublic' : cloud];
  return [management, `${management}/`];
}

/** The origin at which joiners reach the broker, if the operator named it. */
export const namedUrl = ({ JOIN_BROKER_PUBLIC_URL: named }: Settings): string | undefined =>
  named === undefined ? undefined : new URL(named).origin;

/** The origin at which joiners reach the broker, where it is known. */
export function publicUrl(settings: Settings): string | undefined {
  const { WEBSITE_HOSTNAME: host } = settings;
  const named = namedUrl(settings);
  if (named !== undefined) return named;
  // Other hosts set it too, to an address of their own on this machine.
  return host !== undefined && /^[A-Za-z0-9.-]+\.[A-Za-z]+$/.test(host)
    ? `https://${host}`
    : undefined;
}
