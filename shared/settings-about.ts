/** What every setting means: docs/settings.md is made from this. Apart from the schema, since no function reads it. */
import { MOST_CLUSTER_NAME, SETTINGS, type Setting, type SettingName } from './settings-schema.ts';

interface About {
  readonly about: string;
  readonly example?: string;
}

const ABOUT: Readonly<Record<SettingName, About>> = {
  JOIN_BROKER_CLUSTER_NAME: {
    about: `The cluster's name: the SPIFFE trust domain, and part of the authorities' names. At most ${MOST_CLUSTER_NAME} characters. Never change it.`,
    example: 'prod.example.org',
  },
  JOIN_BROKER_CLOUD: {
    about:
      'The cloud whose machines join: `AzurePublic`, `AzureUSGovernment`, `AzureChina`, or `Simulated` (never on Azure).',
  },
  JOIN_BROKER_SIMULATED_CLOUD: {
    about: "Path of the simulated cloud's profile (JSON). Only with `JOIN_BROKER_CLOUD=Simulated`.",
  },
  JOIN_BROKER_TENANTS: {
    about:
      'Directory tenants whose managed identities may join where an allow rule names no tenant. Comma separated GUIDs.',
    example: '00000000-0000-4000-8000-000000000001',
  },
  JOIN_BROKER_AUDIENCES: {
    about:
      "Audiences of access tokens that are accepted, exactly as agents ask for them. Comma separated. Empty: the cloud's management API, with and without the trailing slash.",
  },
  JOIN_BROKER_HOST_DOMAINS: {
    about:
      "Domains that names of hosts may be below, beside the cluster's name. Comma separated. Only domains whose every name the broker may speak for.",
  },
  JOIN_BROKER_OPERATORS_TENANT: {
    about: 'The tenant in which operators sign in.',
  },
  JOIN_BROKER_OPERATORS_CLIENT_ID: {
    about:
      "The client id of the operators' application, which has the app roles `JoinBroker.Admin`, `JoinBroker.Reader` and `JoinBroker.AuthorityAdmin`.",
  },
  JOIN_BROKER_TABLES_URL: {
    about:
      "Address of Table Storage: `https://<account>.table.core.windows.net`, reached with the broker's managed identity. `http://127.0.0.1:<port>/<account>` works on one machine only.",
    example: 'https://joinbroker.table.core.windows.net',
  },
  JOIN_BROKER_TABLES_KEY: {
    about:
      "The storage account's key, for an address on loopback only. Azure's storage is reached without any key.",
  },
  JOIN_BROKER_BACKUP_URL: {
    about:
      'Where a backup is written every day: a container of blobs that keeps versions. The broker needs to write there, and nothing else. Without it there is only `joinctl auth backup`.',
    example: 'https://prodbackup.blob.core.windows.net/authorities',
  },
  JOIN_BROKER_KEY_VAULT_URL: {
    about:
      "The Key Vault that keeps the root's key and protects all others, reached with the broker's managed identity.",
    example: 'https://join-broker.vault.azure.net',
  },
  JOIN_BROKER_KEY_VAULT_PROTECTION: {
    about:
      'What keeps the keys that the broker makes in the vault: its software, or the hardware of a Premium vault (`hsm`). Keys that are there stay what they are.',
  },
  JOIN_BROKER_KEY_FILE: {
    about:
      'Local custody: path of the file (mode 0600, made if missing) with the key that encrypts all private keys. For one machine, never on Azure.',
  },
  JOIN_BROKER_DEFAULT_TTL: {
    about: 'Lifetime of certificates that ask for none.',
  },
  JOIN_BROKER_MAX_TTL: {
    about: 'Longest lifetime of any certificate; at most 24h.',
  },
  JOIN_BROKER_SSH_KEY_TYPE: {
    about:
      'The kind of the next SSH authorities: `ed25519`, or `ecdsa-p256` for servers that refuse the other one (FIPS mode). Those that are there keep theirs until they are replaced.',
  },
  JOIN_BROKER_SSH_SIGNING: {
    about: 'How long an SSH authority signs until its successor does.',
  },
  JOIN_BROKER_SSH_PUBLICATION: {
    about:
      'How long an SSH authority is in the trust bundle before it signs. Every relying party has to read the trust bundle more often than that.',
  },
  JOIN_BROKER_CRL_ADDRESS: {
    about:
      "Where relying parties find revocation lists, for certificates to say (CRL distribution point): the broker's own `/v1/trust`, or whatever keeps a copy of it under plain http, which some programs insist on. `/<key identifier>.crl` is appended. Certificates that are there keep what they say. Without it they say nothing.",
    example: 'https://join.example.org/v1/trust',
  },
  JOIN_BROKER_FAILED_JOINS_PER_ADDRESS: {
    about:
      'How many joins, and beside them how many heartbeats, from one client address (for IPv6: from one /64) may fail in a minute at one function instance, before more are answered 429. What is admitted does not count, so a fleet behind one NAT address is not held up, unless somebody else behind it fills the limit. Behind a proxy of your own, whose address all clients share, raise it. 0: no limit.',
  },
  JOIN_BROKER_FAILED_JOINS_PER_MACHINE: {
    about:
      'How many joins with the attested documents of one virtual machine (`vmId`) may fail in a minute at one function instance, before more are answered 429. 0: no limit.',
  },
  JOIN_BROKER_UNPROVED_JOINS_PER_ADDRESS: {
    about:
      'Join method `iam`: how many joins from one client address may make the broker ask AWS STS in vain in a minute at one function instance, before more are answered 429. Nothing about them can be proved without asking. Joins that are admitted do not count. 0: no limit.',
  },
  JOIN_BROKER_AUDITED_STRANGERS: {
    about:
      'How many failed joins of callers whom no rule names leave an audit line and a row of the join log in a minute at one function instance. All are counted by the metric `joins`, and what has no line by `audit_lines_not_written`. Admissions, signs of theft and machines that a rule names always leave theirs. 0: every line is written.',
  },
  JOIN_BROKER_TRUST_ANCHORS: {
    about:
      'More roots that may sign attested documents, in PEM, beside those that come with the broker. For the day on which Microsoft moves to a new root before you can update.',
  },
  JOIN_BROKER_PUBLIC_URL: {
    about:
      "The address at which joiners reach the broker: there the prober tries what must be denied, and machines install from it. Without it the prober uses the function app's own name on Azure (elsewhere such probes are skipped), and the install script the name in the request.",
    example: 'https://join.example.org',
  },
  JOIN_BROKER_PART: {
    about:
      'What this app is of the broker: `whole`, or one of two apps with identities of their own that share tables and vault. `joiners` answers machines and relying parties, runs no timer, makes no key and never signs with the root; `operators` answers operators and runs the timers.',
  },
  APPLICATIONINSIGHTS_CONNECTION_STRING: {
    about:
      'The Application Insights resource that gets metrics and audit events (docs/metrics.md). Without it audit events are log lines only.',
  },
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: {
    about:
      'The managed identity that may publish there: `ClientId=<client id>;Authorization=AAD`, or `Authorization=AAD` for the system-assigned one. Without it the connection string has to be enough.',
  },
  AZURE_CLIENT_ID: {
    about:
      "Client id of the broker's user-assigned managed identity. Without it, the system-assigned one is used.",
  },
  WEBSITE_HOSTNAME: {
    about: "Set by Azure: the function app's host name.",
  },
  WEBSITE_SITE_NAME: {
    about: "Set by Azure: the function app's name, under which Application Insights shows it.",
  },
};

/** docs/settings.md. */
export function settingsMarkdown(): string {
  const rows = Object.entries<Setting>(SETTINGS).map(([name, { standard, required }]) => {
    const { about, example } = ABOUT[name as SettingName];
    const given = required ? 'required' : standard ? `\`${standard}\`` : 'none';
    return `| \`${name}\` | ${about}${example === undefined ? '' : ` Example: \`${example}\`.`} | ${given} |`;
  });
  return [
    '# Settings',
    '',
    'The broker reads its settings from environment variables (application settings of the function app). It checks them',
    'when it starts, and says which one is wrong. Made from `shared/settings-about.ts` by `npm run build`: change it there.',
    '',
    '| variable | meaning | default |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}
