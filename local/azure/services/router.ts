/** Sends a request to the service whose address its URL lies under. */
import type { CallLog } from './calls.ts';
import { type Handle, NetworkFailure } from './service.ts';

/** A service's address, `http://…` without a trailing slash. `https://` finds it as well. */
export type Route = readonly [address: string, handle: Handle];

export function createRouter(
  routes: readonly Route[],
  calls: CallLog,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const { host, pathname } = new URL(request.url);
    const asked = `http://${host}${pathname}`;
    for (const [address, handle] of routes) {
      if (asked === address || asked.startsWith(`${address}/`)) {
        return handle(request, asked.slice(address.length));
      }
    }
    calls.add({ service: 'elsewhere', method: request.method, path: request.url });
    throw new NetworkFailure(`the simulated cloud has no ${host}`);
  };
}
