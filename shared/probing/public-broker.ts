/** The broker as the world sees it: asked over HTTP at its public address. */
import { textOf } from '../fetch-text.ts';
import { failed, unreachable } from './finding.ts';

export interface PublicAnswer {
  readonly status: number;
  readonly text: string;
  /** By which the log has it. */
  readonly requestId: string;
}

export interface PublicBroker {
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<PublicAnswer>;
  /** Sends text as a JSON body, whatever it is. */
  post(
    path: string,
    body: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<PublicAnswer>;
}

const TIMEOUT_MS = 15_000;
const MOST_BYTES = 262_144;

export function publicBroker(url: string, fetch: typeof globalThis.fetch): PublicBroker {
  async function ask(path: string, init: RequestInit): Promise<PublicAnswer> {
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const response = await fetch(`${url}${path}`, { ...init, redirect: 'manual', signal });
      return {
        status: response.status,
        text: await textOf(response, MOST_BYTES),
        requestId: response.headers.get('x-request-id') ?? 'none',
      };
    } catch (error) {
      const { cause = error } = error as { readonly cause?: unknown };
      throw unreachable(`${path}: ${String(cause)}`);
    }
  }
  return {
    get: (path, headers = {}) => ask(path, { headers }),
    post: (path, body, headers = {}) =>
      ask(path, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', ...headers },
      }),
  };
}

/** Passes if the answer has one of these statuses; only a success is the broker's failure. */
export function expectRefused(
  { status, requestId }: PublicAnswer,
  what: string,
  statuses: readonly number[],
): void {
  if (statuses.includes(status)) return;
  const said = `${what}: expected ${statuses.join(' or ')}, got ${status} (request ${requestId})`;
  throw status >= 200 && status < 300 ? failed(said) : unreachable(said);
}

export function expectAnswered({ status, requestId }: PublicAnswer, what: string): void {
  if (status !== 200)
    throw unreachable(`${what}: expected 200, got ${status} (request ${requestId})`);
}

/** The members of an answer that is a JSON object. */
export function jsonOf({ text, requestId }: PublicAnswer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw unreachable(`expected a JSON object (request ${requestId})`);
}
