/**
 * A machine's instance metadata service, with the manners of the real one:
 * https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
 */
import { ACCESS_TOKEN_SECONDS } from '../evidence/access-token.ts';
import { chooseIdentity, type ManagedIdentity } from '../identities.ts';
import type { Machine } from '../machine.ts';
import { instanceMetadata } from './instance-metadata.ts';

const API_VERSIONS: readonly string[] = [
  '2017-04-02',
  '2017-08-01',
  '2017-12-01',
  '2018-02-01',
  '2018-04-02',
  '2018-10-01',
  '2019-02-01',
  '2019-03-11',
  '2019-04-30',
  '2019-06-01',
  '2019-06-04',
  '2019-08-01',
  '2019-08-15',
  '2019-11-01',
  '2020-06-01',
  '2020-07-15',
  '2020-09-01',
  '2020-10-01',
  '2020-12-01',
  '2021-01-01',
  '2021-02-01',
  '2021-03-01',
  '2021-05-01',
  '2021-10-01',
  '2021-11-01',
  '2021-11-15',
  '2021-12-13',
  '2023-07-01',
  '2023-11-15',
];
const NEWEST_VERSIONS = API_VERSIONS.slice(-3).toReversed();

const LONGEST_NONCE = 32;

export interface ImdsOptions {
  readonly now: () => Date;
  readonly machine: () => Machine;
}

export function createImds({ now, machine }: ImdsOptions) {
  const tokens = new Map<string, CachedToken>();

  return (request: Request, path: string): Response => {
    const query = new URL(request.url).searchParams;
    const forIdentity = path.startsWith('/metadata/identity/');
    const refuse = forIdentity ? refuseIdentity : refuseInstance;
    if (request.method !== 'GET') return refuse('Method not allowed', 405);
    if (request.headers.get('metadata')?.toLowerCase() !== 'true') {
      return refuse('Required metadata header not specified');
    }
    if (request.headers.has('x-forwarded-for')) {
      return refuse('Required metadata header not specified or X-Forwarded-For header present');
    }
    if (!API_VERSIONS.includes(query.get('api-version') ?? '')) return refuseVersion();

    switch (path) {
      case '/metadata/instance':
        return Response.json(instanceMetadata(machine()));
      case '/metadata/instance/compute':
        return Response.json(instanceMetadata(machine()).compute);
      case '/metadata/attested/document':
        return attestedDocument(machine(), query.get('nonce'));
      case '/metadata/identity/oauth2/token':
        return identityToken(machine(), query, now(), tokens);
      default:
        return refuse('Not found', 404);
    }
  };
}

/** Errors in the two forms of IMDS: of the identity endpoint, and of the others. */
const refuseIdentity = (description: string, status = 400): Response =>
  Response.json({ error: 'invalid_request', error_description: description }, { status });

const refuseInstance = (description: string, status = 400): Response =>
  Response.json({ error: `Bad request. ${description}` }, { status });

const refuseVersion = (): Response =>
  Response.json(
    {
      error:
        'Bad request. api-version is invalid or was not specified in the request. For more information refer to aka.ms/azureimds',
      'newest-versions': NEWEST_VERSIONS,
    },
    { status: 400 },
  );

function attestedDocument(machine: Machine, nonce: string | null): Response {
  if (nonce !== null && nonce.length > LONGEST_NONCE) {
    return refuseInstance(`nonce must have at most ${LONGEST_NONCE} characters`);
  }
  const wanted = nonce === null || nonce === '' ? {} : { nonce };
  return Response.json(machine.attestedDocument({ ...wanted, ...machine.served.document }));
}

interface CachedToken {
  readonly token: string;
  readonly issuedAt: number;
}

/** IMDS keeps a token for about a day and can't be made to ask for a new one. */
const CACHED_SECONDS = 86_400;

function identityToken(
  machine: Machine,
  query: URLSearchParams,
  at: Date,
  cache: Map<string, CachedToken>,
): Response {
  const resource = query.get('resource');
  if (!resource) return refuseIdentity("Required query variable 'resource' is missing");
  const identity = chooseIdentity(machine.identities, {
    clientId: query.get('client_id') ?? undefined,
    objectId: query.get('object_id') ?? query.get('principal_id') ?? undefined,
    resourceId: query.get('msi_res_id') ?? query.get('mi_res_id') ?? undefined,
  });
  if (identity === 'none') return refuseIdentity('Identity not found');
  if (identity === 'several') {
    return refuseIdentity(
      'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request',
    );
  }
  return Response.json(tokenAnswer(machine, identity, resource, at, cache));
}

function tokenAnswer(
  machine: Machine,
  identity: ManagedIdentity,
  resource: string,
  at: Date,
  cache: Map<string, CachedToken>,
): Record<string, string> {
  const seconds = Math.floor(at.getTime() / 1000);
  const key = `${identity.principalId} ${resource}`;
  const cached = machine.served.token ? undefined : cache.get(key);
  const current =
    cached && seconds - cached.issuedAt < CACHED_SECONDS
      ? cached
      : {
          token: machine.accessToken({ resource, identity, ...machine.served.token }),
          issuedAt: seconds,
        };
  if (!machine.served.token) cache.set(key, current);
  const expiresOn = current.issuedAt + ACCESS_TOKEN_SECONDS;
  return {
    access_token: current.token,
    client_id: identity.clientId,
    expires_in: `${expiresOn - seconds}`,
    expires_on: `${expiresOn}`,
    ext_expires_in: `${ACCESS_TOKEN_SECONDS - 1}`,
    not_before: `${current.issuedAt}`,
    resource,
    token_type: 'Bearer',
  };
}
