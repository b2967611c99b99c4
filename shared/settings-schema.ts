/** Every setting: its schema, and what stands for it where it is not there. What it means is in settings-about.ts. */
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

/**
 * What of the broker an app is: all of it, or one of two apps that share tables and vault. The one for joiners makes no key and
 * signs nothing with the root; the one for operators runs the timers.
 */
const PARTS = ['whole', 'joiners', 'operators'] as const;

/** X.520 allows a common name 64 characters, and the authorities' end in ` issuing 12345`. */
export const MOST_CLUSTER_NAME = 50;

export interface Setting {
  readonly schema: z.ZodMiniType<unknown, string>;
  /** The text that stands for a setting that is not there. A setting without one may be left out, unless required. */
  readonly standard?: string;
  readonly required?: true;
}

export const SETTINGS = {
  JOIN_BROKER_CLUSTER_NAME: {
    schema: clusterName.check(
      z.maxLength(MOST_CLUSTER_NAME, `expected at most ${MOST_CLUSTER_NAME} characters`),
    ),
    required: true,
  },
  JOIN_BROKER_CLOUD: {
    schema: cloudName,
    standard: 'AzurePublic',
  },
  JOIN_BROKER_SIMULATED_CLOUD: {
    schema: text,
  },
  JOIN_BROKER_TENANTS: {
    schema: listOf(guid),
    standard: '',
  },
  JOIN_BROKER_AUDIENCES: {
    schema: listOf(z.string().check(z.minLength(1), z.maxLength(256))),
    standard: '',
  },
  JOIN_BROKER_HOST_DOMAINS: {
    schema: listOf(dnsName),
    standard: '',
  },
  JOIN_BROKER_OPERATORS_TENANT: {
    schema: guid,
    required: true,
  },
  JOIN_BROKER_OPERATORS_CLIENT_ID: {
    schema: guid,
    required: true,
  },
  JOIN_BROKER_TABLES_URL: {
    schema: text,
    required: true,
  },
  JOIN_BROKER_TABLES_KEY: {
    schema: text,
  },
  JOIN_BROKER_BACKUP_URL: {
    schema: z
      .string()
      .check(z.refine(isContainer, 'expected https, a host and the name of a container')),
  },
  JOIN_BROKER_KEY_VAULT_URL: {
    schema: z
      .string()
      .check(
        z.refine(isAddress, 'expected an https address, such as https://example.vault.azure.net'),
      ),
  },
  JOIN_BROKER_KEY_VAULT_PROTECTION: {
    schema: z.pipe(z.string(), z.enum(['software', 'hsm'])),
    standard: 'software',
  },
  JOIN_BROKER_KEY_FILE: {
    schema: text,
  },
  JOIN_BROKER_DEFAULT_TTL: {
    schema: seconds,
    standard: '1h',
  },
  JOIN_BROKER_MAX_TTL: {
    schema: seconds,
    standard: '24h',
  },
  JOIN_BROKER_SSH_KEY_TYPE: {
    schema: z.pipe(z.string(), z.enum(SSH_AUTHORITY_KEYS)),
    standard: 'ed25519',
  },
  JOIN_BROKER_SSH_SIGNING: {
    schema: seconds,
    standard: '720h',
  },
  JOIN_BROKER_SSH_PUBLICATION: {
    schema: seconds,
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
  },
  JOIN_BROKER_FAILED_JOINS_PER_ADDRESS: {
    schema: count,
    standard: '600',
  },
  JOIN_BROKER_FAILED_JOINS_PER_MACHINE: {
    schema: count,
    standard: '120',
  },
  JOIN_BROKER_UNPROVED_JOINS_PER_ADDRESS: {
    schema: count,
    standard: '60',
  },
  JOIN_BROKER_AUDITED_STRANGERS: {
    schema: count,
    standard: '60',
  },
  JOIN_BROKER_TRUST_ANCHORS: {
    schema: text,
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
  },
  JOIN_BROKER_PART: {
    schema: z.pipe(z.string(), z.enum(PARTS)),
    standard: 'whole',
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
  },
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: {
    schema: telemetryIdentity,
  },
  AZURE_CLIENT_ID: {
    schema: guid,
  },
  WEBSITE_HOSTNAME: {
    schema: text,
  },
  WEBSITE_SITE_NAME: {
    schema: text,
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
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
