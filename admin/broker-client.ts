/** The broker's HTTP API, as far as operators use it. */
import { isDeepStrictEqual } from 'node:util';
import type * as z from 'zod/mini';
import { type Discovery, discovery } from '../shared/protocol/discovery.ts';
import { type JoinRecord, joinRecord } from '../shared/protocol/join-record.ts';
import { type Problem, problem } from '../shared/protocol/problem.ts';
import {
  type Resource,
  type ResourceKind,
  resource,
  resourcePage,
} from '../shared/protocol/resource.ts';
import { parseJsonWith, sentenceOf } from '../shared/protocol/schema.ts';
import { Failure, Refusal } from './failure.ts';
import type { Http, HttpAnswer, HttpRequest } from './http.ts';
import { printable } from './printable.ts';

export interface StoredResource {
  readonly resource: Resource;
  readonly etag: string;
}

export interface BrokerClient {
  readonly list: (kind: ResourceKind) => Promise<readonly Resource[]>;
  /** `undefined` where there is no such resource. */
  readonly get: (kind: ResourceKind, name: string) => Promise<StoredResource | undefined>;
  /** False where one of this name exists already. */
  readonly create: (wanted: Resource) => Promise<boolean>;
  /** Replaces the version with this ETag, or any with `*`. False where it was changed or deleted meanwhile. */
  readonly replace: (wanted: Resource, etag: string) => Promise<boolean>;
  /** Removes the version with this ETag, or any. False where there was none, or where it was changed meanwhile. */
  readonly remove: (kind: ResourceKind, name: string, etag?: string) => Promise<boolean>;
  /** What the join log has under a request id. */
  readonly join: (requestId: string) => Promise<JoinRecord | undefined>;
}

/** What the broker says about itself to anyone. */
export async function discover(http: Http, broker: string): Promise<Discovery> {
  const answer = await http({ method: 'GET', url: `${broker}/v1/webapi/find` });
  if (answer.status !== 200) throw failureOf(answer, broker);
  return read(discovery, answer, broker);
}

/** A client with the operator's access token, which goes to `broker` and nowhere else. */
export function brokerClient(http: Http, broker: string, token: string): BrokerClient {
  const send = async (request: Omit<HttpRequest, 'url'>, path: string): Promise<HttpAnswer> => {
    const headers = { ...request.headers, authorization: `Bearer ${token}` };
    const authorised = { ...request, headers, url: `${broker}/v1/${path}` };
    const answer = await http(authorised);
    return codeOf(answer) === 'try_again' ? http(authorised) : answer;
  };
  const put = (wanted: Resource, condition: Record<string, string>): Promise<HttpAnswer> =>
    send(
      {
        method: 'PUT',
        headers: { 'content-type': 'application/json', ...condition },
        body: JSON.stringify(wanted),
      },
      pathOf(wanted.kind, wanted.metadata.name),
    );

  const client: BrokerClient = {
    async list(kind) {
      const items: Resource[] = [];
      let next: string | undefined;
      do {
        const query = next === undefined ? '' : `?${new URLSearchParams({ next })}`;
        const answer = await send({ method: 'GET' }, `resources/${kind}${query}`);
        if (answer.status !== 200) throw failureOf(answer, broker);
        const page = read(resourcePage, answer, broker);
        if (page.next !== undefined && page.next === next)
          throw new Failure(`${broker} lists the same page again and again.`);
        items.push(...page.items);
        next = page.next;
      } while (next !== undefined);
      return items;
    },
    async get(kind, name) {
      const answer = await send({ method: 'GET' }, pathOf(kind, name));
      if (codeOf(answer) === 'not_found') return undefined;
      if (answer.status !== 200) throw failureOf(answer, broker);
      const etag = answer.headers.get('etag');
      if (etag === null) throw new Failure(`${broker} answers without an ETag.`);
      return { resource: read(resource, answer, broker), etag };
    },
    async create(wanted) {
      const answer = await put(wanted, { 'if-none-match': '*' });
      if (codeOf(answer) === 'already_exists') return answer.retried && (await isStored(wanted));
      if (answer.status >= 300) throw failureOf(answer, broker);
      return true;
    },
    async replace(wanted, etag) {
      const answer = await put(wanted, { 'if-match': etag });
      const code = codeOf(answer);
      if (code === 'precondition_failed') return answer.retried && (await isStored(wanted));
      if (code === 'not_found') return false;
      if (answer.status >= 300) throw failureOf(answer, broker);
      return true;
    },
    async remove(kind, name, etag) {
      const headers: Record<string, string> = etag === undefined ? {} : { 'if-match': etag };
      const answer = await send({ method: 'DELETE', headers }, pathOf(kind, name));
      const code = codeOf(answer);
      if (code === 'not_found') return answer.retried;
      if (code === 'precondition_failed' && etag !== undefined) return false;
      if (answer.status >= 300) throw failureOf(answer, broker);
      return true;
    },
    async join(requestId) {
      const answer = await send({ method: 'GET' }, `joins/${encodeURIComponent(requestId)}`);
      if (codeOf(answer) === 'not_found') return undefined;
      if (answer.status !== 200) throw failureOf(answer, broker);
      return read(joinRecord, answer, broker);
    },
  };
  /** After a lost answer the second try meets our own write (rule 16). */
  const isStored = async (wanted: Resource): Promise<boolean> => {
    const stored = await client.get(wanted.kind, wanted.metadata.name);
    return isDeepStrictEqual(stored?.resource, wanted);
  };
  return client;
}

const pathOf = (kind: ResourceKind, name: string): string =>
  `resources/${kind}/${encodeURIComponent(name)}`;

function read<T>(schema: z.ZodMiniType<T>, answer: HttpAnswer, broker: string): T {
  const parsed = parseJsonWith(schema, answer.text);
  if (parsed.ok) return parsed.value;
  const what = sentenceOf(parsed.problem);
  throw new Failure(`${broker} does not answer as a Join Broker does: ${what}.`);
}

function problemOf(answer: HttpAnswer): Problem | undefined {
  if (answer.status < 400) return undefined;
  const parsed = parseJsonWith(problem, answer.text);
  return parsed.ok ? parsed.value : undefined;
}

const codeOf = (answer: HttpAnswer): Problem['code'] | undefined => problemOf(answer)?.code;

function failureOf(answer: HttpAnswer, broker: string): Failure {
  const refused = problemOf(answer);
  if (!refused) {
    const isBusy = answer.status >= 500 || answer.status === 429;
    const advice = isBusy ? 'try again in a minute' : 'is the address right?';
    return new Failure(
      `${broker} does not answer as a Join Broker does (HTTP ${answer.status}): ${advice}`,
    );
  }
  return new Refusal(sentence(refused), refused);
}

function sentence({ code, title, detail, field, request_id }: Problem): string {
  const said = printable(detail ?? title).replace(/\.$/, '');
  switch (code) {
    case 'unauthenticated':
      return `The broker wants a sign-in (${said}): run joinctl login.`;
    case 'unavailable':
    case 'internal':
      return `${said} (request ${printable(request_id)}): try again in a minute.`;
    default: {
      const at = field === undefined || said.startsWith(field) ? '' : `${printable(field)}: `;
      return `${at}${said}.`;
    }
  }
}
