/** The credentials that the simulated AWS has given out, and to whom. */
import { randomBytes } from 'node:crypto';

/** Whom credentials are of, as `GetCallerIdentity` says it. */
export interface Principal {
  readonly account: string;
  readonly arn: string;
  readonly userId: string;
}

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Temporary credentials have both, a user's own key has neither. */
  readonly sessionToken?: string;
  readonly expires?: Date;
}

interface IssuedCredentials extends AwsCredentials {
  readonly principal: Principal;
}

export interface CredentialStore {
  /** Temporary credentials, as a role's session has them. */
  temporary(principal: Principal, expires: Date): AwsCredentials;
  /** A user's own key. */
  longTerm(principal: Principal): AwsCredentials;
  find(accessKeyId: string): IssuedCredentials | undefined;
  /** From now on AWS knows nothing of them. */
  withdraw(credentials: AwsCredentials): void;
}

export function createCredentialStore(): CredentialStore {
  const issued = new Map<string, IssuedCredentials>();
  const issue = (credentials: IssuedCredentials): AwsCredentials => {
    issued.set(credentials.accessKeyId, credentials);
    return credentials;
  };
  return {
    temporary: (principal, expires) =>
      issue({
        principal,
        accessKeyId: uniqueId('ASIA'),
        secretAccessKey: secret(),
        sessionToken: randomBytes(600).toString('base64'),
        expires,
      }),
    longTerm: (principal) =>
      issue({ principal, accessKeyId: uniqueId('AKIA'), secretAccessKey: secret() }),
    find: (accessKeyId) => issued.get(accessKeyId),
    withdraw: ({ accessKeyId }) => void issued.delete(accessKeyId),
  };
}

const secret = (): string => randomBytes(30).toString('base64');

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** An id as IAM makes them: four letters for the kind, then 16 of base32. */
export const uniqueId = (kind: 'AIDA' | 'AKIA' | 'AROA' | 'ASIA'): string =>
  kind + [...randomBytes(16)].map((byte) => LETTERS[byte % LETTERS.length]).join('');
