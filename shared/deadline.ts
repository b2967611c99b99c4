/** No wait on the outside is without end: whoever waits is told to try again, and the next one asks anew (rule 7). */
import { type Refusal, unavailable } from './refusal.ts';

/** The longest wait of a caller for anything outside the broker. */
export const DEADLINE_MS = 10_000;

/**
 * What `ask` answers in time. Throws `unavailable` with this message otherwise, or what `late` makes of it, and aborts the
 * signal; what comes too late is dropped, also where the signal is ignored.
 */
export async function withDeadline<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  message: string,
  milliseconds = DEADLINE_MS,
  late: (message: string) => Refusal = unavailable,
): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const refusal = late(message);
      reject(refusal);
      controller.abort(refusal);
    }, milliseconds);
  });
  try {
    return await Promise.race([ask(controller.signal), over]);
  } finally {
    clearTimeout(timer);
  }
}
