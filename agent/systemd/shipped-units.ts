/** The units that the install script installs: one for a bot, one for a host. The build puts their text into the script. */
import { JOINBOT_YAML, type Unit, unitText } from './unit.ts';

const COMMON = {
  program: ['/usr/local/bin/joinbot'],
  madeBy: 'the install script of Join Broker',
} as const;

const BOT: Unit = {
  ...COMMON,
  name: 'joinbot',
  description: 'Join Broker agent',
  config: JOINBOT_YAML,
  user: 'joinbot',
  directories: ['/var/lib/joinbot', '/opt/machine-id'],
};

const HOST: Unit = {
  ...COMMON,
  name: 'joinbot-node',
  description: 'Join Broker agent of a host',
  config: '/etc/teleport.yaml',
  directories: ['/var/lib/joinbot-node', '/var/lib/teleport'],
};

/** By the names that stand for them in the script. */
export const shippedUnits = (): Readonly<Record<'UNIT_OF_BOT' | 'UNIT_OF_HOST', string>> => ({
  UNIT_OF_BOT: unitText(BOT),
  UNIT_OF_HOST: unitText(HOST),
});
