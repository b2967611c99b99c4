/** The operators' API of a broker, in memory, as a `fetch` function: a map, ETags, conditional writes, secrets, problem+json. */
import { createHash } from 'node:crypto';
import { withoutRevision } from '../../admin/broker-client.ts';
import { keepingSecret } from '../../admin/join-tokens.ts';
import type { InstanceRecord } from '../../shared/protocol/instance.ts';
import { PROBLEMS, type ProblemCode } from '../../shared/protocol/problem.ts';
import { type Resource, type ResourceWarning, resource } from '../../shared/protocol/resource.ts';
import { parseJsonWith } from '../../shared/protocol/schema.ts';

export const TENANT = '7e000000-0000-4000-8000-000000000001';
export const CLIENT_ID = '7e000000-0000-4000-8000-000000000002';
export const CA_PINS = [`sha256:${'ab'.repeat(32)}`, `sha256:${'cd'.repeat(32)}`];

interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

type Reply = (request: SeenRequest) => Response | Promise<Response>;

export interface FakeBroker {
  readonly fetch: typeof fetch;
  readonly requests: SeenRequest[];
  readonly put: (stored: Resource) => void;
  readonly stored: (kind: string, name: string) => Resource | undefined;
  /** Answers the next request whose method and URL (`GET https://…`) hold `part` instead of the broker. */
  readonly intercept: (reply: Reply, part?: string) => void;
}

export interface FakeBrokerOptions {
  /** What discovery says of audiences; nothing, as older brokers. */
  readonly audiences?: readonly string[];
  readonly pins?: readonly string[];
  readonly token?: string;
  readonly cluster?: string;
  readonly cloud?: string;
  readonly pageSize?: number;
  /** What has joined. */
  readonly instances?: readonly InstanceRecord[];
  /** Names that hosts have. */
  readonly names?: readonly string[];
  /** What the join log has. */
  readonly joins?: readonly { readonly request_id: string }[];
  /** The token that the simulated directory gives. */
  readonly directoryToken?: string;
  /** Whether resources say which version they are, as a real broker's do. */
  readonly revisions?: boolean;
  /** What a broker would warn of. */
  readonly warn?: (wanted: Resource) => readonly ResourceWarning[];
  /** `kind/name` of what is removed by force only. */
  readonly inUse?: readonly string[];
  /** What a broker would refuse in a spec: the field and why. */
  readonly refuse?: (wanted: Resource) => { field: string; detail: string } | undefined;
}

export function fakeBroker(options: FakeBrokerOptions = {}): FakeBroker {
  const instances = new Set(options.instances);
  const removed = new Set<string>();
  const names = new Set(options.names);
  const rows = new Map<string, { resource: Resource; revision: number }>();
  const requests: SeenRequest[] = [];
  const intercepts: { readonly reply: Reply; readonly part: string }[] = [];
  let revision = 0;
  const shown = (row: { resource: Resource; revision: number }): Resource =>
    options.revisions
      ? {
          ...row.resource,
          metadata: { ...row.resource.metadata, revision: `r${row.revision}` },
        }
      : row.resource;
  const put = (stored: Resource): number => {
    revision += 1;
    const resource = withoutRevision(stored);
    rows.set(`${stored.kind}/${stored.metadata.name}`, { resource, revision });
    return revision;
  };

  const answer = (request: SeenRequest): Response => {
    const url = new URL(request.url);
    if (/^\/v1\/webapi\/(?:find|ping)$/.test(url.pathname)) return json(200, discovery(options));
    if (url.pathname.endsWith('/oauth2/v2.0/token')) {
      const access_token = options.directoryToken;
      return json(access_token ? 200 : 401, {
        token_type: 'Bearer',
        expires_in: 3600,
        access_token,
      });
    }
    const [, id] = /^\/v1\/joins\/([^/]+)$/.exec(url.pathname) ?? [];
    if (id !== undefined) {
      const record = options.joins?.find(({ request_id }) => request_id === id);
      return record ? json(200, record) : problem('not_found', 'the join log has no such request');
    }
    if (/^\/v1\/(?:instances|names)\b/.test(url.pathname)) return joined(request, url);
    const [, kind = '', name] = /^\/v1\/resources\/(\w+)(?:\/([^/]+))?$/.exec(url.pathname) ?? [];
    if (kind === '') return problem('not_found', 'there is no such address');
    if (options.token && request.headers.get('authorization') !== `Bearer ${options.token}`) {
      return problem('unauthenticated', 'the access token is not valid');
    }
    if (name === undefined) return list(kind, Number(url.searchParams.get('next') ?? 0));
    return one(request, `${kind}/${decodeURIComponent(name)}`);
  };

  const joined = ({ method }: SeenRequest, url: URL): Response => {
    const [, , what, one = '', id] = url.pathname.split('/').map(decodeURIComponent);
    if (what === 'names') {
      return names.delete(one)
        ? new Response(null, { status: 204 })
        : problem('not_found', `nobody has the name ${one}`);
    }
    const owner = url.searchParams.get('owner') ?? one;
    const found = [...instances].filter((each) => each.owner === owner);
    if (id === undefined) return page(found, Number(url.searchParams.get('next') ?? 0));
    const instance = found.find((each) => each.id === id);
    if (!instance && removed.has(`${owner}/${id}`)) return problem('gone', 'it was removed');
    if (!instance) return problem('not_found', `${owner} has no instance ${id}`);
    if (method !== 'DELETE') return json(200, instance);
    instances.delete(instance);
    removed.add(`${owner}/${id}`);
    return new Response(null, { status: 204 });
  };

  const list = (kind: string, from: number): Response =>
    page(
      [...rows.values()].map(shown).filter((row) => row.kind === kind),
      from,
    );

  const page = (all: readonly unknown[], from: number): Response => {
    const size = options.pageSize ?? 100;
    const rest = from + size < all.length ? { next: String(from + size) } : {};
    return json(200, { items: all.slice(from, from + size), ...rest });
  };

  const one = (request: SeenRequest, key: string): Response => {
    const row = rows.get(key);
    const query = new URL(request.url).searchParams;
    const dryRun = query.get('dry_run') === 'true';
    const ifMatch = request.headers.get('if-match');
    const stale = ifMatch !== null && ifMatch !== '*' && ifMatch !== `"${row?.revision}"`;
    switch (request.method) {
      case 'GET':
        return row ? json(200, shown(row), row.revision) : problem('not_found', `no ${key}`);
      case 'DELETE':
        if (!row) return problem('not_found', `no ${key}`);
        if (stale) return problem('precondition_failed', `${key} was changed`);
        if (options.inUse?.includes(key) && query.get('force') !== 'true')
          return problem('in_use', `${key} is in use`);
        rows.delete(key);
        return new Response(null, { status: 204 });
      default: {
        const wanted = parseJsonWith(resource, request.body);
        if (!wanted.ok) return problem('bad_request', wanted.problem.message, wanted.problem.field);
        const warnings = options.warn?.(wanted.value);
        const said = warnings && { warnings };
        const refused = options.refuse?.(wanted.value);
        if (refused) return problem('bad_request', refused.detail, refused.field);
        if (request.headers.get('if-none-match') === '*') {
          if (row) return problem('already_exists', `${key} exists already`);
          if (dryRun) return json(200, { ...wanted.value, ...said });
          const { stored, secret } = withSecret(wanted.value);
          return json(201, { ...stored, ...(secret && { secret }), ...said }, put(stored));
        }
        if (ifMatch === null) return problem('precondition_required', 'no condition');
        if (!row) return problem('not_found', `no ${key}`);
        if (stale) return problem('precondition_failed', `${key} was changed`);
        const { revision: known } = wanted.value.metadata;
        if (known !== undefined && known !== `r${row.revision}`)
          return problem('precondition_failed', 'it was changed', 'metadata.revision');
        // A join token that says nothing of its secret keeps it.
        const kept = keepingSecret(wanted.value, row.resource);
        return json(200, { ...kept, ...said }, dryRun ? row.revision : put(kept));
      }
    }
  };

  return {
    requests,
    put,
    stored: (kind, name) => rows.get(`${kind}/${name}`)?.resource,
    intercept: (reply, part = '') => intercepts.push({ reply, part }),
    fetch: async (input, init = {}) => {
      const seen = {
        method: init.method ?? 'GET',
        url: String(input),
        headers: new Headers(init.headers),
        body: typeof init.body === 'string' ? init.body : '',
      };
      requests.push(seen);
      const at = intercepts.findIndex(({ part }) => `${seen.method} ${seen.url}`.includes(part));
      const [intercept] = at < 0 ? [] : intercepts.splice(at, 1);
      return intercept ? intercept.reply(seen) : answer(seen);
    },
  };
}

/** The secret of the only join token of this name. */
export const secretOf = (name: string): string =>
  createHash('sha256').update(name).digest('hex').slice(0, 32);

function withSecret(wanted: Resource): { stored: Resource; secret?: string } {
  if (wanted.kind !== 'token' || wanted.spec['join_method'] !== 'token') return { stored: wanted };
  const secret = secretOf(wanted.metadata.name);
  const secret_sha256 = createHash('sha256').update(secret).digest('hex');
  return { stored: { ...wanted, spec: { ...wanted.spec, secret_sha256 } }, secret };
}

const discovery = ({
  cluster = 'broker.example.com',
  cloud = 'AzurePublic',
  audiences,
  pins = CA_PINS,
}: FakeBrokerOptions) => ({
  server_version: '0.1.0',
  cluster_name: cluster,
  cloud,
  ca_pins: pins,
  ...(audiences && { audiences }),
  operators: { tenant: TENANT, client_id: CLIENT_ID },
});

const json = (status: number, body: unknown, revision?: number): Response =>
  Response.json(body, { status, headers: revision ? { etag: `"${revision}"` } : {} });

export function problem(code: ProblemCode, detail: string, field?: string): Response {
  const [status, title] = PROBLEMS[code];
  return new Response(
    JSON.stringify({ type: 'about:blank', title, status, code, detail, field, request_id: 'r-1' }),
    { status, headers: { 'content-type': 'application/problem+json' } },
  );
}
