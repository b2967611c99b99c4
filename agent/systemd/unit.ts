/** The unit of a joinbot that runs for years: what the install script installs, and `joinbot install systemd` writes. */

export interface Unit {
  readonly name: string;
  readonly description: string;
  /** The words of the command that runs joinbot; none of them needs quotes. */
  readonly program: readonly string[];
  readonly config: string;
  /** Absent: root, without the rights that make root special. */
  readonly user?: string;
  readonly group?: string;
  /** The directories that it may write to. */
  readonly directories: readonly string[];
  /** Where its sockets are: systemd makes those below /run, which is empty after each start of the machine. */
  readonly socketDirectories?: readonly string[];
  /** Who made the file. */
  readonly madeBy: string;
}

/** The config of the machine's bot, where nothing says otherwise. */
export const JOINBOT_YAML = '/etc/joinbot.yaml';

const STATE = '/var/lib/';
/** Under either name; but what is of a user's session is not this unit's to make. */
const RUNTIME = /^(?:\/var)?\/run\/(?!user\/)/;

export function unitText(unit: Unit): string {
  const { name, description, program, config, user, group = user, directories, madeBy } = unit;
  const { socketDirectories: sockets = [] } = unit;
  const state = directories.filter((path) => path.startsWith(STATE));
  const runtime = sockets.filter((path) => RUNTIME.test(path));
  const others = new Set([
    ...directories.filter((path) => !path.startsWith(STATE)),
    ...sockets.filter((path) => !RUNTIME.test(path)),
  ]);
  return `# Made by ${madeBy}. Put changes beside it, with: systemctl edit ${name}
[Unit]
Description=${description}
After=network-online.target
Wants=network-online.target
# A broker that is away for long must not make systemd give up.
StartLimitIntervalSec=0

[Service]
Type=exec
UMask=0077
# What is set for all services may not open a debugger's port in this one, or load code into it.
UnsetEnvironment=NODE_OPTIONS NODE_PATH NODE_V8_COVERAGE NODE_DEBUG NODE_DEBUG_NATIVE
ExecStart=${program.join(' ')} start -c ${config}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=10

${user === undefined ? AS_ROOT : `User=${user}\nGroup=${group}\nProtectProc=invisible\n`}# The only places it can write to. Another directory of an output needs a ReadWritePaths= of its own.
${state.length > 0 ? `StateDirectory=${state.map((path) => path.slice(STATE.length)).join(' ')}\nStateDirectoryMode=0700\n` : ''}${runtime.length > 0 ? `RuntimeDirectory=${runtime.map((path) => path.replace(RUNTIME, '')).join(' ')}\nRuntimeDirectoryMode=0755\n` : ''}${[...others].map((path) => `ReadWritePaths=-${path}\n`).join('')}
${HARDENING}`;
}

const AS_ROOT = `# It runs as root, without the rights that make root special: sshd trusts the files that it writes, and only root may
# tell systemd to reload sshd.
`;

const HARDENING = `# No more than an agent needs that opens connections and writes files. Private keys never reach a core file.
LimitCORE=0
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectHostname=yes
ProtectClock=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
