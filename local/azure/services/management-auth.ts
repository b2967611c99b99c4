/** Whether the management API takes a caller's token: issued by the cloud's directory, for the management API, valid now. */
import { verify } from 'node:crypto';
import * as z from 'zod/mini';
import { decodeBase64Url } from '../../../shared/encoding/base64.ts';
import { parseJsonWith } from '../../../shared/protocol/schema.ts';
import type { Tenant } from '../tenant.ts';
import { armError } from './arm-error.ts';

export interface TokenCheck {
  readonly tenants: readonly Tenant[];
  /** Accepted audiences, without a trailing slash. */
  readonly audiences: readonly string[];
  readonly at: Date;
}

const header = z.object({ alg: z.literal('RS256'), kid: z.string() });
const claims = z.object({ aud: z.string(), tid: z.string(), nbf: z.number(), exp: z.number() });

/**
 * What is wrong with the caller, as the API answers it. Unlike Azure's, it takes tokens of every tenant for every
 * subscription, and asks for no role: who may read is switched with faults.
 */
export function refuseCaller(
  authorization: string | null,
  check: TokenCheck,
): Response | undefined {
  if (authorization === null) {
    return refuse('AuthenticationFailed', "The 'Authorization' header is missing.");
  }
  const [, token] = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/.exec(authorization) ?? [];
  if (token === undefined) {
    return refuse(
      'AuthenticationFailedInvalidHeader',
      "The 'Authorization' header is no bearer token.",
    );
  }
  const problem = problemOf(token, check);
  return problem === undefined ? undefined : refuse('InvalidAuthenticationToken', problem);
}

function problemOf(token: string, { tenants, audiences, at }: TokenCheck): string | undefined {
  const [head = '', body = '', signature = ''] = token.split('.');
  const parsedHead = parseJsonWith(header, decodeText(head));
  const parsedBody = parseJsonWith(claims, decodeText(body));
  if (!parsedHead.ok || !parsedBody.ok) return 'The access token is invalid.';
  const { aud, tid, nbf, exp } = parsedBody.value;
  const key = tenants
    .find(({ id }) => id === tid)
    ?.publishedKeys.find(({ kid }) => kid === parsedHead.value.kid);
  const bytes = decodeBase64Url(signature);
  const signed = Buffer.from(`${head}.${body}`, 'latin1');
  if (!key || !bytes || !verify('sha256', signed, key.publicKey, bytes)) {
    return 'The access token validation failure: the signature is invalid.';
  }
  if (!audiences.includes(aud.replace(/\/$/, ''))) {
    return `The access token has been obtained for wrong audience or resource '${aud}'.`;
  }
  const seconds = at.getTime() / 1000;
  return seconds < nbf || seconds > exp ? 'The access token expiry check failed.' : undefined;
}

const decodeText = (part: string): string =>
  Buffer.from(decodeBase64Url(part) ?? []).toString('utf8');

const refuse = (code: string, message: string): Response =>
  armError(401, code, message, {
    'www-authenticate': 'Bearer error="invalid_token", error_description="Authentication failed."',
  });
