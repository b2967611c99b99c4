/** Asking AWS's metadata services: in the machine's own network, with deadlines, and again where that may help. */
import { type HttpAnswer, type HttpRequest, NoAnswer } from '../http.ts';
import { backoffDelay, refuseWhenStopped } from '../retry.ts';
import type { CredentialEffects } from './credentials.ts';

const BACKOFF = { firstMs: 500, mostMs: 8000 };
const TRIES = 4;
const TIMEOUT_MS = 5000;
const MOST_BYTES = 64 * 1024;

/** Any answer that won't get better by asking again, whatever its status; `NoAnswer` if there is none at last. */
export async function askMetadata(
  { clock, random, imds, log, stop }: CredentialEffects,
  request: Pick<HttpRequest, 'method' | 'url' | 'headers'>,
): Promise<HttpAnswer | NoAnswer> {
  for (let tries = 1; ; tries += 1) {
    const limits = { timeoutMs: TIMEOUT_MS, mostBytes: MOST_BYTES, stop };
    const answer = await imds({ ...request, ...limits }).catch((error: unknown) => {
      if (error instanceof NoAnswer) return error;
      throw error;
    });
    refuseWhenStopped(stop);
    const passing = answer instanceof NoAnswer || answer.status === 429 || answer.status >= 500;
    if (!passing || tries >= TRIES) return answer;
    const why = answer instanceof NoAnswer ? answer.message : `status ${answer.status}`;
    log.debug(`AWS's metadata service: ${why}; asking again`);
    await clock.sleep(backoffDelay(tries, BACKOFF, random), stop);
    refuseWhenStopped(stop);
  }
}
