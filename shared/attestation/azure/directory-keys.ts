/**
 * The directory's signing keys, a set for each tenant. Kept for a day, refreshed early for a key id that is not among
 * them, at most once per cooldown; what was known keeps working while the directory is down (rules 7 and 8).
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import * as z from 'zod/mini';
import { withDeadline } from '../../deadline.ts';
import { isStrong, parsePublicKeyInfo } from '../../encoding/public-key-info.ts';
import type { OnLookup } from '../../lookups.ts';
import { parseJsonWith, parseWith, sentenceOf } from '../../protocol/schema.ts';
import { justAsked, unavailable } from '../../refusal.ts';
import { keepLatest } from '../../remembered.ts';

export interface DirectoryKeys {
  /** The tenant's key with this id. `undefined` if the directory has none such; throws `unavailable` if it can't tell. */
  find(tenant: string, kid: string, at: Date): Promise<KeyObject | undefined>;
}

/** Fetches the text of a tenant's key set. Fails if the directory does. */
export type FetchKeySet = (tenant: string) => Promise<string>;

/** Told of each key that a tenant's key set has and that can't be used. The others are used all the same. */
export type OnSkipped = (tenant: string, problem: string) => void;

const FRESH_SECONDS = 24 * 3600;
const SERVED_STALE_SECONDS = 7 * 24 * 3600;
const COOLDOWN_SECONDS = 30;
const MOST_TENANTS = 1000;

interface KnownKeys {
  keys: ReadonlyMap<string, KeyObject>;
  /** Time of the newest answer, and of the newest try; in milliseconds. */
  fetchedAt: number;
  triedAt: number;
  /** The try under way: whether it brings the keys. */
  pending: Promise<boolean> | undefined;
}

/**
 * A cache in memory over the directory. `tenant` is always one that settings or join tokens name (rule 6). `issuers` are
 * the forms of the directory's `iss`, with `{tenant}`.
 */
export function createDirectoryKeys(
  fetchKeySet: FetchKeySet,
  issuers: readonly string[],
  onLookup: OnLookup = () => {},
  onSkipped: OnSkipped = () => {},
): DirectoryKeys {
  const tenants = new Map<string, KnownKeys>();

  function known(tenant: string): KnownKeys {
    const existing = tenants.get(tenant);
    if (existing) return existing;
    const fresh: KnownKeys = { keys: new Map(), fetchedAt: 0, triedAt: 0, pending: undefined };
    keepLatest(tenants, tenant, fresh, MOST_TENANTS);
    return fresh;
  }

  async function refresh(tenant: string, entry: KnownKeys, at: Date): Promise<boolean> {
    try {
      const text = await withDeadline(() => fetchKeySet(tenant), 'the directory does not answer');
      entry.keys = parseKeySet(text, tenant, issuers, (problem) => onSkipped(tenant, problem));
      entry.fetchedAt = at.getTime();
      return true;
    } catch {
      // What was known stays; whoever needs more gets 503 until the cooldown is over.
      return false;
    } finally {
      entry.pending = undefined;
    }
  }

  return {
    async find(tenant, kid, at) {
      const entry = known(tenant);
      const age = (since: number): number => (at.getTime() - since) / 1000;
      const usable = (): KeyObject | undefined =>
        age(entry.fetchedAt) < SERVED_STALE_SECONDS ? entry.keys.get(kid) : undefined;

      const fresh = age(entry.fetchedAt) < FRESH_SECONDS;
      onLookup(usable() && fresh ? 'hit' : 'miss');
      if (!usable() || !fresh) {
        if (!entry.pending && age(entry.triedAt) >= COOLDOWN_SECONDS) {
          entry.triedAt = at.getTime();
          entry.pending = refresh(tenant, entry, at);
        }
        const asked = await entry.pending;
        if (asked && !usable()) return undefined;
      }
      const key = usable();
      if (key) return key;
      // After an answer it is the token that names a key which isn't there: anybody can make such a one.
      const refuse =
        entry.fetchedAt > 0 && entry.fetchedAt === entry.triedAt ? justAsked : unavailable;
      throw refuse("the directory's keys can not be looked up now", COOLDOWN_SECONDS);
    },
  };
}

const keySet = z.object({
  keys: z.array(z.unknown()).check(z.maxLength(100)),
});
/** What tells whether an entry is for us: an RSA key that signs. */
const anyKey = z.object({ kty: z.string(), use: z.optional(z.string()) });
const signingKey = z.object({
  kty: z.literal('RSA'),
  kid: z.string().check(z.minLength(1), z.maxLength(256)),
  use: z.optional(z.literal('sig')),
  n: z.string().check(z.maxLength(1024)),
  e: z.string().check(z.maxLength(16)),
  /** Whose tokens the key may sign, where the directory says so: `{tenantid}` stands for any tenant. */
  issuer: z.optional(z.string()),
});

/**
 * The strong RSA signing keys of a JWK set (RFC 7517) that are for this tenant; other kinds are passed over. One that
 * can't be read costs itself only, and is told.
 */
function parseKeySet(
  text: string,
  tenant: string,
  issuers: readonly string[],
  skip: (problem: string) => void,
): ReadonlyMap<string, KeyObject> {
  const set = parseJsonWith(keySet, text);
  if (!set.ok) throw new Error('the directory answered something that is no key set');
  const accepted = issuers.flatMap((form) =>
    [tenant, '{tenantid}'].map((id) => form.replace('{tenant}', id)),
  );
  const keys = new Map<string, KeyObject>();
  for (const [i, entry] of set.value.keys.entries()) {
    const kind = z.safeParse(anyKey, entry);
    if (kind.success && (kind.data.kty !== 'RSA' || (kind.data.use ?? 'sig') !== 'sig')) continue;
    const jwk = parseWith(signingKey, entry);
    if (!jwk.ok) {
      skip(`keys[${i}]: ${sentenceOf(jwk.problem)}`);
      continue;
    }
    const { kid, issuer } = jwk.value;
    if (issuer !== undefined && !accepted.includes(issuer)) continue;
    const key = strongKey(jwk.value);
    if (key) keys.set(kid, key);
    else skip(`keys[${i}]: expected an RSA key of 2048 to 4096 bits with exponent 65537`);
  }
  if (keys.size === 0) throw new Error('the directory answered no key that signs');
  return keys;
}

function strongKey({ kty, n, e }: z.infer<typeof signingKey>): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: { kty, n, e }, format: 'jwk' });
    return isStrong(parsePublicKeyInfo(key.export({ format: 'der', type: 'spki' })))
      ? key
      : undefined;
  } catch {
    // Numbers that are no key.
    return undefined;
  }
}
