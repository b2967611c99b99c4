/** Every setting: its schema, what it means, and what stands for it where it is not there. docs/settings.md is made from this. */
import * as z from 'zod/mini';
import { cloudName } from './attestation/azure/cloud-profile.ts';
import { SSH_AUTHORITY_KEYS } from './authority/ssh-certificate.ts';
import { isLoopback } from './protocol/loopback.ts';
import { clusterName, dnsName, guid, parseDuration } from './protocol/values.ts';

const listOf = <T>(item: z.ZodMiniType<T, string>) =>
  z.pipe(
    z.pipe(
      z.string(),
      z.transform((text) =>
        text
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      ),
    ),
    z.array(item).check(z.maxLength(50)),
  );

const seconds = z.pipe(
  z
    .string()
    .check(
      z.refine(
        (text) => parseDuration(text) !== undefined,
        'expected a duration such as 1h or 30m',
      ),
    ),
  z.transform((text) => parseDuration(text) ?? 0),
);

const count = z.pipe(
  z.string().check(z.regex(/^(?:0|[1-9]\d{0,5})$/, 'expected a number from 0 to 999999')),
  z.transform(Number),
);

const text = z.string().check(z.minLength(1));

const GUID = '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}';

const telemetryIdentity = z.pipe(
  z
    .string()
    .check(
      z.regex(
        new RegExp(`^(?:ClientId=${GUID};)?Authorization=AAD$`),
        'expected ClientId=<client id>;Authorization=AAD, or Authorization=AAD alone',
      ),
    ),
  z.transform((text) => ({ clientId: /^ClientId=([^;]+)/.exec(text)?.[1] })),
);

/** X.520 allows a common name 64 characters, and the authorities' end in ` issuing 12345`. */
const MOST_CLUSTER_NAME = 50;

export interface Setting {
  readonly schema: z.ZodMiniType<unknown, string>;
  readonly about: string;
  readonly example?: string;
  /** The text that stands for a setting that is not there. A setting without one may be left out, unless required. */
  readonly standard?: string;
  readonly required?: true;
}

export const SETTINGS = {
  JOIN_BROKER_CLUSTER_NAME: {
    schema: clusterName.check(
      z.maxLength(MOST_CLUSTER_NAME, `expected at most ${MOST_CLUSTER_NAME} characters`),
    ),
    about: `The cluster's name: the SPIFFE trust domain, and part of the authorities' names. At most ${MOST_CLUSTER_NAME} characters. Never change it.`,
    example: 'prod.example.org',
    required: true,
  },
  JOIN_BROKER_CLOUD: {
    schema: cloudName,
    about:
      'The cloud whose machines join: `AzurePublic`, `AzureUSGovernment`, `AzureChina`, or `Simulated` (never on Azure).',
    standard: 'AzurePublic',
  },
  JOIN_BROKER_SIMULATED_CLOUD: {
    schema: text,
    about: "Path of the simulated cloud's profile (JSON). Only with `JOIN_BROKER_CLOUD=Simulated`.",
  },
  JOIN_BROKER_TENANTS: {
    schema: listOf(guid),
    about:
      'Directory tenants whose managed identities may join where an allow rule names no tenant. Comma separated GUIDs.',
    example: '00000000-0000-4000-8000-000000000001',
    standard: '',
  },
  JOIN_BROKER_AUDIENCES: {
    schema: listOf(z.string().check(z.minLength(1), z.maxLength(256))),
    about:
      "Audiences of access tokens that are accepted, exactly as agents ask for them. Comma separated. Empty: the cloud's management API, with and without the trailing slash.",
    standard: '',
  },
  JOIN_BROKER_HOST_DOMAINS: {
    schema: listOf(dnsName),
    about:
      "Domains that names of hosts may be below, beside the cluster's name. Comma separated. Only domains whose every name the broker may speak for.",
    standard: '',
  },
  JOIN_BROKER_OPERATORS_TENANT: {
    schema: guid,
    about: 'The tenant in which operators sign in.',
    required: true,
  },
  JOIN_BROKER_OPERATORS_CLIENT_ID: {
    schema: guid,
    about:
      "The client id of the operators' application, which has the app roles `JoinBroker.Admin`, `JoinBroker.Reader` and `JoinBroker.AuthorityAdmin`.",
    required: true,
  },
  JOIN_BROKER_TABLES_URL: {
    schema: text,
    about:
      "Address of Table Storage: `https://<account>.table.core.windows.net`, reached with the broker's managed identity. `http://127.0.0.1:<port>/<account>` works on one machine only.",
    example: 'https://joinbroker.table.core.windows.net',
    required: true,
  },
  JOIN_BROKER_TABLES_KEY: {
    schema: text,
    about:
      "The storage account's key, for an address on loopback only. Azure's storage is reached without any key.",
  },
  JOIN_BROKER_BACKUP_URL: {
    schema: z
      .string()
      .check(z.refine(isContainer, 'expected https, a host and the name of a container')),
    about:
      'Where a backup is written every day: a container of blobs that keeps versions. The broker needs to write there, and nothing else. Without it there is only `joinctl auth backup`.',
    example: 'https://prodbackup.blob.core.windows.net/authorities',
  },
  JOIN_BROKER_KEY_VAULT_URL: {
    schema: z
      .string()
      .check(
        z.refine(isAddress, 'expected an https address, such as https://example.vault.azure.net'),
      ),
    about:
      "The Key Vault that keeps the root's key and protects all others, reached with the broker's managed identity.",
    example: 'https://join-broker.vault.azure.net',
  },
  JOIN_BROKER_KEY_FILE: {
    schema: text,
    about:
      'Local custody: path of the file (mode 0600, made if missing) with the key that encrypts all private keys. For one machine, never on Azure.',
  },
  JOIN_BROKER_DEFAULT_TTL: {
    schema: seconds,
    about: 'Lifetime of certificates that ask for none.',
    standard: '1h',
  },
  JOIN_BROKER_MAX_TTL: {
    schema: seconds,
    about: 'Longest lifetime of any certificate; at most 24h.',
    standard: '24h',
  },
  JOIN_BROKER_SSH_KEY_TYPE: {
    schema: z.pipe(z.string(), z.enum(SSH_AUTHORITY_KEYS)),
    about:
      'The kind of the next SSH authorities: `ed25519`, or `ecdsa-p256` for servers that refuse the other one (FIPS mode). Those that are there keep theirs until they are replaced.',
    standard: 'ed25519',
  },
  JOIN_BROKER_SSH_SIGNING: {
    schema: seconds,
    about: 'How long an SSH authority signs until its successor does.',
    standard: '720h',
  },
  JOIN_BROKER_SSH_PUBLICATION: {
    schema: seconds,
    about:
      'How long an SSH authority is in the trust bundle before it signs. Every relying party has to read the trust bundle more often than that.',
    standard: '168h',
  },
  JOIN_BROKER_CRL_ADDRESS: {
    schema: z
      .string()
      .check(
        z.refine(
          isFolder,
          'expected an http or https address without a slash at its end, such as http://crl.example.org/lists',
        ),
      ),
    about:
      "Where relying parties find revocation lists, for certificates to say (CRL distribution point): the broker's own `/v1/trust`, or whatever keeps a copy of it under plain http, which some programs insist on. `/<key identifier>.crl` is appended. Certificates that are there keep what they say. Without it they say nothing.",
    example: 'https://join.example.org/v1/trust',
  },
  JOIN_BROKER_FAILED_JOINS_PER_ADDRESS: {
    schema: count,
    about:
      'How many joins from one client address (for IPv6: from one /64) may fail in a minute at one function instance, before more are answered 429. Joins that are admitted do not count, so a fleet behind one NAT address is not held up, unless somebody else behind it fills the limit. Behind a proxy of your own, whose address all clients share, raise it. 0: no limit.',
    standard: '600',
  },
  JOIN_BROKER_FAILED_JOINS_PER_MACHINE: {
    schema: count,
    about:
      'How many joins with the attested documents of one virtual machine (`vmId`) may fail in a minute at one function instance, before more are answered 429. 0: no limit.',
    standard: '120',
  },
  JOIN_BROKER_UNPROVED_JOINS_PER_ADDRESS: {
    schema: count,
    about:
      'Join method `iam`: how many joins from one client address may make the broker ask AWS STS in vain in a minute at one function instance, before more are answered 429. Nothing about them can be proved without asking. Joins that are admitted do not count. 0: no limit.',
    standard: '60',
  },
  JOIN_BROKER_AUDITED_STRANGERS: {
    schema: count,
    about:
      'How many failed joins of callers whom no rule names leave an audit line and a row of the join log in a minute at one function instance. All are counted by the metric `joins`, and what has no line by `audit_lines_not_written`. Admissions, signs of theft and machines that a rule names always leave theirs. 0: every line is written.',
    standard: '60',
  },
  JOIN_BROKER_TRUST_ANCHORS: {
    schema: text,
    about:
      'More roots that may sign attested documents, in PEM, beside those that come with the broker. For the day on which Microsoft moves to a new root before you can update.',
  },
  JOIN_BROKER_PUBLIC_URL: {
    schema: z
      .string()
      .check(
        z.refine(
          (address) => isAddress(address) || isLoopbackAddress(address),
          'expected an https address without a path, or http on loopback',
        ),
      ),
    about:
      "The address at which joiners reach the broker: there the prober tries what must be denied, and machines install from it. Without it the prober uses the function app's own name on Azure (elsewhere such probes are skipped), and the install script the name in the request.",
    example: 'https://join.example.org',
  },
  APPLICATIONINSIGHTS_CONNECTION_STRING: {
    schema: z
      .string()
      .check(
        z.regex(
          new RegExp(`(?:^|;)InstrumentationKey=${GUID}(?:;|$)`, 'i'),
          'expected a connection string with an InstrumentationKey',
        ),
      ),
    about:
      'The Application Insights resource that gets metrics and audit events (docs/metrics.md). Without it audit events are log lines only.',
  },
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: {
    schema: telemetryIdentity,
    about:
      'The managed identity that may publish there: `ClientId=<client id>;Authorization=AAD`, or `Authorization=AAD` for the system-assigned one. Without it the connection string has to be enough.',
  },
  AZURE_CLIENT_ID: {
    schema: guid,
    about:
      "Client id of the broker's user-assigned managed identity. Without it, the system-assigned one is used.",
  },
  WEBSITE_HOSTNAME: {
    schema: text,
    about: "Set by Azure: the function app's host name.",
  },
  WEBSITE_SITE_NAME: {
    schema: text,
    about: "Set by Azure: the function app's name, under which Application Insights shows it.",
  },
} as const satisfies Record<string, Setting>;

type SettingName = keyof typeof SETTINGS;
type Value<N extends SettingName> = z.infer<(typeof SETTINGS)[N]['schema']>;

/** Settings by the name of their variable; those that may be left out may be `undefined`. */
export type Settings = {
  readonly [N in SettingName]: (typeof SETTINGS)[N] extends
    | { required: true }
    | { standard: string }
    ? Value<N>
    : Value<N> | undefined;
};

/** An https address without path. */
export function isAddress(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'https:' && url.href === `${url.origin}/`;
}

/** An https address whose path is one name: it gets a token for storage, so it has to be meant. */
function isContainer(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return (
    url?.protocol === 'https:' &&
    /^\/[a-z0-9-]{3,63}$/.test(url.pathname) &&
    url.href === `${url.origin}${url.pathname}`
  );
}

/** An address that a name can be appended to. It goes into certificates: plain ASCII, and not long. */
function isFolder(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return (
    /^https?:$/.test(url?.protocol ?? '') &&
    /^[\x21-\x7e]{1,200}$/.test(text) &&
    !text.endsWith('/') &&
    `${url?.origin}${url?.pathname.replace(/\/$/, '')}` === text
  );
}

/** `http://127.0.0.1:<port>`, without a path. */
export function isLoopbackAddress(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'http:' && isLoopback(url.hostname) && url.href === `${url.origin}/`;
}

/** docs/settings.md. */
export function settingsMarkdown(): string {
  const rows = Object.entries<Setting>(SETTINGS).map(
    ([name, { about, standard, example, required }]) => {
      const given = required ? 'required' : standard ? `\`${standard}\`` : 'none';
      return `| \`${name}\` | ${about}${example === undefined ? '' : ` Example: \`${example}\`.`} | ${given} |`;
    },
  );
  return [
    '# Settings',
    '',
    'The broker reads its settings from environment variables (application settings of the function app). It checks them',
    'when it starts, and says which one is wrong. Made from `shared/settings-schema.ts` by `npm run build`: change it there.',
    '',
    '| variable | meaning | default |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}
