/** A `fetch` over services in process. */
import { NetworkFailure } from './service.ts';

/** What isn't answered rejects as a broken connection does with the real `fetch`. */
export function fetchThrough(handle: (request: Request) => Promise<Response>): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    try {
      return await handle(request);
    } catch (error) {
      if (!(error instanceof NetworkFailure)) throw error;
      const cause = Object.assign(new Error(error.message), { code: 'ECONNREFUSED' });
      throw new TypeError('fetch failed', { cause });
    }
  };
}
