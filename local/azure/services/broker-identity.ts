/**
 * The broker's own managed identity, as a function app has it (`IDENTITY_ENDPOINT` and `IDENTITY_HEADER`):
 * https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
 */
import { randomUUID } from 'node:crypto';
import { ACCESS_TOKEN_SECONDS, createAccessToken } from '../evidence/access-token.ts';
import { newSystemAssignedIdentity, type SystemAssignedIdentity } from '../identities.ts';
import { sameId, webSiteId } from '../resource-ids.ts';
import type { Tenant } from '../tenant.ts';

export interface BrokerIdentity {
  /** What a caller must say in `x-identity-header`. */
  readonly secret: string;
  readonly identity: SystemAssignedIdentity;
  answer(request: Request): Response;
}

export interface BrokerIdentityOptions {
  readonly now: () => Date;
  /** The tenant that the broker's identity belongs to. */
  readonly tenant: () => Tenant;
}

const API_VERSIONS: readonly (string | null)[] = ['2019-08-01', '2020-10-01'];

export function createBrokerIdentity({ now, tenant }: BrokerIdentityOptions): BrokerIdentity {
  const secret = randomUUID().toUpperCase();
  const identity = newSystemAssignedIdentity();
  const usedFrom = webSiteId(
    { subscriptionId: randomUUID(), resourceGroup: 'join-broker' },
    'join-broker',
  );

  return {
    secret,
    identity,
    answer(request) {
      const query = new URL(request.url).searchParams;
      const resource = query.get('resource');
      const clientId = query.get('client_id');
      if (request.method !== 'GET') return refuse(405, 'Method not allowed.');
      if (request.headers.get('x-identity-header') !== secret) {
        return refuse(401, 'The X-IDENTITY-HEADER is missing or wrong.');
      }
      if (!API_VERSIONS.includes(query.get('api-version'))) {
        return refuse(400, 'The api-version is not supported: expected 2019-08-01.');
      }
      if (!resource) return refuse(400, 'The resource is missing.');
      if (clientId !== null && !sameId(clientId, identity.clientId)) {
        return refuse(400, 'No User Assigned or Delegated Managed Identity found.');
      }
      const at = now();
      return Response.json({
        access_token: createAccessToken({ identity, usedFrom }, tenant(), at, { resource }),
        expires_on: `${Math.floor(at.getTime() / 1000) + ACCESS_TOKEN_SECONDS}`,
        resource,
        token_type: 'Bearer',
        client_id: identity.clientId,
      });
    },
  };
}

export const brokerIdentityError = (status: number, message: string) => ({
  statusCode: status,
  message,
});

const refuse = (status: number, message: string): Response =>
  Response.json(brokerIdentityError(status, message), { status });
