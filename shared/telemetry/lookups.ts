/** Look-ups in the broker's caches: each cache tells whether it knew the answer. */
import type { OnLookup } from '../lookups.ts';
import type { Dimensions } from './metrics.ts';
import type { Telemetry } from './telemetry.ts';

export const lookupsOf =
  (telemetry: Telemetry, cache: Dimensions<'cache_lookups'>['cache']): OnLookup =>
  (result) =>
    telemetry.measure('cache_lookups', 1, { cache, result });
