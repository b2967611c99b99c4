/** The broker's HTTP API, as far as operators use it. */
import { isDeepStrictEqual } from 'node:util';
import type * as z from 'zod/mini';
import { type AuditRecord, auditPage, auditRecord } from '../shared/protocol/audit-record.ts';
import {
  type AuthorityStatus,
  authorityStatus,
  type InitBody,
  type RetireBody,
  type RotateBody,
  type RotatedAuthority,
} from '../shared/protocol/authorities.ts';
import { type AzureAnchor, azureAnchors } from '../shared/protocol/azure-roots.ts';
import {
  type HeldNameRecord,
  type KeyBackup,
  keyBackup,
  namePage,
  type RestoreBody,
  type Restored,
  type RestoredNames,
  restored,
  restoredNames,
} from '../shared/protocol/backup.ts';
import { type Discovery, discovery } from '../shared/protocol/discovery.ts';
import { type ExplainRequest, type Explanation, explanation } from '../shared/protocol/explain.ts';
import { type InstanceRecord, instancePage, instanceRecord } from '../shared/protocol/instance.ts';
import { type LogVerification, logVerification } from '../shared/protocol/join-log-verification.ts';
import { type JoinRecord, joinPage, joinRecord } from '../shared/protocol/join-record.ts';
import {
  type Resource,
  type ResourceKind,
  type ResourceWarning,
  resource,
  resourcePage,
  writtenResource,
} from '../shared/protocol/resource.ts';
import { type TrustBundle, trustBundle } from '../shared/protocol/trust.ts';
import { codeOf, failureOf, readAnswer } from './broker-answer.ts';
import { allPages, eachPage, firstOfPages } from './broker-pages.ts';
import { Failure } from './failure.ts';
import type { Http, HttpAnswer, HttpRequest } from './http.ts';
import { hasSecret, keepingSecret } from './join-tokens.ts';
import type { ResourceReference } from './kinds.ts';

export interface StoredResource {
  readonly resource: Resource;
  readonly etag: string;
}

/** A resource that was created. */
export interface Created {
  readonly resource: Resource;
  /** The secret of a join token of method `token`, which nobody can be shown again. */
  readonly secret?: string;
}

/** A write that was only tried. */
export interface Checked {
  /** As it would be stored. */
  readonly resource: Resource;
  readonly warnings: readonly ResourceWarning[];
}

/** Which attempts to join. */
export interface JoinFilter {
  readonly since: string;
  readonly bot?: string;
  readonly token?: string;
  readonly machine?: string;
  readonly result?: string;
  readonly reason?: string;
}

/** Which changes by operators. */
export interface AuditFilter {
  readonly since: string;
  readonly operator?: string;
  readonly resource?: string;
  readonly action?: string;
  readonly outcome?: string;
}

/** Told what a write's answer warns of. */
export type OnWarning = (about: ResourceReference, warning: ResourceWarning) => void;

export interface BrokerClient {
  readonly list: (kind: ResourceKind) => Promise<readonly Resource[]>;
  /** `undefined` where there is no such resource. */
  readonly get: (kind: ResourceKind, name: string) => Promise<StoredResource | undefined>;
  /**
   * `undefined` where one of this name exists already. `coming` are those that are created next: nobody is warned that they
   * don't exist yet.
   */
  readonly create: (
    wanted: Resource,
    coming?: readonly ResourceReference[],
  ) => Promise<Created | undefined>;
  /** Replaces the version with this ETag, or any with `*`. False where it was changed or deleted meanwhile. */
  readonly replace: (wanted: Resource, etag: string) => Promise<boolean>;
  /**
   * What the broker would say to the write, which it doesn't carry out: to a creation, or with an ETag to a replacement.
   * `undefined` where it exists already, or doesn't any more.
   */
  readonly check: (wanted: Resource, etag?: string) => Promise<Checked | undefined>;
  /** Removes the version with this ETag, or any. False where there was none, or where it was changed meanwhile. */
  readonly remove: (
    kind: ResourceKind,
    name: string,
    how?: { readonly etag?: string; readonly force?: boolean },
  ) => Promise<boolean>;
  /** What the join log has under a request id. */
  readonly join: (requestId: string) => Promise<JoinRecord | undefined>;
  /** The first `most` attempts that fit; `isCut` where there may be more. */
  readonly joins: (
    filter: JoinFilter,
    most: number,
  ) => Promise<{ readonly items: readonly JoinRecord[]; readonly isCut: boolean }>;
  /** All attempts that fit, page by page, for as long as `onPage` wants more. Whether that was all of them. */
  readonly eachJoin: (
    filter: JoinFilter,
    onPage: (items: readonly JoinRecord[]) => boolean,
  ) => Promise<boolean>;
  /** Looks page by page whether the join log is as it was written. */
  readonly verifyJoins: (
    since: string | undefined,
    onPage: (page: LogVerification) => void,
  ) => Promise<void>;
  /** One change by an operator. */
  readonly change: (requestId: string) => Promise<AuditRecord | undefined>;
  /** The first `most` changes that fit; `isCut` where there may be more. */
  readonly changes: (
    filter: AuditFilter,
    most: number,
  ) => Promise<{ readonly items: readonly AuditRecord[]; readonly isCut: boolean }>;
  /** What would happen to a machine with these facts. */
  readonly explain: (asked: ExplainRequest) => Promise<Explanation>;
  /** What joined as `bot:<name>`, or `host:<system role>`. */
  readonly instances: (owner: string) => Promise<readonly InstanceRecord[]>;
  /** One of them; `undefined` where there never was one, or long ago. */
  readonly instance: (owner: string, id: string) => Promise<InstanceRecord | 'removed' | undefined>;
  /** Refuses its next renewal. False where there was none. */
  readonly removeInstance: (owner: string, id: string) => Promise<boolean>;
  /** Frees a host's name, so that another machine may have it. False where nobody had it. */
  readonly freeName: (name: string) => Promise<boolean>;
  /** What vouches for Azure's attested documents. */
  readonly azureRoots: () => Promise<readonly AzureAnchor[]>;
  /** The broker's keys. */
  readonly authorities: () => Promise<AuthorityStatus>;
  /** Makes the first keys. */
  readonly initAuthorities: (body: InitBody) => Promise<AuthorityStatus>;
  /** The keys' rows, sealed as they are stored. */
  readonly backUpAuthorities: () => Promise<KeyBackup>;
  /** Brings them back, or says what that would do. */
  readonly restoreAuthorities: (body: RestoreBody) => Promise<Restored>;
  /** Every name of a host, with whose it is. */
  readonly names: () => Promise<readonly HeldNameRecord[]>;
  /** Puts back who had these names. */
  readonly restoreNames: (items: readonly HeldNameRecord[]) => Promise<RestoredNames>;
  /** Makes another key, once: a second try of the same request finds other keys, and is refused. */
  readonly rotateAuthority: (name: RotatedAuthority, body: RotateBody) => Promise<AuthorityStatus>;
  /** Ends the old root. */
  readonly retireRoot: (body: RetireBody) => Promise<AuthorityStatus>;
}

/** What the broker says about itself to anyone. */
export async function discover(http: Http, broker: string): Promise<Discovery> {
  const answer = await http({ method: 'GET', url: `${broker}/v1/webapi/find` });
  if (answer.status !== 200) throw failureOf(answer, broker);
  return readAnswer(discovery, answer, broker);
}

/** The public half of its authorities. */
export async function trustOf(http: Http, broker: string): Promise<TrustBundle> {
  const answer = await http({ method: 'GET', url: `${broker}/v1/trust` });
  if (answer.status !== 200) throw failureOf(answer, broker);
  return readAnswer(trustBundle, answer, broker);
}

/** A client with the operator's access token, which goes to `broker` and nowhere else. */
export function brokerClient(
  http: Http,
  broker: string,
  token: string,
  onWarning: OnWarning = () => {},
): BrokerClient {
  const send = async (request: Omit<HttpRequest, 'url'>, path: string): Promise<HttpAnswer> => {
    const headers = { ...request.headers, authorization: `Bearer ${token}` };
    const authorised = { ...request, headers, url: `${broker}/v1/${path}` };
    const answer = await http(authorised);
    return codeOf(answer) === 'try_again' ? http(authorised) : answer;
  };
  const post = (path: string, body: unknown): Promise<HttpAnswer> =>
    send(
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      },
      path,
    );
  const put = (
    wanted: Resource,
    condition: Record<string, string>,
    query = '',
  ): Promise<HttpAnswer> =>
    send(
      {
        method: 'PUT',
        headers: { 'content-type': 'application/json', ...condition },
        body: JSON.stringify(wanted),
      },
      pathOf(wanted.kind, wanted.metadata.name) + query,
    );
  const warn = (
    { kind, metadata }: Resource,
    warnings: readonly ResourceWarning[] = [],
    coming: readonly ResourceReference[] = [],
  ): void => {
    for (const warning of warnings.filter(({ missing }) => !isAmong(coming, missing)))
      onWarning({ kind, name: metadata.name }, warning);
  };

  /** `undefined` where there is no such thing. */
  const find = async (path: string): Promise<HttpAnswer | undefined> => {
    const answer = await send({ method: 'GET' }, path);
    if (codeOf(answer) === 'not_found') return undefined;
    if (answer.status !== 200) throw failureOf(answer, broker);
    return answer;
  };
  const getFor = async <T>(
    schema: z.ZodMiniType<T>,
    path: string,
    query: Readonly<Record<string, string | undefined>> = {},
  ): Promise<T> => {
    const given = Object.entries(query).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    const text = new URLSearchParams(given).toString();
    const answer = await send({ method: 'GET' }, text === '' ? path : `${path}?${text}`);
    if (answer.status !== 200) throw failureOf(answer, broker);
    return readAnswer(schema, answer, broker);
  };
  const postFor = async <T>(
    schema: z.ZodMiniType<T>,
    path: string,
    body: unknown,
    status = 200,
  ): Promise<T> => {
    const answer = await post(path, body);
    if (answer.status !== status) throw failureOf(answer, broker);
    return readAnswer(schema, answer, broker);
  };
  const erase = async (path: string, headers: Record<string, string> = {}): Promise<boolean> => {
    const answer = await send({ method: 'DELETE', headers }, path);
    const code = codeOf(answer);
    if (code === 'not_found' || code === 'gone') return answer.retried;
    if (code === 'precondition_failed' && headers['if-match'] !== undefined) return false;
    if (answer.status >= 300) throw failureOf(answer, broker);
    return true;
  };

  const client: BrokerClient = {
    list: (kind) => allPages(broker, (next) => getFor(resourcePage, `resources/${kind}`, { next })),
    async get(kind, name) {
      const answer = await find(pathOf(kind, name));
      if (!answer) return undefined;
      const etag = answer.headers.get('etag');
      if (etag === null) throw new Failure(`${broker} answers without an ETag.`);
      return { resource: readAnswer(resource, answer, broker), etag };
    },
    async create(wanted, coming) {
      const answer = await put(wanted, { 'if-none-match': '*' });
      if (codeOf(answer) === 'already_exists') {
        if (!answer.retried || !(await isStored(wanted))) return undefined;
        if (hasSecret(wanted)) throw secretLost(wanted.metadata.name);
        return { resource: wanted };
      }
      if (answer.status >= 300) throw failureOf(answer, broker);
      const { secret, warnings, ...stored } = readAnswer(writtenResource, answer, broker);
      warn(wanted, warnings, coming);
      if (hasSecret(wanted) && secret === undefined)
        throw new Failure(`${broker} answers without the secret of a join token.`);
      return { resource: stored, ...(secret !== undefined && { secret }) };
    },
    async replace(wanted, etag) {
      const answer = await put(wanted, { 'if-match': etag });
      const code = codeOf(answer);
      if (code === 'precondition_failed' && answer.retried && (await isStored(wanted))) return true;
      // Whatever is there was to be replaced, but the resource itself says which version it came from.
      if (code === 'precondition_failed' && etag !== '*') return false;
      if (code === 'not_found') return false;
      if (answer.status >= 300) throw failureOf(answer, broker);
      warn(wanted, readAnswer(writtenResource, answer, broker).warnings);
      return true;
    },
    async check(wanted, etag) {
      const condition = etag === undefined ? { 'if-none-match': '*' } : { 'if-match': etag };
      const answer = await put(wanted, condition, '?dry_run=true');
      const code = codeOf(answer);
      if (code === 'already_exists' || code === 'not_found') return undefined;
      if (answer.status >= 300) throw failureOf(answer, broker);
      const { secret: _, warnings = [], ...stored } = readAnswer(writtenResource, answer, broker);
      return { resource: stored, warnings };
    },
    remove: (kind, name, { etag, force = false } = {}) =>
      erase(
        `${pathOf(kind, name)}${force ? '?force=true' : ''}`,
        etag === undefined ? {} : { 'if-match': etag },
      ),
    async join(requestId) {
      const answer = await find(`joins/${encodeURIComponent(requestId)}`);
      return answer && readAnswer(joinRecord, answer, broker);
    },
    joins: (filter, most) =>
      firstOfPages(broker, most, (next) => getFor(joinPage, 'joins', { ...filter, next })),
    eachJoin: (filter, onPage) =>
      eachPage(broker, (next) => getFor(joinPage, 'joins', { ...filter, next }), onPage),
    async verifyJoins(since, onPage) {
      // Every page names a later minute: a broker that doesn't go on is not followed.
      let next: string | undefined;
      do {
        const read: LogVerification = await getFor(logVerification, 'join-log/verification', {
          since,
          next,
        });
        if (read.next !== undefined && read.next <= (next ?? ''))
          throw new Failure(`${broker} repeats a page.`);
        onPage(read);
        next = read.next;
      } while (next !== undefined);
    },
    async change(requestId) {
      const answer = await find(`audit/${encodeURIComponent(requestId)}`);
      return answer && readAnswer(auditRecord, answer, broker);
    },
    changes: (filter, most) =>
      firstOfPages(broker, most, (next) => getFor(auditPage, 'audit', { ...filter, next })),
    explain: (asked) => postFor(explanation, 'explain', asked),
    instances: (owner) =>
      allPages(broker, (next) => getFor(instancePage, 'instances', { owner, next })),
    async instance(owner, id) {
      const answer = await send({ method: 'GET' }, instancePath(owner, id));
      const code = codeOf(answer);
      if (code === 'not_found') return undefined;
      if (code === 'gone') return 'removed';
      if (answer.status !== 200) throw failureOf(answer, broker);
      return readAnswer(instanceRecord, answer, broker);
    },
    removeInstance: (owner, id) => erase(instancePath(owner, id)),
    freeName: (name) => erase(`names/${encodeURIComponent(name)}`),
    azureRoots: async () => (await getFor(azureAnchors, 'azure-roots')).items,
    authorities: () => getFor(authorityStatus, 'authorities'),
    initAuthorities: (body) => postFor(authorityStatus, 'authorities/init', body, 201),
    backUpAuthorities: () => getFor(keyBackup, 'authorities/backup'),
    restoreAuthorities: (body) => postFor(restored, 'authorities/restore', body),
    names: () => allPages(broker, (next) => getFor(namePage, 'names', { next })),
    restoreNames: (items) => postFor(restoredNames, 'names', { items }),
    retireRoot: (body) => change('authorities/tls/retire', body),
    rotateAuthority: (name, body) => change(`authorities/${name}/rotate`, body),
  };
  const change = async (path: string, body: unknown): Promise<AuthorityStatus> => {
    const answer = await post(path, body);
    if (answer.retried && codeOf(answer) === 'precondition_failed')
      throw new Failure(
        'The keys have changed since you saw them, perhaps by this very command, whose first answer was lost: joinctl auth status.',
      );
    if (answer.status !== 200) throw failureOf(answer, broker);
    return readAnswer(authorityStatus, answer, broker);
  };
  /** After a lost answer the second try meets our own write (rule 16). */
  const isStored = async (wanted: Resource): Promise<boolean> => {
    const stored = await client.get(wanted.kind, wanted.metadata.name);
    return (
      stored !== undefined &&
      isDeepStrictEqual(
        withoutRevision(stored.resource),
        withoutRevision(keepingSecret(wanted, stored.resource)),
      )
    );
  };
  return client;
}

/** What a resource says, whichever version it is. */
export function withoutRevision({ metadata, ...resource }: Resource): Resource {
  const { revision: _, ...kept } = metadata;
  return { ...resource, metadata: kept };
}

/** Whether a resource is one of these. */
export const isAmong = (
  references: readonly ResourceReference[],
  one: ResourceReference | undefined,
): boolean => references.some(({ kind, name }) => kind === one?.kind && name === one.name);

const pathOf = (kind: ResourceKind, name: string): string =>
  `resources/${kind}/${encodeURIComponent(name)}`;

const instancePath = (owner: string, id: string): string =>
  `instances/${encodeURIComponent(owner)}/${encodeURIComponent(id)}`;

const secretLost = (name: string): Failure =>
  new Failure(
    `token "${name}" has been created, but the answer with its secret was lost on the way, and nobody can be shown it again. Delete it with joinctl tokens rm ${name}, then run the same command once more.`,
  );
