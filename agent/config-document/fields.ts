/**
 * What each field of the config file means, for editors. Fields of one type of output alone are written `outputs[type].field`;
 * `services` has the same ones.
 */

/** Each type of output or service. */
export const KINDS: Readonly<Record<string, string>> = {
  identity: "A bot's certificates of both kinds, as ssh and curl use them.",
  tls: 'X.509 certificate, key and authorities, in the forms and under the names that programs want.',
  application: 'A client certificate for a web service.',
  database: 'A client certificate for a database server.',
  ssh_host: "An SSH certificate for a host's attested names; the machine joins with role: Node.",
  spiffe: 'An X.509-SVID under the names that SPIFFE tools write.',
  'workload-identity-x509': "tbot's name for an output of type spiffe.",
  'workload-identity-api':
    'The SPIFFE Workload API on a Unix socket. Only in services, and not with oneshot.',
};

const DURATION = 'A duration such as 30m, 1h30m or 1.5h.';

export const FIELDS: Readonly<Record<string, string>> = {
  version: 'The form of this file: v2.',
  proxy_server: 'The address of the broker: host:port, or https://host:port.',
  auth_server: "The same as proxy_server, under tbot's other name. One of them.",
  onboarding: 'How this machine joins.',
  'onboarding.join_method':
    'What proves this machine: azure, iam (AWS), or token (a secret for one first join).',
  'onboarding.role':
    "What joins, as the join token's roles have it. Without it: a bot. Other roles are hosts.",
  'onboarding.token':
    'The name of the join token, or with join method token its secret; or file: and the path of a file that holds it. --token and JOINBOT_TOKEN win.',
  'onboarding.ca_pins':
    'Hashes of the roots that the broker may have (joinctl status shows them): sha256: and 64 hex digits.',
  'onboarding.ca_path':
    "A file of PEM certificates that the broker's TLS may come from, beside those that everybody trusts.",
  'onboarding.azure': 'For join method azure alone.',
  'onboarding.azure.client_id':
    'The client id of a user-assigned identity. Without it: the system-assigned one.',
  'onboarding.azure.audience':
    'What the access token is for, as the broker accepts it. Default: https://management.azure.com/.',
  storage:
    'Where the agent keeps its own identity, so that a restart renews instead of joining afresh. Default: memory.',
  'storage.type': 'memory, or directory.',
  'storage.path': 'A directory of its own, which only the agent can read.',
  'storage.symlinks': "tbot's; makes no difference here.",
  'storage.acls': "tbot's; makes no difference here.",
  outputs:
    'What is written for other programs, at most 15 in all. Each has a key, roles and a lifetime of its own.',
  'outputs.type': 'What it is made for.',
  'outputs.name':
    'For /readyz/<name>: letters, digits and . _ + -. Default: its type and number, such as tls-2.',
  'outputs.destination': 'Where it goes.',
  'outputs.destination.type':
    'directory, kubernetes_secret, or memory (a trial: nothing is written).',
  'outputs.destination.path': 'A directory of its own.',
  'outputs.destination.symlinks': "tbot's; makes no difference here.",
  'outputs.destination.acls': "tbot's; makes no difference here.",
  'outputs.destination.readers':
    "Who may read the files beside the agent's own user, by access control lists.",
  'outputs.destination.readers.user': 'The name of a user of this machine.',
  'outputs.destination.readers.group': 'The name of a group of this machine.',
  'outputs.destination.mode':
    'Mode of the files, in quotes, such as "0640": for the group of the directory. Default: "0600".',
  'outputs.destination.name': 'The name of the secret.',
  'outputs.destination.namespace': "The secret's namespace. Default: that of the agent's pod.",
  'outputs.destination.secret_type':
    'Opaque (the default), or kubernetes.io/tls for an output of type tls without formats.',
  'outputs.destination.labels': 'Labels of the secret.',
  'outputs.roles': "Roles of the bot that the certificate is to have. Default: all of the bot's.",
  'outputs.credential_ttl': `How long its certificate is to be valid. ${DURATION} Default: credential_ttl of the file.`,
  'outputs.renewal_interval': `How often it is renewed. ${DURATION} Default: a third of its life.`,
  'outputs.reload': 'Who is told once the files have changed.',
  'outputs.reload.command': 'A program and its arguments, without a shell, for 30 seconds at most.',
  'outputs.reload.signal': 'HUP, USR1 or USR2.',
  'outputs.reload.pid_file': 'The file with the number of the process that gets the signal.',
  'outputs.reload.program': 'What that process is called: another one gets no signal.',
  'outputs.reload.systemd_unit': 'systemctl try-reload-or-restart of this unit.',
  'outputs.hosts':
    'Names of hosts, or patterns such as *.example.org, that ssh_config is for, beside those of the cluster.',
  'outputs[identity].formats':
    'openssh: the key in the form of OpenSSH, too (id_ecdsa), as paramiko reads it.',
  'outputs.ssh_config': 'off: no ssh_config and known_hosts for the hosts.',
  'outputs[tls].formats': 'Forms and names of the files. Default: pem.',
  'outputs.revocation':
    'true: also tls.crl, which says what is revoked, for programs that are told to check it. Default: false.',
  'outputs[identity].revocation':
    'true: also tls.crl and revoked.krl, which say what is revoked; ssh_config names the second. Default: false.',
  'outputs.pkcs12': 'Of the key stores.',
  'outputs.pkcs12.password_file':
    'A file with the password of the key stores. Default password: changeit.',
  'outputs.pkcs12.alias': "The name of the key's entry. Default: joinbot.",
  'outputs.app_name': "tbot's; makes no difference here: the service decides.",
  'outputs.specific_tls_naming': 'Also as tls.crt, tls.key and tls.cas.',
  'outputs.format':
    'For which program: tls (PEM, the default), postgresql, mysql, mongo, cockroach or pkcs12.',
  'outputs.service': "tbot's; makes no difference here.",
  'outputs.database': "tbot's; makes no difference here: name it where the client connects.",
  'outputs.username':
    "tbot's; makes no difference here: the certificate's common name is the bot's, and the server maps it.",
  'outputs.host_key':
    "The public half (.pub) of the host key that sshd has, or none for a key of joinbot's own. Default: sshd's, where there is one.",
  'outputs.principals': "tbot's; makes no difference here: the names are attested.",
  'outputs.selector': 'Not here: the SPIFFE ID is the one that the broker gives.',
  'outputs.listen': 'The socket, such as unix:///run/joinbot/workload.sock.',
  'outputs.readers':
    "Who may connect beside the agent's own user. Whoever does gets the private key.",
  'outputs.readers.user': 'The name of a user of this machine.',
  'outputs.readers.group': 'The name of a group of this machine.',
  'outputs.mode': 'Mode of the socket, in quotes: "0600" (the default), "0660" or "0666".',
  oneshot: 'Join, write, end: nothing is renewed.',
  debug: 'Log more.',
  log_format: 'Form of the log lines: text (the default) or json.',
  diag_addr:
    'host:port, such as 127.0.0.1:3001, where /livez, /readyz and /metrics are answered. Without a host: on this machine only.',
  credential_ttl: `How long certificates are to be valid. ${DURATION} Default: 1h.`,
  certificate_ttl: 'The older name of credential_ttl.',
  renewal_interval: `How often the agent renews its own certificate. ${DURATION} Default: a third of the shortest life.`,
  revocation_interval: `How often to ask for revocation lists, where something has them: 1m to 6h. ${DURATION} Default: 5m.`,
  insecure: 'false: TLS is always checked.',
  fips: 'false: this agent makes no promise about FIPS 140.',
};
