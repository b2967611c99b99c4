/** Which broker a command talks to, and as whom. */
import type { Discovery } from '../shared/protocol/discovery.ts';
import { isLoopback } from '../shared/protocol/loopback.ts';
import { parseAddress } from './address.ts';
import { type Arguments, flagValue, hasFlag } from './arguments.ts';
import { type BrokerClient, brokerClient, discover } from './broker-client.ts';
import { Failure, UsageFailure } from './failure.ts';
import { type Http, patientHttp } from './http.ts';
import type { Io } from './io.ts';
import { display } from './kinds.ts';
import { findLocalStack, LOCAL_OPERATOR, type LocalStack } from './local-stack.ts';
import { ended, printable } from './printable.ts';
import {
  forgetToken,
  joinctlHome,
  type Profile,
  readProfile,
  readToken,
  writeToken,
} from './profile.ts';
import type { OperatorClaims } from './sign-in/claims.ts';
import { signInLocally } from './sign-in/local-directory.ts';
import {
  type AccessToken,
  checkOperatorToken,
  type OperatorsApplication,
  type SignInRequest,
} from './sign-in/sign-in.ts';

/** How the broker was found, which decides how to sign in. */
export type Target =
  | { readonly from: 'local stack'; readonly broker: string; readonly stack: LocalStack }
  | { readonly from: 'profile'; readonly broker: string; readonly profile: Profile }
  | { readonly from: 'address'; readonly broker: string };

export interface Connection {
  readonly target: Target;
  readonly http: Http;
  /** What the broker says about itself, asked once. */
  readonly discovery: () => Promise<Discovery>;
}

export interface Session extends Connection {
  readonly client: BrokerClient;
  readonly operator: OperatorClaims;
  readonly expires: Date;
}

/** Connects to the command's broker and signs in. */
export const openSession = async (io: Io, args: Arguments): Promise<Session> =>
  signInTo(io, await connect(io, args));

/** Finds the command's broker; nothing is sent yet. */
export async function connect(io: Io, args: Arguments): Promise<Connection> {
  const target = await chooseTarget(io, args);
  if (hasFlag(args, 'verbose')) {
    const origin = target.from === 'local stack' ? printable(target.stack.file) : target.from;
    io.stderr.write(`joinctl: the broker is ${target.broker} (from the ${origin})\n`);
  }
  // Who watches is told what takes so long; a script's log has no use for it.
  const isWatched = io.stderr.columns !== undefined;
  const http = patientHttp({
    ...io,
    ...(isWatched && { onWait: (sentence) => io.stderr.write(`joinctl: ${sentence}\n`) }),
  });
  let found: Promise<Discovery> | undefined;
  const discovery = (): Promise<Discovery> => {
    found ??= discover(http, target.broker);
    return found;
  };
  return { target, http, discovery };
}

/** Signs in with the token at hand, or with a new one where that takes no questions. */
export async function signInTo(io: Io, connection: Connection): Promise<Session> {
  const { target, http } = connection;
  const home = joinctlHome(io);
  const application = await applicationOf(connection);
  const token = await tokenFor(io, connection, application);
  const operator = checkOperatorToken(token, application.clientId);
  const watchful: Http = async (request) => {
    const answer = await http(request);
    if (answer.status === 401) await forgetToken(home, target.broker);
    return answer;
  };
  const client = brokerClient(watchful, target.broker, token.text, (about, { field, message }) =>
    io.stderr.write(
      `joinctl: warning: ${printable(ended(`${display(about)}: ${field}: ${message}`))}\n`,
    ),
  );
  return { ...connection, client, operator, expires: token.expires };
}

/** An application named by discovery; that of a profile was fixed at `joinctl login`. */
async function applicationOf({ target, discovery }: Connection): Promise<OperatorsApplication> {
  if (target.from !== 'profile') return discoveredApplication(await discovery());
  const { cloud, tenant, client_id: clientId } = target.profile;
  return { cloud, tenant, clientId };
}

export const discoveredApplication = ({ cloud, operators }: Discovery): OperatorsApplication => ({
  cloud,
  tenant: operators.tenant,
  clientId: operators.client_id,
});

async function tokenFor(
  io: Io,
  { target, http }: Connection,
  application: OperatorsApplication,
): Promise<AccessToken> {
  if (target.from === 'local stack') {
    return signInLocally(http, target.stack.directory, LOCAL_OPERATOR, application, io.now());
  }
  const home = joinctlHome(io);
  const saved = await readToken(home, target.broker, application.clientId, io.now());
  if (saved) return saved;
  if (target.from === 'address') {
    // A broker can name the application of another one: nobody is handed a token just for being named in a variable.
    throw new Failure(
      `You are not signed in to ${target.broker}: run joinctl login --proxy=${target.broker} first.`,
    );
  }
  const method = target.profile.auth;
  if (method === 'browser' || method === 'device-code') {
    throw new Failure(`Your sign-in at ${target.broker} has ended: run joinctl login.`);
  }
  const token = await signIn(io, { ...application, method });
  await writeToken(home, target.broker, application.clientId, token);
  return token;
}

/** Asks the directory for a token that is fit to be sent to the broker. */
export async function signIn(io: Io, request: Omit<SignInRequest, 'say'>): Promise<AccessToken> {
  const say = (message: string): void => io.stderr.write(`${printable(message)}\n`);
  const outcome = await io.signIn({ ...request, say });
  if (!outcome.ok) throw new Failure(signInFailure(outcome.reasons));
  checkOperatorToken(outcome.token, request.clientId);
  return outcome.token;
}

const signInFailure = (reasons: readonly string[]): string =>
  [
    'The sign-in did not work:',
    ...reasons.map((reason) => `  ${printable(reason)}`),
    'Sign in with az login, or run joinctl login with --auth=browser or --auth=device-code.',
  ].join('\n');

/** A flag, then `$JOINCTL_PROXY`, then the profile, then the local stack of the checkout that one is in. */
async function chooseTarget(io: Io, args: Arguments): Promise<Target> {
  if (hasFlag(args, 'proxy') && hasFlag(args, 'auth-server')) {
    throw new UsageFailure('--proxy and --auth-server mean the same: give one of them.');
  }
  const named =
    flagValue(args, 'proxy') ??
    flagValue(args, 'auth-server') ??
    (io.env['JOINCTL_PROXY'] || undefined);
  const profile = await readProfile(joinctlHome(io));
  if (named !== undefined) return namedTarget(io, parseAddress(named), profile);
  if (profile) return { from: 'profile', broker: profile.broker, profile };
  const stack = await findLocalStack(io.cwd);
  if (stack) return { from: 'local stack', broker: stack.broker, stack };
  throw new Failure('No broker is named yet: run joinctl login --proxy=<host[:port]> first.');
}

async function namedTarget(io: Io, broker: string, profile: Profile | undefined): Promise<Target> {
  if (profile?.broker === broker) return { from: 'profile', broker, profile };
  const stack = isLoopback(new URL(broker).hostname) ? await findLocalStack(io.cwd) : undefined;
  return stack?.broker === broker
    ? { from: 'local stack', broker, stack }
    : { from: 'address', broker };
}
