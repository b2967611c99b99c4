/** Lengths of time in a config file: as Go reads them, decimals included. On the wire there are whole numbers only. */
import * as z from 'zod/mini';

const SECONDS = { h: 3600, m: 60, s: 1 } as const;

/** Whole seconds of `1h30m` or `1.5h`; `undefined` where the text is no such duration, or none of whole seconds. */
export function readDuration(text: string): number | undefined {
  if (!/^(?=.)(?:\d{1,6}(?:\.\d{1,3})?h)?(?:\d{1,6}(?:\.\d{1,3})?m)?(?:\d{1,6}s)?$/.test(text))
    return undefined;
  // In thousandths, so that 1.1h has no remainder that is none.
  const thousandths = [...text.matchAll(/([\d.]+)([hms])/g)].map(
    ([, number, unit]) => Math.round(Number(number) * 1000) * SECONDS[unit as keyof typeof SECONDS],
  );
  const seconds = thousandths.reduce((sum, part) => sum + part, 0) / 1000;
  return Number.isInteger(seconds) && seconds > 0 ? seconds : undefined;
}

export const durationText = z
  .string()
  .check(
    z.refine(
      (text) => readDuration(text) !== undefined,
      'expected a duration such as 24h, 30m or 1h30m',
    ),
  );
