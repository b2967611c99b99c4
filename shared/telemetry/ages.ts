/** How near to its end is what the broker signs with. */
import type { Authorities } from '../authority/authorities.ts';
import type { Keyring } from '../authority/keyring.ts';
import type { Dimensions } from './metrics.ts';
import type { Telemetry } from './telemetry.ts';

const DAY_MS = 24 * 3600 * 1000;
/** Stands for a key without an end. */
const MOST_DAYS = 36_500;

/** The same keyring. Measures what is left of each key whenever the keys were read anew. */
export function watchKeys(keyring: Keyring, telemetry: Telemetry, now: () => Date): Keyring {
  let measured: Authorities | undefined;
  return {
    ...keyring,
    async authorities() {
      const authorities = await keyring.authorities();
      if (authorities === measured) return authorities;
      measured = authorities;
      for (const [authority, expires] of Object.entries(authorities.expires)) {
        const days = Math.min((expires * 1000 - now().getTime()) / DAY_MS, MOST_DAYS);
        telemetry.measure('signing_key_days_left', days, { authority: authority as Authority });
      }
      return authorities;
    },
  };
}

type Authority = Dimensions<'signing_key_days_left'>['authority'];
