/**
 * What each field of a resource means. Types, limits and what is wrong with a value are the schemas' own to say; paths leave
 * out the places in lists.
 */
import type { ResourceKind } from '../../shared/protocol/resource.ts';

export interface Field {
  readonly about: string;
  /** What holds where it is left out. */
  readonly absent?: string;
}

export interface KindReference {
  readonly about: string;
  /** Fields of `spec`; those of `metadata` are the same for all kinds. */
  readonly spec: Readonly<Record<string, Field>>;
  /** Whole resources, as one would write them: between them they have every field that people write. */
  readonly examples: readonly string[];
}

export const METADATA: Readonly<Record<string, Field>> = {
  name: { about: 'What it is called; unique among those of its kind.' },
  expires: {
    about:
      'When it is over: a bot, role or join token admits nobody then, a lock locks nobody, a root vouches for nothing.',
    absent: 'never',
  },
  revision: {
    about:
      'Which version this is. The broker sets it; a replacement that names another one than there is now is refused.',
    absent: 'replaces whatever is there',
  },
  description: { about: "The operators' own words: kept, shown, and nothing depends on them." },
  labels: { about: "The operators' own names and values: kept, and nothing depends on them." },
};

const NO_LIMIT = "the broker's own limit alone";

export const RESOURCES: Readonly<Record<ResourceKind, KindReference>> = {
  token: {
    about: 'A join token: which machines may join, what proves them, and as what.',
    spec: {
      roles: { about: 'System roles that may join: Bot alone, or services of hosts such as Node.' },
      join_method: { about: 'What proves the machine.' },
      bot_name: {
        about: 'The bot that machines join as. Only with role Bot, and then it must be there.',
      },
      max_ttl: { about: 'Upper limit of the lifetime of certificates.', absent: NO_LIMIT },
      max_machines: {
        about:
          'How many machines may have live instances of it at once. Not with join method token.',
        absent: 'any number',
      },
      host_names: {
        about:
          'Templates of the names of hosts. Only for system roles other than Bot; needed where the join method attests no names.',
        absent:
          '{{vm_name}}.{{resource_group}}.{{cluster}}, and for an instance of a uniform scale set its number, set and group',
      },
      azure: {
        about: 'What is asked of machines of Azure.',
        absent: 'only without join method azure',
      },
      'azure.allow': { about: 'Rules: one of them has to admit the machine.' },
      'azure.allow.tenant': {
        about: "The machine's tenant.",
        absent: 'one that the settings name',
      },
      'azure.allow.subscription': {
        about: 'The subscription that it lies in.',
        absent: 'any of the tenant',
      },
      'azure.allow.resource_groups': {
        about: 'The resource groups that it may lie in: whole names, in any case.',
        absent: 'any',
      },
      'azure.allow.vm_names': {
        about:
          "The machine's names; * stands for any characters, ? for one. Of a uniform set's instance: the set, an underscore and the number.",
        absent: 'any',
      },
      'azure.allow.scale_sets': {
        about: 'The scale sets that it may be of.',
        absent: 'any, or none',
      },
      'azure.allow.managed_identities': {
        about: 'The managed identities that it may act as: client id, principal id or resource id.',
        absent: 'any',
      },
      'azure.allow.locations': { about: 'The regions that it may be in.', absent: 'any' },
      'azure.allow.tags': {
        about: 'Tags that it must have, each with this value or one of these.',
        absent: 'any',
      },
      'azure.allow.mode': {
        about: 'audit admits nobody: the join log says whom the rule would have admitted.',
        absent: 'enforce',
      },
      'azure.vm_binding': {
        about:
          'strict asks the management API which machine it is; claims believes what its access token says.',
        absent: 'strict',
      },
      allow: {
        about: 'Rules for AWS: one of them has to admit the machine.',
        absent: 'only without join method iam',
      },
      'allow.aws_account': {
        about: 'The AWS account, in quotes.',
        absent: 'the one in aws_arn, which then may have no wildcard in it',
      },
      'allow.aws_arn': {
        about: 'The ARN that signs, as AWS STS gives it; * and ? may stand in it.',
        absent: 'any of the account',
      },
      secret_sha256: {
        about: 'With join method token: the SHA-256 of the secret. The broker sets it.',
        absent: 'the broker makes a secret and shows it once',
      },
    },
    examples: [
      `kind: token
version: v2
metadata:
  name: example-bot
spec:
  roles: [Bot]
  bot_name: example
  join_method: azure
  azure:
    allow:
      - subscription: 11111111-1111-1111-1111-111111111111
        resource_groups: [group1]
        tags: {env: [prod, staging]}
      - tenant: 33333333-3333-3333-3333-333333333333
        subscription: 11111111-1111-1111-1111-111111111111
        vm_names: ["build-*"]
        scale_sets: [builders]
        managed_identities: [22222222-2222-2222-2222-222222222222]
        locations: [westeurope]
        mode: audit
    vm_binding: strict
`,
      `kind: token
version: v2
metadata:
  name: web-hosts
  description: the web servers of group1
  labels: {team: web}
  expires: "2027-01-01T00:00:00Z"
spec:
  roles: [Node]
  join_method: azure
  host_names: ["{{vm_name}}.{{cluster}}"]
  max_ttl: 12h
  max_machines: 50
  azure:
    allow:
      - subscription: 11111111-1111-1111-1111-111111111111
`,
      `kind: token
version: v2
metadata:
  name: iam-token
spec:
  roles: [Bot]
  bot_name: example
  join_method: iam
  allow:
    - aws_account: "111111111111"
      aws_arn: arn:aws:sts::111111111111:assumed-role/example-role/i-*
`,
      `kind: token
version: v2
metadata:
  name: robot-secret
  expires: "2027-01-01T00:00:00Z"
spec:
  roles: [Bot]
  bot_name: robot
  join_method: token
`,
    ],
  },
  bot: {
    about: 'Who machines join as: a name with roles and traits.',
    spec: {
      roles: { about: 'The roles that its certificates may have.' },
      traits: {
        about: 'Values that roles refer to: {{internal.logins}} stands for those of logins.',
      },
      'traits.name': { about: "The trait's name; only logins means something." },
      'traits.values': { about: 'Its values.' },
      max_session_ttl: { about: 'Upper limit of the lifetime of certificates.', absent: NO_LIMIT },
    },
    examples: [
      `kind: bot
version: v1
metadata:
  name: example
spec:
  roles: [access]
  traits:
    - name: logins
      values: [deploy]
  max_session_ttl: 1h
`,
    ],
  },
  role: {
    about: 'Which logins the SSH certificates of bots are good for, and what they permit.',
    spec: {
      allow: { about: 'What it allows.' },
      'allow.logins': {
        about: "Logins, or {{internal.logins}} for those of the bot's trait.",
        absent: 'none: no SSH certificate by this role',
      },
      'allow.node_labels': {
        about: 'Only {"*": "*"}: a certificate works on every host that trusts its authority.',
      },
      'allow.rules': { about: 'Shown by joinctl get roles; grants nothing.' },
      'allow.rules.resources': { about: 'Kinds of resources.' },
      'allow.rules.verbs': { about: 'What could be done with them.' },
      options: { about: 'What its certificates permit beside running a command, and from where.' },
      'options.max_session_ttl': {
        about: 'Upper limit of the lifetime of certificates.',
        absent: NO_LIMIT,
      },
      'options.permit_pty': { about: 'A terminal.', absent: 'false' },
      'options.permit_port_forwarding': { about: 'Forwarded ports.', absent: 'false' },
      'options.port_forwarding': { about: "Teleport's spelling of permit_port_forwarding." },
      'options.permit_agent_forwarding': { about: "The client's SSH agent.", absent: 'false' },
      'options.forward_agent': { about: "Teleport's spelling of permit_agent_forwarding." },
      'options.permit_x11_forwarding': { about: 'X11.', absent: 'false' },
      'options.permit_user_rc': { about: '~/.ssh/rc of the account.', absent: 'false' },
      'options.source_address': {
        about: 'Addresses, or ranges of them, that sshd takes the certificate from.',
        absent: 'any',
      },
    },
    examples: [
      `kind: role
version: v7
metadata:
  name: deploy
spec:
  allow:
    logins: ["{{internal.logins}}", backup]
    node_labels: {"*": "*"}
    rules:
      - resources: [session]
        verbs: [list, read]
  options:
    max_session_ttl: 30m
    permit_pty: true
    permit_port_forwarding: true
    permit_agent_forwarding: false
    permit_x11_forwarding: false
    permit_user_rc: false
    source_address: [192.0.2.0/24]
`,
    ],
  },
  lock: {
    about:
      'Who may not join or renew, until when. What is out comes on the revocation lists within a minute.',
    spec: {
      target: { about: 'Who, by exactly one of these.' },
      'target.bot': { about: 'All machines of a bot.' },
      'target.instance': { about: 'One joined life of a machine.' },
      'target.join_token': { about: 'All that use a join token.' },
      'target.machine': { about: 'A virtual machine, by its vmId.' },
      'target.identity': { about: 'Whatever acts as a managed identity, by its object id.' },
      'target.aws_arn': { about: 'Whoever signs as this ARN, as AWS STS gives it.' },
      message: { about: 'Why, for other operators.' },
      expires: { about: 'When it ends.', absent: 'when it is deleted' },
    },
    examples: [
      `kind: lock
version: v2
metadata:
  name: incident-4711
spec:
  target:
    machine: 1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11
  message: stolen
  expires: "2027-01-01T00:00:00Z"
`,
      ...[
        'bot: example',
        'instance: 8e7a4f0c-5d0b-4b39-a8f3-3a4d1f0c9b7e',
        'join_token: example-bot',
        'identity: 22222222-2222-2222-2222-222222222222',
        'aws_arn: arn:aws:sts::111111111111:assumed-role/example-role/i-0abcdef1234567890',
      ].map(
        (target) => `kind: lock
version: v2
metadata: {name: incident-4711}
spec: {target: {${target}}}
`,
      ),
    ],
  },
  azure_root: {
    about:
      "One more root that may sign Azure's attested documents. At most 20, each an authority (rule 4) that could be taken for no other one. Takes app role JoinBroker.AuthorityAdmin.",
    spec: {
      certificate: { about: 'The certificate, in PEM.' },
      sha256: {
        about: 'Its fingerprint: joinctl writes it, so that a slip of the clipboard is noticed.',
      },
    },
    examples: [
      `kind: azure_root
version: v1
metadata:
  name: digicert-global-root-g3
  description: ticket 4711
spec:
  certificate: |
    -----BEGIN CERTIFICATE-----
    MIICPzCCAcWgAwIBAgIQBVVWvPJepDU1w6QP1atFcjAKBggqhkjOPQQDAzBhMQsw
    CQYDVQQGEwJVUzEVMBMGA1UEChMMRGlnaUNlcnQgSW5jMRkwFwYDVQQLExB3d3cu
    ZGlnaWNlcnQuY29tMSAwHgYDVQQDExdEaWdpQ2VydCBHbG9iYWwgUm9vdCBHMzAe
    Fw0xMzA4MDExMjAwMDBaFw0zODAxMTUxMjAwMDBaMGExCzAJBgNVBAYTAlVTMRUw
    EwYDVQQKEwxEaWdpQ2VydCBJbmMxGTAXBgNVBAsTEHd3dy5kaWdpY2VydC5jb20x
    IDAeBgNVBAMTF0RpZ2lDZXJ0IEdsb2JhbCBSb290IEczMHYwEAYHKoZIzj0CAQYF
    K4EEACIDYgAE3afZu4q4C/sLfyHS8L6+c/MzXRq8NOrexpu80JX28MzQC7phW1FG
    fp4tn+6OYwwX7Adw9c+ELkCDnOg/QW07rdOkFFk2eJ0DQ+4QE2xy3q6Ip6FrtUPO
    Z9wj/wMco+I+o0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBhjAd
    BgNVHQ4EFgQUs9tIpPmhxdiuNkHMEWNpYim8S8YwCgYIKoZIzj0EAwMDaAAwZQIx
    AK288mw/EkrRLTnDCgmXc/SINoyIJ7vmiI1Qhadj+Z4y3maTD/HMsQmP3Wyr+mt/
    oAIwOWZbwmSNuJ5Q3KjVSaLtx9zRSX8XAbjIho9OjIgrqJqpisXRAL34VOKa5Vt8
    sycX
    -----END CERTIFICATE-----
  sha256: 31ad6648f8104138c738f39ea4320133393e3a18cc02296ef97c2ac9ef6731d0
`,
    ],
  },
  azure_denied_signer: {
    about:
      'A certificate, or a key with all its certificates, under which no attested document counts: as its signer, as one above it, or as root. At most 200. Takes app role JoinBroker.Admin or JoinBroker.AuthorityAdmin.',
    spec: {
      sha256: {
        about:
          "The certificate's fingerprint. Exactly one of this and `public_key_sha256`; with this one another certificate of the same key counts.",
      },
      public_key_sha256: {
        about:
          "The SHA-256 of the certificate's SubjectPublicKeyInfo: every certificate of the key is denied, whoever signed it. `joinctl azure-signers deny <file>` writes it.",
      },
      message: { about: 'Why, for other operators.' },
    },
    examples: [
      `kind: azure_denied_signer
version: v1
metadata:
  name: leaked-signer
spec:
  sha256: 6a170583db584151e1c454eeca2a64cc5d8e484a5bd1156e720b4458654ee9e5
  message: key leaked, ticket 4711
`,
      `kind: azure_denied_signer
version: v1
metadata:
  name: leaked-key
spec:
  public_key_sha256: 8bb593a93be1d0e8a822bb887c547890c3e706aad2dab76254f97fb36b82fc26
  message: key leaked, ticket 4711
`,
    ],
  },
};
