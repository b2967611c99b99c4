/** `joinctl login` and `joinctl logout` */
import { type Arguments, flagValue } from '../arguments.ts';
import type { Command } from '../command.ts';
import { Failure, UsageFailure } from '../failure.ts';
import { printable } from '../printable.ts';
import { forgetAll, joinctlHome, readProfile, writeProfile, writeToken } from '../profile.ts';
import { connect, discoveredApplication, signIn, type Target } from '../session.ts';
import {
  checkOperatorToken,
  type OperatorsApplication,
  SIGN_IN_METHODS,
  type SignInMethod,
} from '../sign-in/sign-in.ts';
import { didYouMean } from '../suggestion.ts';

export const login: Command = {
  words: ['login'],
  summary: 'sign in as an operator, and remember the broker',
  operands: [],
  flags: {
    auth: 'how: the environment or an Azure command line (default), or a browser',
    user: 'the account to offer in the browser',
  },
  examples: [
    'joinctl login --proxy=broker.example.com',
    'joinctl login --proxy=broker.example.com --auth=browser --user=ada@example.com',
  ],
  async run(io, args) {
    const asked = methodOf(args);
    const { target, discovery } = await connect(io, args);
    if (target.from === 'local stack') {
      return io.stdout.write(
        `The local stack at ${target.broker} needs no sign-in: joinctl works as its Admin operator.\n`,
      );
    }
    const described = await discovery();
    if (described.cloud === SIMULATED) throw elsewhere(target.broker);
    const application = discoveredApplication(described);
    checkSameApplication(target, application);
    const method = asked ?? methodBefore(target);
    const user = flagValue(args, 'user');
    const token = await signIn(io, { ...application, method, ...(user !== undefined && { user }) });
    const home = joinctlHome(io);
    await writeProfile(home, {
      broker: target.broker,
      cluster: described.cluster_name,
      cloud: application.cloud,
      tenant: application.tenant,
      client_id: application.clientId,
      auth: method,
      ...(user !== undefined && { user }),
    });
    await writeToken(home, target.broker, application.clientId, token);
    const { account, roles } = checkOperatorToken(token, application.clientId);
    const cluster = printable(described.cluster_name);
    io.stdout.write(
      `Signed in to ${cluster} at ${target.broker} as ${account} (${roles.join(', ')}).\n`,
    );
  },
};

/**
 * What a broker says of itself comes over TLS alone. Whoever took its name over could name the operators' application of another
 * broker, or another cloud to sign in at: so what was named at the first sign-in stays, until the operator forgets it.
 */
function checkSameApplication(
  target: Target,
  { cloud, tenant, clientId }: OperatorsApplication,
): void {
  if (target.from !== 'profile') return;
  const { profile } = target;
  if (cloud === profile.cloud && tenant === profile.tenant && clientId === profile.client_id)
    return;
  throw new Failure(
    `${target.broker} names another application to sign in to than at your last sign-in: ${printable(clientId)} of tenant ${printable(tenant)} in ${printable(cloud)}, not ${profile.client_id} of ${profile.tenant} in ${printable(profile.cloud)}. Ask who runs it whether that is so; after joinctl logout you can sign in anew.`,
  );
}

/** The name of the cloud that a local stack brings along. */
const SIMULATED = 'Simulated';

const elsewhere = (broker: string): Failure =>
  new Failure(
    `${broker} is a local stack with a simulated cloud, where nobody can sign in from here: run joinctl in the folder of the project in which npm start runs, where it needs no sign-in.`,
  );

export const logout: Command = {
  words: ['logout'],
  summary: 'forget the sign-in and the broker',
  operands: [],
  flags: {},
  examples: ['joinctl logout'],
  async run(io) {
    const home = joinctlHome(io);
    const profile = await readProfile(home);
    await forgetAll(home);
    io.stdout.write(profile ? `Signed out of ${profile.broker}.\n` : 'Nobody was signed in.\n');
  },
};

function methodOf(args: Arguments): SignInMethod | undefined {
  const asked = flagValue(args, 'auth');
  if (asked === undefined) return undefined;
  const method = SIGN_IN_METHODS.find((known) => known === asked);
  if (method) return method;
  const hint = didYouMean(asked, SIGN_IN_METHODS);
  throw new UsageFailure(
    `--auth is one of ${SIGN_IN_METHODS.join(', ')}, not "${printable(asked)}"${hint}.`,
  );
}

const methodBefore = (target: Target): SignInMethod =>
  target.from === 'profile' ? target.profile.auth : 'default';
