/** Who a token is for and of, as far as the operator wants to see it. The broker is who verifies it. */
import * as z from 'zod/mini';
import { decodeBase64Url } from '../../shared/encoding/base64.ts';
import { parseJsonWith } from '../../shared/protocol/schema.ts';
import { printable } from '../printable.ts';

export interface OperatorClaims {
  readonly audience: string;
  readonly roles: readonly string[];
  /** The account's name, or the id of an application. */
  readonly account: string;
}

const claims = z.object({
  aud: z.string(),
  roles: z._default(z.array(z.string()), []),
  preferred_username: z.optional(z.string()),
  upn: z.optional(z.string()),
  unique_name: z.optional(z.string()),
  email: z.optional(z.string()),
  azp: z.optional(z.string()),
  appid: z.optional(z.string()),
  oid: z.optional(z.string()),
  idtyp: z.optional(z.string()),
});

/** Reads a JWT's claims without verifying it; `undefined` if it is none. */
export function readClaims(token: string): OperatorClaims | undefined {
  const payload = decodeBase64Url(token.split('.')[1] ?? '');
  if (!payload) return undefined;
  const parsed = parseJsonWith(claims, Buffer.from(payload).toString('utf8'));
  if (!parsed.ok) return undefined;
  const { aud, roles, preferred_username, upn, unique_name, email, azp, appid, oid, idtyp } =
    parsed.value;
  const person = preferred_username ?? upn ?? unique_name ?? email;
  const application = idtyp === 'app' || !person ? (azp ?? appid) : undefined;
  return {
    audience: aud,
    roles: roles.map(printable),
    account: printable(person ?? (application ? `application ${application}` : (oid ?? 'unknown'))),
  };
}
