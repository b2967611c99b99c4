/**
 * Every reason for which a join is denied: what it means, and what mends it. `joinctl joins show` prints it with the names
 * of the attempt in it, the reference with placeholders.
 */
import type { DenialReason } from '../shared/protocol/denial-reason.ts';
import type { JoinRecord } from '../shared/protocol/join-record.ts';

export interface Denial {
  readonly cause: string;
  readonly mend: readonly Remedy[];
}

/** One way to mend it. Of several each begins by saying when it is the right one. */
export interface Remedy {
  readonly says: string;
  /** Commands, with placeholders such as `<bot>`. */
  readonly run?: readonly string[];
  /** Whether it fits the attempt; absent: it always does. */
  readonly fits?: (record: JoinRecord) => boolean;
}

const bySecret = ({ join_method }: JoinRecord): boolean => join_method === 'token';
const byOther = (record: JoinRecord): boolean => !bySecret(record);
const asHost = ({ system_role = 'Bot' }: JoinRecord): boolean => system_role !== 'Bot';
const asBot = (record: JoinRecord): boolean => !asHost(record);

const AGAIN: Remedy = {
  says: 'An agent makes new evidence for each try, so the next one may pass. If it goes on, see on the machine what is wrong:',
  run: ['joinbot doctor -c <config>'],
};

const FORGED: Remedy = {
  says: 'No agent sends this. If nobody of you tries things out, somebody makes evidence up; nothing was given away. On the machine, look whether something stands between agent and metadata service:',
  run: ['joinbot doctor -c <config>'],
};

const OWN_CLOCK: Remedy = {
  says: "Set the machine's clock (timedatectl), then let the agent try again:",
  run: ['joinbot start -c <config> --oneshot'],
};

/** With a secret nothing is proved twice: only a new one helps. */
const NEW_SECRET: readonly Remedy[] = [
  {
    says: 'Give the machine a new secret:',
    run: ['joinctl tokens add --bot=<bot> --method=token'],
    fits: asBot,
  },
  {
    says: 'Give the machine a new secret:',
    run: ['joinctl tokens add --type=<system role>'],
    fits: asHost,
  },
];

export const DENIALS: Readonly<Record<DenialReason, Denial>> = {
  access_token_algorithm: {
    cause: "The access token's header is not as Entra ID writes it.",
    mend: [FORGED],
  },
  access_token_audience: {
    cause: 'The access token was made for another service than the broker.',
    mend: [
      {
        says: "Set onboarding.azure.audience in the agent's config to an audience that Detail names, then try:",
        run: ['joinbot doctor -c <config>'],
      },
    ],
  },
  access_token_issuer: {
    cause: "The access token says that it comes from another directory than its tenant's.",
    mend: [FORGED],
  },
  access_token_malformed: { cause: 'The access token can not be read.', mend: [FORGED] },
  access_token_not_machine: {
    cause:
      'The access token is of a user, an application or another resource, not of a virtual machine.',
    mend: [
      {
        says: 'Where the machine joins with the identity of a container or a function, it can not join by method azure. Else it uses an identity of its own: assign one.',
        run: ['az vm identity assign --ids <resource id>'],
      },
    ],
  },
  access_token_signature: {
    cause: "The access token is not signed with a key of its tenant's directory.",
    mend: [FORGED],
  },
  access_token_tenant: {
    cause: 'The access token is of a tenant that neither the join token nor the settings name.',
    mend: [
      {
        says: 'If machines of tenant <tenant> are to join, add tenant: <tenant> to a rule of the join token:',
        run: ['joinctl edit tokens/<join token>'],
      },
    ],
  },
  access_token_times: {
    cause: 'The access token has expired, or is not good yet.',
    mend: [AGAIN],
  },
  bot_expired: {
    cause: 'The bot has an end (metadata.expires), and it is over.',
    mend: [{ says: 'Move its end, or take it away:', run: ['joinctl edit bots/<bot>'] }],
  },
  bot_not_found: {
    cause: 'The join token is for a bot that does not exist.',
    mend: [
      {
        says: 'Create the bot:',
        run: ['joinctl bots add <bot> --token=<join token> --roles=access'],
      },
    ],
  },
  copied_identity: {
    cause:
      "The agent's state directory is in two places: an older key of the instance was used. The instance is locked (<lock>).",
    mend: [
      {
        says: 'Find the copy first: a cloned disk, a restored backup, or a thief ("Signs of theft" in the runbook). Its certificates live until they expire.',
      },
      ...NEW_SECRET,
    ],
  },
  document_chain: {
    cause:
      "The certificate that signed the attested document doesn't lead to a root that the broker trusts.",
    mend: [
      {
        says: 'If Azure has a new root, add it: joinctl azure-roots add. If an intermediate is missing, let the machine reach the addresses in docs/guides/azure.md:',
        run: ['joinbot doctor -c <config>'],
      },
    ],
  },
  document_malformed: {
    cause: 'The attested document is not of the form that Azure signs.',
    mend: [FORGED],
  },
  document_name: {
    cause:
      'The attested document is signed by somebody else than the metadata service of this cloud.',
    mend: [
      {
        says: 'Where the machine is in another cloud (US Government, China), it needs a broker there. Else:',
        run: ['joinbot doctor -c <config>'],
      },
    ],
  },
  document_nonce: { cause: 'The attested document was made for another request.', mend: [AGAIN] },
  document_signature: {
    cause: 'The attested document was changed after it was signed.',
    mend: [FORGED],
  },
  document_signer_denied: {
    cause:
      "An operator denies a certificate that the attested document rests on, or its key: its signer's, or one above it (<denied signer>).",
    mend: [
      {
        says: 'joinctl get azure_denied_signers says why. If the certificate is good after all:',
        run: ['joinctl azure-signers rm <denied signer>'],
      },
    ],
  },
  document_times: {
    cause: 'The attested document was made more than five minutes ago, or ends before now.',
    mend: [AGAIN],
  },
  host_name_impossible: {
    cause: 'No host name can be made from what is known of the machine.',
    mend: [
      {
        says: 'Give the join token other host_names, such as "{{vm_name}}.{{cluster}}":',
        run: ['joinctl edit tokens/<join token>'],
      },
    ],
  },
  host_name_taken: {
    cause:
      'Another machine has the host name, or one that was made anew under the same resource id.',
    mend: [
      {
        says: 'If the machine that has it is gone, free it:',
        run: ['joinctl nodes rm <name>'],
      },
    ],
  },
  instance_removed: {
    cause: 'An operator removed the instance that this request made.',
    mend: [
      {
        says: 'Its agent joins afresh by itself, as another instance, unless the machine is locked.',
      },
    ],
  },
  join_method_mismatch: {
    cause: 'The join token is for another join method than the agent used.',
    mend: [
      {
        says: "Set the join method in the agent's config to the one that Detail names, then try:",
        run: ['joinbot doctor -c <config>'],
      },
    ],
  },
  join_token_expired: {
    cause: 'The join token has an end (metadata.expires), and it is over.',
    mend: [
      {
        says: 'Move its end, or take it away:',
        run: ['joinctl edit tokens/<join token>'],
        fits: byOther,
      },
      ...NEW_SECRET.map((remedy) => ({
        ...remedy,
        fits: (record: JoinRecord) => bySecret(record) && remedy.fits?.(record) !== false,
      })),
    ],
  },
  join_token_not_found: {
    cause: 'There is no join token of this name, or with this secret.',
    mend: [
      {
        says: "Correct onboarding.token in the agent's config (joinctl get tokens shows all), or create it for a bot of yours:",
        run: [
          'joinctl tokens add <join token> --bot=<bot> --subscription=<subscription> --resource-group=<group>',
        ],
        fits: (record) => record.join_method === 'azure' && asBot(record),
      },
      {
        says: "Correct the join token in the host's config (joinctl get tokens shows all), or create it:",
        run: [
          'joinctl tokens add <join token> --type=<system role> --subscription=<subscription> --resource-group=<group>',
        ],
        fits: (record) => record.join_method === 'azure' && asHost(record),
      },
      {
        says: "Correct onboarding.token in the agent's config (joinctl get tokens shows all), or create it:",
        run: [
          'joinctl tokens add <join token> --bot=<bot> --method=iam --aws-account=<aws account>',
        ],
        fits: ({ join_method }) => join_method === 'iam',
      },
      {
        says: 'A secret ends with its join token. Give the machine a new one:',
        run: ['joinctl tokens add --bot=<bot> --method=token'],
        fits: bySecret,
      },
    ],
  },
  key_not_possessed: {
    cause: 'A certificate request is not signed with its own key.',
    mend: [FORGED],
  },
  locked: {
    cause: 'A lock is on it: joinctl get lock/<lock> shows who is locked, until when and why.',
    mend: [{ says: 'If it is to join again:', run: ['joinctl unlock <lock>'] }],
  },
  machine_identity: {
    cause: "The machine doesn't carry the managed identity whose token came.",
    mend: [
      {
        says: "Assign the identity <identity> to the machine, or take it out of the agent's config. After a change, wait a few minutes.",
        run: ['az vm identity show --ids <resource id>'],
      },
    ],
  },
  machine_mismatch: {
    cause: 'What came is of two machines: document, access token and resource id must be of one.',
    mend: [
      {
        says: 'Run the agent on the machine itself, with nothing between it and its metadata service. If the token was carried away, lock its identity:',
        run: ['joinctl lock --identity=<identity>'],
        fits: byOther,
      },
    ],
  },
  machine_not_found: {
    cause:
      'The management API knows no machine with this resource id: it was deleted, moved or made a moment ago.',
    mend: [
      {
        says: "Let the agent try again. If it is there, the broker's identity may lack the right to read it:",
        run: [
          'az role assignment create --role Reader --assignee <broker identity> --scope /subscriptions/<subscription>',
        ],
      },
    ],
  },
  other_broker: {
    cause: 'The request was made for another cluster than this one.',
    mend: [
      {
        says: "Set proxy_server and ca_pins in the agent's config to this broker's:",
        run: ['joinctl status'],
      },
    ],
  },
  request_used: {
    cause: 'The request had its answer, and its row was needed no more: a request counts once.',
    mend: [AGAIN],
  },
  role_not_allowed: {
    cause: "A role stands in the way: it isn't the bot's, doesn't exist, or has expired.",
    mend: [
      {
        says: 'If the bot is to have it:',
        run: ['joinctl bots update <bot> --add-roles=<role>'],
        fits: ({ denied_role_is }) => denied_role_is === "not the bot's",
      },
      {
        says: 'Take it from the bot, by naming the roles that it is to have:',
        run: ['joinctl bots update <bot> --roles=access'],
        fits: ({ denied_role_is }) => denied_role_is === 'missing',
      },
      {
        says: 'Move the end of the role, or take it away:',
        run: ['joinctl edit roles/<role>'],
        fits: ({ denied_role_is }) => denied_role_is === 'expired',
      },
      {
        says: 'Change the source_address of one of them, or ask for certificates with fewer roles:',
        run: ['joinctl get roles'],
        fits: ({ denied_role_is }) => denied_role_is === undefined,
      },
    ],
  },
  rule_mismatch: {
    cause:
      'No rule of the join token admits the machine; Detail says for each which field stood in the way.',
    mend: [
      {
        says: 'If this machine is to join, add a rule or widen one, then see what it would do:',
        run: ['joinctl edit tokens/<join token>', 'joinctl explain --join=<request id>'],
      },
    ],
  },
  secret_mismatch: {
    cause: 'The secret is not the one that the request names.',
    mend: [
      {
        says: 'Give the agent the secret as joinctl printed it, all 32 digits. Where it is lost, make the machine a new one: joinctl tokens add.',
      },
    ],
  },
  secret_used: {
    cause: 'The secret was used for a first join already.',
    mend: [
      {
        says: 'If nobody of you used it, it was stolen: remove what joined with it ("Signs of theft" in the runbook).',
        run: ['joinctl bots instances rm <bot> <instance>'],
        fits: asBot,
      },
      ...NEW_SECRET,
    ],
  },
  sts_denied: {
    cause: "AWS STS does not accept the machine's credentials.",
    mend: [
      {
        says: "Look at the machine's role, and whether its session is over; then let the agent try again:",
        run: ['joinbot doctor -c <config>'],
      },
    ],
  },
  sts_request_host: {
    cause: 'The request is signed for a host that is none of STS.',
    mend: [FORGED],
  },
  sts_request_malformed: {
    cause: 'The signed request to STS is not of the one form that counts.',
    mend: [FORGED],
  },
  sts_request_not_bound: {
    cause: 'The signed request to STS was made for another join.',
    mend: [AGAIN],
  },
  sts_request_times: {
    cause: 'The request to STS was signed more than five minutes ago, or in the future.',
    mend: [OWN_CLOCK],
  },
  system_role_mismatch: {
    cause: 'The join token is for another system role than the one that the machine asked for.',
    mend: [
      {
        says: 'A join token is for a bot or for hosts, never for both. Name one for a bot in the config, or make one:',
        run: ['joinctl get tokens --format=text'],
        fits: asBot,
      },
      {
        says: 'A join token is for a bot or for hosts. Name one for <system role> in the config, or make one (with --subscription and --resource-group where Azure attests the host):',
        run: ['joinctl get tokens --format=text'],
        fits: asHost,
      },
    ],
  },
  too_many_machines: {
    cause:
      'As many other machines as the join token admits at once (max_machines) have live instances of it.',
    mend: [
      {
        says: 'If this machine is to join beside them, raise max_machines, or take it away:',
        run: ['joinctl edit tokens/<join token>'],
      },
      {
        says: 'If one that Detail names is gone, remove its instance (joinctl bots instances rm): then its place is free at once. These are all:',
        run: ['joinctl bots instances ls <bot>'],
        fits: asBot,
      },
      {
        says: 'If one that Detail names is gone, its place is free when its certificates are over.',
        fits: asHost,
      },
    ],
  },
};

/** What mends an attempt that was denied, with its names in place of the placeholders that are known. */
export function remediesFor(record: JoinRecord, { mend }: Denial): readonly Remedy[] {
  return mend
    .filter(({ fits }) => fits?.(record) ?? true)
    .map(({ says, run }) => ({
      says: filled(says, record, (name) => name),
      ...(run && { run: run.map((command) => filled(command, record, asWord)) }),
    }));
}

/** The cause, likewise. */
export const causeFor = (record: JoinRecord, { cause }: Denial): string =>
  filled(cause, record, (name) => name);

function filled(text: string, record: JoinRecord, write: (name: string) => string): string {
  const known = namesOf(record);
  return text.replace(/<([a-z ]+)>/g, (whole, name: string) => {
    const value = known[name];
    return value === undefined ? whole : write(value);
  });
}

/** What a machine claims may be in it: a shell takes it for one word, whatever it is. */
const asWord = (name: string): string =>
  /^[\w.@%:/+-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;

function namesOf(record: JoinRecord): Readonly<Record<string, string | undefined>> {
  const resourceId = record.resource_id ?? record.claimed_resource_id;
  return {
    bot: record.bot,
    'join token': record.join_token,
    lock: record.lock,
    role: record.denied_role,
    name: record.denied_name,
    'denied signer': record.denied_signer,
    tenant: record.claimed_tenant ?? record.tenant,
    subscription: record.subscription,
    group: /\/resourcegroups\/([^/]+)\//i.exec(resourceId ?? '')?.[1],
    'resource id': resourceId,
    identity: record.identity,
    instance: record.instance_id,
    'system role': record.system_role,
    'request id': record.request_id,
    'aws account': record.aws_account,
  };
}
