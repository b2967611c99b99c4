/** The units that the install script installs, line by line: what they may not do is what keeps a machine safe. */
import { expect, test } from 'vitest';
import { shippedUnits } from '../../../agent/systemd/shipped-units.ts';

/** The lines that mean something to systemd. */
const settings = (unit: string): readonly string[] =>
  unit.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

const whole = (
  description: string,
  config: string,
  ...own: readonly string[]
): readonly string[] => [
  '[Unit]',
  `Description=${description}`,
  'After=network-online.target',
  'Wants=network-online.target',
  'StartLimitIntervalSec=0',
  '[Service]',
  'Type=exec',
  'UMask=0077',
  'UnsetEnvironment=NODE_OPTIONS NODE_PATH NODE_V8_COVERAGE NODE_DEBUG NODE_DEBUG_NATIVE',
  `ExecStart=/usr/local/bin/joinbot start -c ${config}`,
  'ExecReload=/bin/kill -HUP $MAINPID',
  'Restart=on-failure',
  'RestartSec=10',
  ...own,
  'LimitCORE=0',
  'NoNewPrivileges=yes',
  'CapabilityBoundingSet=',
  'ProtectSystem=strict',
  'ProtectHome=yes',
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'ProtectHostname=yes',
  'ProtectClock=yes',
  'ProtectKernelTunables=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelLogs=yes',
  'ProtectControlGroups=yes',
  'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'RemoveIPC=yes',
  'KeyringMode=private',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallFilter=~@privileged @resources',
  'SystemCallErrorNumber=EPERM',
  '[Install]',
  'WantedBy=multi-user.target',
];

test("a bot's runs as a user of its own, who sees no other processes", () => {
  const { UNIT_OF_BOT: unit } = shippedUnits();
  expect(settings(unit)).toEqual(
    whole(
      'Join Broker agent',
      '/etc/joinbot.yaml',
      'User=joinbot',
      'Group=joinbot',
      'ProtectProc=invisible',
      'StateDirectory=joinbot',
      'StateDirectoryMode=0700',
      'ReadWritePaths=-/opt/machine-id',
    ),
  );
  expect(unit).toMatch(
    /^# Made by the install script of Join Broker\..* systemctl edit joinbot\n\[Unit\]\n/,
  );
  expect(unit).not.toContain('\n# It runs as root');
});

test("a host's runs as root, without root's rights", () => {
  const { UNIT_OF_HOST: unit } = shippedUnits();
  expect(settings(unit)).toEqual(
    whole(
      'Join Broker agent of a host',
      '/etc/teleport.yaml',
      'StateDirectory=joinbot-node teleport',
      'StateDirectoryMode=0700',
    ),
  );
  expect(unit).toMatch(
    /^# Made by the install script of Join Broker\..* systemctl edit joinbot-node\n\[Unit\]\n/,
  );
  expect(unit).toContain('\n# It runs as root, without the rights that make root special');
});
