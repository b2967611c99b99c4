/** What `joinbot help` prints. */
export const USAGE = `joinbot joins this machine to a join broker and keeps its certificates fresh.

Usage:
  joinbot start -c <file> [flags]   join, write certificates, renew them until stopped
  joinbot configure [flags]         print the config file that says what flags of start say
  joinbot wait [flags]              wait until certificates are there, for scripts
  joinbot status [flags]            what is in the directories, and until when it is good
  joinbot doctor -c <file> [flags]  try everything that a join needs, without joining
  joinbot install systemd [flags]   a unit that runs joinbot with this config, as little exposed as can be
  joinbot init [flags]              make an output's directory for the agent's user, and let readers in (as root)
  joinbot install sshd [flags]      make sshd use the files of a host that has joined as Node
  joinbot version                   print the version
  joinbot help                      print this

Flags of start and configure; they win over the config file:
  -c, --config <file>          config file (YAML): joinbot's own, or a teleport.yaml, which joins as a host
      --proxy-server <addr>    address of the broker, host:port
      --auth-server <addr>     the same
      --join-method <method>   azure, iam or token
      --token <token>          the join token: its name, or its secret with join method token;
                               file:<path> or /path for a file that holds it
      --ca-pin <pin>           accept only trust bundles under this root (sha256:...); may be repeated
      --data-dir <dir>         keep the agent's own identity here, so that a restart renews (also --storage)
      --destination-dir <dir>  write an identity for other programs here (also --destination)
      --credential-ttl <time>  how long certificates are to be valid, such as 1h30m (also --certificate-ttl)
      --renewal-interval <time>  how often to renew
      --diag-addr <host:port>  answer /livez, /readyz and /metrics there
      --ssh-host-key <file>    of a Node: the host key (.pub) that its SSH certificates are for, or none for a key
                               of their own (default: sshd's Ed25519 or ECDSA key in /etc/ssh, where there is one)
      --oneshot                join, write, exit
  -d, --debug                  log more
      --log-format text|json   form of the log lines (default text)

Flags of configure alone:
  -o, --output <file>          write it there; --force where another one is there already

Flags of install systemd, which prints what it would write:
  -c, --config <file>          the config to run with (default /etc/joinbot.yaml); the unit may write where it says
      --name <name>            of the unit (default joinbot)
      --user, --group <name>   who it runs as (default joinbot; a teleport.yaml's joins as root)
      --write                  write it to /etc/systemd/system, and tell systemd; --systemd-directory for another place
      --force                  also where a unit of that name is there already and differs

Flags of init:
  -c, --config <file>          set up the directories of outputs that have readers; or
      --destination-dir <dir>  this one, for
      --reader-user <user>     who may read what is written there
      --bot-user <user>        who the agent runs as (default joinbot)

Flags of install sshd, which prints what it would write:
  -c, --config <file>          the teleport.yaml that the host joined with (default /etc/teleport.yaml)
      --write                  write it to sshd_config.d, have sshd test it, and reload sshd, from now on after
                               each renewal too; where sshd refuses it, everything is put back as it was
      --sshd-config <file>     sshd's main configuration (default /etc/ssh/sshd_config)

Without --token, the variable JOINBOT_TOKEN counts before the config file; it holds the same. A secret is
best kept in a file that only joinbot's user can read: a command line shows in the list of processes.
Join method token needs --data-dir (or storage of type directory): a secret is good for one join, and what
comes after is proved by the keys kept there. A copy of that directory, or a disk that was set back to a
backup, is locked as soon as both are used; the machine then needs a new secret.

Flags of wait and status: -c, --data-dir and --destination-dir name the directories; wait has --timeout <duration> (5m),
status --format text|json, and exits 1 where a certificate is missing or over. doctor has the flags of start, and exits 1
where something is in the way.
Under systemd with Type=notify and NotifyAccess=all, the service is ready once its certificates are written.

HTTPS_PROXY, HTTP_PROXY and NO_PROXY count for the broker and for downloads. Metadata services and this machine itself
are never asked through a proxy. Servers are trusted whom this machine's certificate store trusts; SSL_CERT_FILE names
another one, NODE_EXTRA_CA_CERTS more.

Signals: SIGHUP and SIGUSR1 renew now, SIGINT and SIGTERM stop.
Exit codes: 0 done or stopped, 1 failed, 2 wrong usage.
`;
