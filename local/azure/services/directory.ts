/** The Entra directory: discovery, signing keys, and tokens for operators. */
import { OPERATOR_TOKEN_SECONDS } from '../operator.ts';
import { ISSUERS, type Tenant } from '../tenant.ts';

const DISCOVERY = /^\/([^/]+)(\/v2\.0)?\/\.well-known\/openid-configuration$/;
const KEYS = /^\/([^/]+)\/discovery(\/v2\.0)?\/keys$/;
const TOKEN = /^\/([^/]+)\/oauth2\/v2\.0\/token$/;

export function createDirectory(tenants: () => readonly Tenant[]) {
  const find = (id: string): Tenant | undefined =>
    tenants().find((tenant) => tenant.id === id.toLowerCase());

  return async (request: Request, path: string): Promise<Response> => {
    const [route, match] =
      [DISCOVERY, KEYS, TOKEN]
        .map((pattern) => [pattern, pattern.exec(path)] as const)
        .find(([, found]) => found) ?? [];
    if (!match) return refuse('not_found', 'AADSTS900144: There is nothing here.', 404);
    const tenant = find(`${match[1]}`);
    if (!tenant) {
      return refuse('invalid_tenant', `AADSTS90002: Tenant '${match[1]}' not found.`);
    }
    if (request.method !== (route === TOKEN ? 'POST' : 'GET')) {
      return refuse('invalid_request', 'AADSTS900561: The method is not allowed here.', 405);
    }
    if (route === TOKEN) return issueToken(tenant, await request.text());
    const version = match[2] === undefined ? 1 : 2;
    return route === KEYS
      ? cached({ keys: publishedKeys(tenant, version) })
      : cached(discovery(tenant, version, addressOf(request, path)));
  };
}

/** Errors as Entra ID answers them. */
export const directoryError = (error: string, description: string) => ({
  error,
  error_description: description,
});

const refuse = (error: string, description: string, status = 400): Response =>
  Response.json(directoryError(error, description), { status });

const cached = (body: unknown): Response =>
  Response.json(body, { headers: { 'cache-control': 'max-age=86400, private' } });

/** The address that the directory was asked at, which its answers point back to. */
const addressOf = (request: Request, path: string): string =>
  request.url.split('?')[0]?.slice(0, -path.length) ?? '';

function publishedKeys(tenant: Tenant, version: 1 | 2): unknown[] {
  const issuer = version === 1 ? {} : { issuer: ISSUERS[1].replace('{tenant}', '{tenantid}') };
  return tenant.publishedKeys.map(({ jwk }) => ({ ...jwk, ...issuer }));
}

function discovery(tenant: Tenant, version: 1 | 2, address: string): unknown {
  const folder = version === 1 ? '' : '/v2.0';
  const base = `${address}/${tenant.id}`;
  return {
    token_endpoint: `${base}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
    jwks_uri: `${base}/discovery${folder}/keys`,
    response_modes_supported: ['query', 'fragment', 'form_post'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    issuer: tenant.issuer(version),
  };
}

/** Client credentials (RFC 6749 section 4.4). On one machine an operator's client id is all that is asked for. */
function issueToken(tenant: Tenant, body: string): Response {
  const form = new URLSearchParams(body);
  if (form.get('grant_type') !== 'client_credentials') {
    return refuse(
      'unsupported_grant_type',
      'AADSTS70003: The app requested an unsupported grant type: expected client_credentials.',
    );
  }
  const clientId = form.get('client_id')?.toLowerCase();
  const operator = tenant.operators.find(({ id }) => id === clientId);
  if (!operator) {
    return refuse(
      'unauthorized_client',
      'AADSTS700016: No operator with this client_id is registered in the tenant.',
    );
  }
  const { clientId: audience } = operator.application;
  const scopes = [`${audience}/.default`, `api://${audience}/.default`];
  if (!scopes.includes(form.get('scope')?.toLowerCase() ?? '')) {
    return refuse(
      'invalid_scope',
      `AADSTS1002012: The provided value for scope is not valid: expected ${scopes[0]}.`,
    );
  }
  return Response.json(
    {
      token_type: 'Bearer',
      expires_in: OPERATOR_TOKEN_SECONDS - 1,
      ext_expires_in: OPERATOR_TOKEN_SECONDS - 1,
      access_token: operator.accessToken(),
    },
    { headers: { 'cache-control': 'no-store' } },
  );
}
