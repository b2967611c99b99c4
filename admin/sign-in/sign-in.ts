/** What signing in means to the rest of `joinctl`; the ways to do it are in the files beside this one. */
import { Failure } from '../failure.ts';
import { type OperatorClaims, readClaims } from './claims.ts';

/** `default`: environment, workload identity, then the Azure command lines. */
export const SIGN_IN_METHODS = ['default', 'azure-cli', 'browser', 'device-code'] as const;
export type SignInMethod = (typeof SIGN_IN_METHODS)[number];

/** The operators' application that a token is asked for. */
export interface OperatorsApplication {
  /** The Azure cloud of the broker, as discovery names it. */
  readonly cloud: string;
  readonly tenant: string;
  readonly clientId: string;
}

export interface SignInRequest extends OperatorsApplication {
  readonly method: SignInMethod;
  /** The account to offer in the browser. */
  readonly user?: string;
  /** Shows the operator what to do next, such as a device code. */
  readonly say: (message: string) => void;
}

export interface AccessToken {
  readonly text: string;
  readonly expires: Date;
}

/** A token, or for each way that was tried why there is none. */
export type SignInOutcome =
  | { readonly ok: true; readonly token: AccessToken }
  | { readonly ok: false; readonly reasons: readonly string[] };

/**
 * Asks the directory for an access token. What is wrong comes as a value: in the bundle, sign-in at Entra ID is a file of
 * its own, whose error classes are not ours.
 */
export type SignIn = (request: SignInRequest) => Promise<SignInOutcome>;

/**
 * Makes sure that a token is for the operators' application and carries one of its app roles, before it is sent
 * anywhere. Which application it is, the broker itself says: a false broker could name another service, and would get
 * a token for that one.
 */
export function checkOperatorToken(token: AccessToken, clientId: string): OperatorClaims {
  const claims = readClaims(token.text);
  if (!claims) throw new Failure('The directory answered with something else than a token.');
  if (![clientId, `api://${clientId}`].includes(claims.audience)) {
    throw new Failure(`The directory's token is not for the operators' application ${clientId}.`);
  }
  if (!claims.roles.some((role) => role.startsWith('JoinBroker.'))) {
    throw new Failure(
      `${claims.account} has neither of the app roles JoinBroker.Admin and JoinBroker.Reader on application ${clientId}: ask for one to be assigned.`,
    );
  }
  return claims;
}
