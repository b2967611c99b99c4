/**
 * The one wrapper around every HTTP function: request id, limits, problem+json. Nothing is ever thrown to the host,
 * whose answers to that are not ours.
 */
import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { ZodMiniType } from 'zod/mini';
import type { Broker } from '../shared/broker.ts';
import type { Call } from '../shared/call.ts';
import { PROBE_HEADER } from '../shared/joining/probe-mark.ts';
import type { JsonLimits } from '../shared/protocol/json.ts';
import { PROBLEMS, type Problem } from '../shared/protocol/problem.ts';
import { parseJsonWith } from '../shared/protocol/schema.ts';
import { badInput, Refusal } from '../shared/refusal.ts';
import { makeRequestId } from '../shared/request-id.ts';

/** What a handler gets: the broker, and the request as far as it was checked. */
export interface Exchange {
  readonly broker: Broker;
  readonly request: HttpRequest;
  readonly call: Call;
  /** Gives the body as text; only for methods that have one. Throws the refusal of one that can't be read. */
  readonly body: () => string;
}

export interface Answer {
  readonly status?: number;
  /** Sent as JSON, unless it is text or bytes already. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Described {
  readonly name: string;
  readonly methods: readonly ('GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'HEAD' | 'OPTIONS')[];
  readonly route: string;
}

export interface BrokerEndpoint extends Described {
  answer(exchange: Exchange): Promise<Answer> | Answer;
}

/** Answers without the broker and without looking at the body: whatever the settings are. */
export interface PlainEndpoint extends Described {
  answerPlainly(request: HttpRequest): Promise<Answer> | Answer;
}

export type Endpoint = BrokerEndpoint | PlainEndpoint;

/**
 * The same, which answers `HEAD` where it answers `GET` (RFC 9110 section 9.1). It gives the body too: the host leaves it
 * out and sends its length.
 */
export const withHead = <E extends Endpoint>(endpoint: E): E => ({
  ...endpoint,
  methods: endpoint.methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])),
});

const MOST_BODY_BYTES = 65_536;
const WITH_BODY: readonly string[] = ['POST', 'PUT', 'PATCH'];

/** The function that the host calls. */
export function handlerOf(endpoint: Endpoint, brokerOf: () => Promise<Broker>) {
  return async (request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> => {
    const requestId = makeRequestId(new Date());
    const log = (line: string): void => context.log(line);
    try {
      if ('answerPlainly' in endpoint) {
        return responseOf(await endpoint.answerPlainly(request), requestId);
      }
      const body = await bodyOf(request);
      const broker = await brokerOf();
      const probe = request.headers.get(PROBE_HEADER) ?? undefined;
      const call = { requestId, client: clientOf(request), probe, log };
      return responseOf(await endpoint.answer({ broker, request, call, body }), requestId);
    } catch (error) {
      if (!(error instanceof Refusal)) {
        context.error(
          JSON.stringify({
            event: 'failure',
            request_id: requestId,
            function: endpoint.name,
            detail: stackOf(error),
          }),
        );
      } else if (error.cause !== undefined) {
        context.warn(
          JSON.stringify({
            event: 'failure',
            request_id: requestId,
            function: endpoint.name,
            detail: `${error.message}: ${error.cause}`,
          }),
        );
      }
      return problemResponse(error, requestId);
    }
  };
}

/** Checks a body's text against its schema. */
export function bodyAs<T>(schema: ZodMiniType<T>, { body }: Exchange, limits?: JsonLimits): T {
  const parsed = parseJsonWith(schema, body(), limits);
  if (!parsed.ok) throw badInput(parsed.problem);
  return parsed.value;
}

/** Reads the body. That it can't be read is for the endpoint to say: for some it is an attempt that has to be told. */
async function bodyOf(request: HttpRequest): Promise<() => string> {
  if (!WITH_BODY.includes(request.method)) return () => '';
  try {
    const text = await readBody(request);
    return () => text;
  } catch (error) {
    const refusal =
      error instanceof Refusal
        ? error
        : badInput({ field: '', message: 'expected a body that can be read to its end' });
    return () => {
      throw refusal;
    };
  }
}

async function readBody(request: HttpRequest): Promise<string> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json(?:\s*;\s*charset=utf-8)?$/i.test(type)) {
    throw new Refusal('unsupported_media_type', 'expected Content-Type: application/json');
  }
  const length = request.headers.get('content-length');
  // The host drops chunked bodies, so a length is the only sign that there was one.
  if (length === null || !/^\d{1,10}$/.test(length))
    throw new Refusal('length_required', 'expected a Content-Length');
  if (Number(length) > MOST_BODY_BYTES) throw tooLarge();
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > MOST_BODY_BYTES) throw tooLarge();
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw badInput({ field: '', message: 'expected UTF-8' });
  }
}

const tooLarge = (): Refusal =>
  new Refusal('too_large', `expected at most ${MOST_BODY_BYTES} bytes`);

/** Azure's front end writes the client as the last hop, `ip:port`; what stands before it is the client's own claim. */
function clientOf(request: HttpRequest): string | undefined {
  const last = request.headers.get('x-forwarded-for')?.split(',').at(-1)?.trim();
  return last !== undefined && /^[0-9a-fA-F.:[\]]{2,60}$/.test(last) ? last : undefined;
}

const COMMON_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

function responseOf(
  { status = 200, body, headers = {} }: Answer,
  requestId: string,
): HttpResponseInit {
  const common = { ...COMMON_HEADERS, 'x-request-id': requestId };
  if (body === undefined) return { status, headers: { ...common, ...headers } };
  const sent = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  return {
    status,
    body: sent,
    headers: { ...common, 'content-type': 'application/json', ...headers },
  };
}

function problemResponse(error: unknown, requestId: string): HttpResponseInit {
  const refusal = error instanceof Refusal ? error : new Refusal('internal', '');
  const [status, title] = PROBLEMS[refusal.code];
  // A denied joiner learns nothing but where the operator finds the reason.
  const told = refusal.code !== 'access_denied' && refusal.message !== '';
  const body: Problem = {
    type: 'about:blank',
    title,
    status,
    code: refusal.code,
    ...(told ? { detail: refusal.message } : {}),
    ...(refusal.field === undefined || refusal.field === '' ? {} : { field: refusal.field }),
    request_id: requestId,
  };
  const headers = {
    'content-type': 'application/problem+json',
    ...(refusal.retryAfter === undefined ? {} : { 'retry-after': String(refusal.retryAfter) }),
    ...(refusal.allow === undefined ? {} : { allow: refusal.allow.join(', ') }),
    ...(refusal.code === 'unauthenticated' ? { 'www-authenticate': 'Bearer' } : {}),
  };
  return responseOf({ status, body: JSON.stringify(body), headers }, requestId);
}

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);
