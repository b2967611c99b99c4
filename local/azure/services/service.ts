/** One simulated service: what it answers, behind the log of its calls and the switch for its faults. */
import type { CallLog, ServiceName } from './calls.ts';
import type { Fault, FaultSwitch } from './faults.ts';

/** Answers a request. `path` is the path below the service's address. */
export type Handle = (request: Request, path: string) => Promise<Response>;

/** The connection broke: `fetch` rejects, a server drops the socket. */
export class NetworkFailure extends Error {
  override readonly name = 'NetworkFailure';
}

export interface ServiceParts {
  readonly name: ServiceName;
  readonly calls: CallLog;
  readonly faults: FaultSwitch;
  readonly answer: (request: Request, path: string) => Response | Promise<Response>;
  /** The body of an error with this status, in the service's own form. */
  readonly errorBody: (status: number) => unknown;
}

export function createService({ name, calls, faults, answer, errorBody }: ServiceParts): Handle {
  async function answerWith(
    fault: Fault | undefined,
    request: Request,
    path: string,
  ): Promise<Response> {
    if (fault === undefined) return answer(request, path);
    if (fault === 'network_error') throw new NetworkFailure('the connection was reset');
    if (fault === 'hang') return new Promise<never>(() => {});
    if (fault === 'broken_json') return halfOf(await answer(request, path));
    if ('heldUntil' in fault) {
      await fault.heldUntil;
      return answer(request, path);
    }
    const { status, retryAfterSeconds } = fault;
    const headers =
      retryAfterSeconds === undefined ? {} : { 'retry-after': `${retryAfterSeconds}` };
    return Response.json(errorBody(status), { status, headers });
  }

  return (request, path) => {
    calls.add({ service: name, method: request.method, path });
    return unlessAborted(answerWith(faults.next(), request, path), request.signal);
  };
}

async function halfOf(response: Response): Promise<Response> {
  const text = await response.text();
  return new Response(text.slice(0, text.length / 2), {
    headers: { 'content-type': 'application/json' },
  });
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
