/** The one place where the secret of a new join token is printed, with what it takes to use it on a machine. */
import type { Discovery } from '../../shared/protocol/discovery.ts';
import type { Resource } from '../../shared/protocol/resource.ts';
import { formatDuration, parseTimestamp } from '../../shared/protocol/values.ts';
import { shortAddress } from '../address.ts';
import type { Io } from '../io.ts';
import type { NewSecret } from '../join-tokens.ts';
import { joinersAddress } from '../joiners-address.ts';
import { printable } from '../printable.ts';
import { field, texts } from '../resource-fields.ts';
import { type Format, printOne, toYaml } from '../resource-output.ts';
import type { Session } from '../session.ts';
import { hostConfig } from './host-config.ts';
import { DATA_DIR, DESTINATION_DIR } from './machine-paths.ts';

const SECRET_FILE = '/etc/joinbot.secret';
const CONFIG_FILE = '/etc/teleport.yaml';

/** Tells the operator the secret, how long it is good for, and what to do on the machine. */
export async function printSecret(io: Io, session: Session, made: NewSecret): Promise<void> {
  const broker = await session.discovery();
  io.stdout.write(`
Its secret, which is shown this once:

  ${made.secret}

${lifeOf(made.token, io.now())}
${broker.ca_pins.map((pin) => `CA pin ${pin}\n`).join('')}
${secretSteps(made, shortAddress(await joinersAddress(session)), broker)}`);
}

/** What to do on the machine with a secret. */
export const secretSteps = (
  made: NewSecret,
  address: string,
  { ca_pins: pins, cluster_name: cluster }: Discovery,
): string =>
  isForBots(made.token)
    ? botSteps(botCommand(made, address, pins))
    : hostSteps(hostConfig(made, address, pins), hostNames(made.token, cluster));

/** The same for programs. `others` are resources that were made with it. */
export async function printSecretAs(
  io: Io,
  format: Exclude<Format, 'text'>,
  session: Session,
  { token, secret }: NewSecret,
  others: Readonly<Record<string, Resource>> = {},
): Promise<void> {
  const { ca_pins } = await session.discovery();
  const proxy_server = shortAddress(await joinersAddress(session));
  printOne(io, format, { ...others, token, secret, ca_pins, proxy_server }, toYaml);
}

const isForBots = ({ spec }: Resource): boolean => texts(field(spec, 'roles')).includes('Bot');

function lifeOf({ metadata }: Resource, now: Date): string {
  const expires = parseTimestamp(metadata.expires ?? '');
  const minutes = expires ? Math.round((expires.getTime() - now.getTime()) / 60_000) : 0;
  const life = formatDuration(Math.max(minutes, 1) * 60);
  return `It is good for one machine's first join within ${life}, until ${metadata.expires}.`;
}

/** The command line of the agent, as guide and install script lay out its folders. */
const botCommand = (
  { secret }: NewSecret,
  broker: string,
  pins: readonly string[],
): readonly string[] => [
  'joinbot',
  'start',
  `--data-dir=${DATA_DIR}`,
  `--destination-dir=${DESTINATION_DIR}`,
  `--token=${secret}`,
  '--join-method=token',
  ...pins.map((pin) => `--ca-pin=${pin}`),
  `--proxy-server=${broker}`,
];

const botSteps = ([program, verb, ...flags]: readonly string[]): string =>
  `On the machine, run:

  ${[`${program} ${verb}`, ...flags].join(' \\\n    ')}

A command line shows in the list of processes and in the shell's history. To keep the secret out of both, put it into a
file that only the agent can read, and name the file instead: --token=${SECRET_FILE}

  sudo install -m 0600 -o "$USER" /dev/stdin ${SECRET_FILE}   # paste the secret, press Enter and Ctrl-D
`;

const hostNames = ({ spec }: Resource, cluster: string): readonly string[] =>
  texts(field(spec, 'host_names')).map((name) => name.replaceAll('{{cluster}}', cluster));

const hostSteps = (config: string, names: readonly string[]): string =>
  `The host is called ${names.map(printable).join(', ')}.

On the machine, write ${CONFIG_FILE} so that only the agent can read it (chmod 0600):

${config}
Then start the agent:

  joinbot start -c ${CONFIG_FILE}
`;
