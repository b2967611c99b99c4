/** Asking Azure's metadata service: the header it wants, and the retries that Microsoft advises for each status. */
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { type HttpAnswer, NoAnswer } from './http.ts';
import { backoffDelay, refuseWhenStopped } from './retry.ts';
import { retryAfterMs } from './retry-after.ts';

export const AZURE_METADATA_SERVICE = 'http://169.254.169.254';

/** Any answer that won't get better by asking again, whatever its status. */
export type AskMetadata = (path: string, query: Record<string, string>) => Promise<HttpAnswer>;

const BACKOFF = { firstMs: 1000, mostMs: 16_000 };
const TRIES = 6;
const TRIES_WITHOUT_ANSWER = 3;
/** While the service is being updated it answers 410, for up to 70 s. */
const UPDATE_MS = 70_000;
const TIMEOUT_MS = 10_000;
const MOST_BYTES = 64 * 1024;

/** `whereAmI` is asked when nothing answers: one sentence on whether this machine looks like an Azure VM. */
export function askMetadataOf(
  base: string,
  { clock, random, imds, log, stop }: Pick<Effects, 'clock' | 'random' | 'imds' | 'log' | 'stop'>,
  whereAmI: () => Promise<string>,
): AskMetadata {
  const askOnce = async (url: string): Promise<HttpAnswer | NoAnswer> => {
    const headers = { metadata: 'true' };
    const limits = { timeoutMs: TIMEOUT_MS, mostBytes: MOST_BYTES, stop };
    try {
      return await imds({ method: 'GET', url, headers, ...limits });
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      refuseWhenStopped(stop);
      return error;
    }
  };

  return async (path, query) => {
    const url = `${base}/metadata/${path}?${new URLSearchParams(query)}`;
    const started = clock.now().getTime();
    for (let tries = 1; ; tries += 1) {
      const answer = await askOnce(url);
      const wait = Math.max(backoffDelay(tries, BACKOFF, random), wished(answer, clock.now()));
      const elapsed = clock.now().getTime() - started;
      if (!mayAskAgain(answer, tries, elapsed + wait)) {
        if (!(answer instanceof NoAnswer)) return answer;
        const message = `Azure's metadata service at ${base} can't be reached: ${answer.message}. ${await whereAmI()}`;
        throw new Failure('metadata', message, { cause: answer });
      }
      const why = answer instanceof NoAnswer ? answer.message : `status ${answer.status}`;
      log.debug(`metadata service, ${path}: ${why}; asking again in ${wait} ms`);
      await clock.sleep(wait, stop);
      refuseWhenStopped(stop);
    }
  };
}

const wished = (answer: HttpAnswer | NoAnswer, now: Date): number =>
  (answer instanceof NoAnswer ? undefined : retryAfterMs(answer.header('retry-after'), now)) ?? 0;

function mayAskAgain(answer: HttpAnswer | NoAnswer, tries: number, elapsedMs: number): boolean {
  if (answer instanceof NoAnswer) return tries < TRIES_WITHOUT_ANSWER;
  if (answer.status === 410) return elapsedMs <= UPDATE_MS;
  const passing = answer.status === 404 || answer.status === 429 || answer.status >= 500;
  return passing && tries < TRIES;
}
