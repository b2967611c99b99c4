/** Somebody who signs in to an application with a service principal, and what the tokens say of them. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { TokenIssuer } from './evidence/access-token.ts';
import { signToken, type TokenBends } from './evidence/jwt.ts';
import type { World } from './world.ts';

/** What operators sign in to. */
export interface Application {
  readonly clientId: string;
  readonly appRoles: readonly string[];
}

export interface OperatorOptions {
  readonly application: Application;
  /** App roles of the application; none are needed. */
  readonly roles: readonly string[];
  /** The client id that the operator signs in with. */
  readonly id?: string;
}

export interface Operator {
  readonly id: string;
  /** Object id: the `oid` of the tokens. */
  readonly objectId: string;
  readonly application: Application;
  readonly roles: readonly string[];
  accessToken(bends?: TokenBends): string;
}

export const OPERATOR_TOKEN_SECONDS = 3600;

export function createOperator(
  world: World,
  tenant: TokenIssuer,
  { application, roles, id }: OperatorOptions,
): Operator {
  const unknown = roles.find((role) => !application.appRoles.includes(role));
  if (unknown !== undefined) {
    throw new Error(
      `The application has no app role ${unknown}: expected one of ${application.appRoles.join(', ')}.`,
    );
  }
  const operator: Operator = {
    id: id?.toLowerCase() ?? randomUUID(),
    objectId: randomUUID(),
    application,
    roles,
    accessToken: (bends = {}) =>
      signToken(
        claimsOf(operator, tenant, bends.issuedAt ?? world.now()),
        () => tenant.signingKey,
        bends,
      ),
  };
  return operator;
}

function claimsOf(
  { id, objectId, application, roles }: Operator,
  tenant: TokenIssuer,
  at: Date,
): Record<string, unknown> {
  const issuedAt = Math.floor(at.getTime() / 1000);
  return {
    aud: application.clientId,
    iss: tenant.issuer(2),
    iat: issuedAt,
    nbf: issuedAt,
    exp: issuedAt + OPERATOR_TOKEN_SECONDS,
    aio: randomBytes(33).toString('base64url'),
    azp: id,
    azpacr: '1',
    idtyp: 'app',
    oid: objectId,
    ...(roles.length > 0 && { roles }),
    sub: objectId,
    tid: tenant.id,
    uti: randomBytes(16).toString('base64url'),
    ver: '2.0',
  };
}
