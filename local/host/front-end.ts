/** Serves a function app's HTTP functions over a port as Azure's front end and Functions host do together. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { HttpCookie, HttpData, Log, NullableStrings, TypedData } from './core-api.ts';
import type { FunctionApp, HttpFunction } from './function-app.ts';
import { createRouter } from './routes.ts';

export interface FrontEndOptions {
  /** The largest body that reaches a function (`FUNCTIONS_REQUEST_BODY_SIZE_LIMIT`). */
  readonly bodyLimit: number;
  readonly log: Log;
}

/** An HTTP server for the app; it listens to nothing yet. */
export function createFrontEnd(app: FunctionApp, { bodyLimit, log }: FrontEndOptions): Server {
  const functions = app.functions.filter((fn): fn is HttpFunction => fn.trigger === 'http');
  const authLevels = new Map(functions.map(({ name, authLevel }) => [name, authLevel]));
  const route = createRouter(functions);

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = addressOf(request);
    if (!url) return answer(response, 400);
    const method = request.method ?? 'GET';
    const match = route(method, url.pathname);
    if (!match) return answer(response, 404);
    // No function of ours needs a key; Azure would refuse a request without one.
    if (authLevels.get(match.name) !== 'anonymous') return answer(response, 401);
    const body = await readBody(request, bodyLimit);
    if (!body) return answer(response, 413);
    const result = await app.invoke(match.name, {
      http: {
        method,
        url: url.href,
        nullableHeaders: headersOf(request),
        nullableParams: nullable(Object.entries(match.params)),
        nullableQuery: nullable(joined(url.searchParams)),
        body: { bytes: body },
      },
    });
    if (result?.http) answerWith(response, result.http);
    else answer(response, 204);
  };

  return createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (request.destroyed && !request.complete) return;
      log('error', 'system', `${request.method} ${request.url}: ${describe(error)}`);
      if (response.headersSent) response.destroy();
      else answer(response, 500);
    });
  });
}

const describe = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

function addressOf(request: IncomingMessage): URL | undefined {
  const { url = '/', headers } = request;
  const origin = url.startsWith('/') ? `http://${headers.host ?? 'localhost'}` : '';
  return URL.parse(origin + url) ?? undefined;
}

/** Azure's front end adds the caller's address and port at the end; what stands before it is the caller's own claim. */
function headersOf(request: IncomingMessage): NullableStrings {
  const { remoteAddress, remotePort } = request.socket;
  const client = `${remoteAddress}:${remotePort}`;
  const headers = Object.entries(request.headersDistinct).map(
    ([name, values]): [string, string] => [name, (values ?? []).join(', ')],
  );
  const claimed = request.headers['x-forwarded-for'];
  return nullable([
    ...headers.filter(([name]) => name !== 'x-forwarded-for'),
    ['x-forwarded-for', claimed === undefined ? client : `${claimed}, ${client}`],
  ]);
}

const nullable = (entries: Iterable<readonly [string, string]>): NullableStrings =>
  Object.fromEntries(Array.from(entries, ([name, value]) => [name, { value }]));

/** A parameter that comes twice has its values joined by a comma. */
const joined = (query: URLSearchParams): [string, string][] =>
  [...new Set(query.keys())].map((name) => [name, query.getAll(name).join(',')]);

/** The body's bytes: none where no length was announced, as the Functions host has it; `undefined` if there are too many. */
async function readBody(request: IncomingMessage, limit: number): Promise<Uint8Array | undefined> {
  const length = Number(request.headers['content-length'] ?? 0);
  if (length > limit) {
    request.resume();
    return undefined;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) if (length > 0) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function answer(response: ServerResponse, status: number): void {
  response.writeHead(status, status === 204 ? {} : { 'content-length': 0 }).end();
}

function answerWith(
  response: ServerResponse,
  { statusCode, headers = {}, cookies, body }: HttpData,
) {
  const content = bytesOf(body);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (cookies?.length) response.setHeader('set-cookie', cookies.map(cookieText));
  response.statusCode = Number(statusCode ?? 200);
  if (response.statusCode === 204 || response.statusCode === 304) response.end();
  else response.setHeader('content-length', content.byteLength).end(content);
}

const cookieText = ({ name, value }: HttpCookie): string => `${name}=${value}; Path=/`;

const bytesOf = (body: TypedData | undefined): Uint8Array =>
  body?.bytes ?? Buffer.from(body?.string ?? body?.json ?? '');
