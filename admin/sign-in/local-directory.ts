/** Signs in at the local stack's simulated directory, which gives any registered operator a token. */
import * as z from 'zod/mini';
import { parseJsonWith } from '../../shared/protocol/schema.ts';
import { Failure } from '../failure.ts';
import type { Http } from '../http.ts';
import type { AccessToken, OperatorsApplication } from './sign-in.ts';

const tokenAnswer = z.object({
  token_type: z.string(),
  expires_in: z.int().check(z.positive()),
  access_token: z.string(),
});

/** A token of the operator with this client id for the operators' application (OAuth 2.0 client credentials). */
export async function signInLocally(
  http: Http,
  directory: string,
  operator: string,
  { tenant, clientId }: OperatorsApplication,
  now: Date,
): Promise<AccessToken> {
  const answer = await http({
    method: 'POST',
    url: `${directory}/${tenant}/oauth2/v2.0/token`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: operator,
      scope: `${clientId}/.default`,
    }).toString(),
  });
  const parsed = parseJsonWith(tokenAnswer, answer.text);
  if (answer.status !== 200 || !parsed.ok) {
    throw new Failure(
      `The local stack's directory gave operator ${operator} no token (HTTP ${answer.status}): restart it with npm start.`,
    );
  }
  const { access_token: text, expires_in: seconds } = parsed.value;
  return { text, expires: new Date(now.getTime() + seconds * 1000) };
}
