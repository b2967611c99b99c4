/** The join token that the flags of `tokens add` and `nodes add` describe. */
import { type SystemRole, systemRole } from '../../shared/protocol/join.ts';
import type { Resource } from '../../shared/protocol/resource.ts';
import { dnsName } from '../../shared/protocol/values.ts';
import { type Arguments, flagValue, flagValuesAndLists } from '../arguments.ts';
import { UsageFailure } from '../failure.ts';
import type { FlagName } from '../flags.ts';
import type { Io } from '../io.ts';
import { parseName } from '../kinds.ts';
import { printable } from '../printable.ts';
import { didYouMean } from '../suggestion.ts';
import { expiryOf, secretExpiryOf } from './expiry.ts';
import { parseGuid } from './guid.ts';
import { madeName } from './made-name.ts';

type Spec = Resource['spec'];

/** The join token. One with a secret needs no name: it gets one of its bot's or system role's. */
export function newToken(io: Io, args: Arguments, type: string): Resource {
  const joiner = joinerOf(args, type);
  const method = methodOf(args, type);
  const [given] = args.operands;
  if (given === undefined && method !== 'token') {
    throw new UsageFailure('Give the join token a name: machines name it in their config.');
  }
  const name = parseName(given ?? madeName(io, joiner.bot_name ?? type.toLowerCase()));
  const hostNames = hostNamesOf(args, joiner.roles, method, name);
  const expires = method === 'token' ? secretExpiryOf(args, io.now()) : expiryOf(args, io.now());
  return {
    kind: 'token',
    version: 'v2',
    metadata: { name, ...(expires !== undefined && { expires }) },
    spec: {
      ...joiner,
      ...(hostNames.length > 0 && { host_names: hostNames }),
      ...RULES[method](args),
    },
  };
}

const METHOD_FLAGS = {
  azure: ['subscription', 'resource-group', 'tenant'],
  iam: ['aws-account', 'aws-arn'],
  token: [],
} as const satisfies Record<string, readonly FlagName[]>;

type Method = keyof typeof METHOD_FLAGS;
const METHODS = Object.keys(METHOD_FLAGS) as Method[];

/** The method that is asked for, or that the other flags speak of; else a secret for hosts, as `tctl` does, and Azure for bots. */
function methodOf(args: Arguments, type: string): Method {
  const asked = flagValue(args, 'method');
  const method = asked === undefined ? undefined : METHODS.find((known) => known === asked);
  if (asked !== undefined && !method) {
    const hint = didYouMean(asked, METHODS);
    throw new UsageFailure(
      `--method is one of ${METHODS.join(', ')}, not "${printable(asked)}"${hint}.`,
    );
  }
  const [spokenOf, another] = METHODS.filter((known) => flagOf(args, known) !== undefined);
  const wrong = method && spokenOf && spokenOf !== method ? spokenOf : another;
  if (wrong) {
    const right = METHODS.filter((known) => known !== wrong && flagOf(args, known));
    throw new UsageFailure(
      `--${flagOf(args, wrong)} goes with --method=${wrong}, not ${method ?? right[0]}.`,
    );
  }
  return method ?? spokenOf ?? (type.toLowerCase() === 'bot' ? 'azure' : 'token');
}

const flagOf = (args: Arguments, method: Method): FlagName | undefined =>
  METHOD_FLAGS[method].find((flag) => flagValue(args, flag) !== undefined);

/** Who joins: a bot, or a service by its system role. */
function joinerOf(
  args: Arguments,
  type: string,
): { readonly roles: readonly SystemRole[]; readonly bot_name?: string } {
  const bot = flagValue(args, 'bot');
  const roles = systemRole.options;
  const role = roles.find((known) => known.toLowerCase() === type.toLowerCase());
  if (!role) {
    const hint = didYouMean(
      type,
      roles.map((known) => known.toLowerCase()),
    );
    throw new UsageFailure(
      `"${printable(type)}" is no system role${hint}: there are ${roles.join(', ')}.`,
    );
  }
  if ((role === 'Bot') !== (bot !== undefined)) {
    throw new UsageFailure(
      role === 'Bot' ? 'Say as which bot: --bot=<name>.' : `--bot does not go with --type=${type}.`,
    );
  }
  return { roles: [role], ...(bot !== undefined && { bot_name: parseName(bot) }) };
}

/**
 * What hosts are called. Azure attests names; a secret lets one host in, which can be called after the join token; AWS
 * lets in any number, so their names must be said.
 */
function hostNamesOf(
  args: Arguments,
  roles: readonly SystemRole[],
  method: Method,
  tokenName: string,
): readonly string[] {
  const names = flagValuesAndLists(args, 'host-name');
  if (roles.includes('Bot')) {
    if (names.length === 0) return [];
    throw new UsageFailure('--host-name goes with --type=node and other hosts: a bot has none.');
  }
  if (names.length > 0 || method === 'azure') return names;
  if (method === 'token' && dnsName.safeParse(tokenName).success)
    return [`${tokenName}.{{cluster}}`];
  throw new UsageFailure(
    'Say what the host is called: --host-name=<name>, since nothing that it proves says so.',
  );
}

const RULES: Readonly<Record<Method, (args: Arguments) => Spec>> = {
  azure: (args) => ({ join_method: 'azure', azure: { allow: [azureRule(args)] } }),
  iam: (args) => ({ join_method: 'iam', allow: [awsRule(args)] }),
  token: () => ({ join_method: 'token' }),
};

function azureRule(args: Arguments): Spec {
  const tenant = flagValue(args, 'tenant');
  const subscription = flagValue(args, 'subscription');
  const groups = flagValuesAndLists(args, 'resource-group');
  if (tenant === undefined && subscription === undefined) {
    throw new UsageFailure(
      'Say which machines: --subscription=<id> or --tenant=<id>, since nothing is allowed by default; or --method=token for a secret.',
    );
  }
  if (groups.length > 0 && subscription === undefined) {
    throw new UsageFailure('--resource-group goes with --subscription only.');
  }
  return {
    ...(tenant !== undefined && { tenant: parseGuid('tenant', tenant) }),
    ...(subscription !== undefined && { subscription: parseGuid('subscription', subscription) }),
    ...(groups.length > 0 && { resource_groups: groups }),
  };
}

function awsRule(args: Arguments): Spec {
  const account = flagValue(args, 'aws-account');
  const arn = flagValue(args, 'aws-arn');
  if (account === undefined && arn === undefined) {
    throw new UsageFailure(
      'Say which machines: --aws-account=<12 digits>, and --aws-arn=<ARN>, since nothing is allowed by default.',
    );
  }
  if (account !== undefined && !/^\d{12}$/.test(account)) {
    throw new UsageFailure(`--aws-account has 12 digits, not "${printable(account)}".`);
  }
  if (arn !== undefined && !arn.startsWith('arn:')) {
    throw new UsageFailure(
      `--aws-arn is what "aws sts get-caller-identity" shows, such as arn:aws:sts::111111111111:assumed-role/example/i-*, not "${printable(arn)}".`,
    );
  }
  return {
    ...(account !== undefined && { aws_account: account }),
    ...(arn !== undefined && { aws_arn: arn }),
  };
}
