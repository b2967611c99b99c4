/** What a sign-in leaves behind: the profile, and the access token until shortly before it expires. */
import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { parseJsonWith } from '../shared/protocol/schema.ts';
import { guid, parseTimestamp, timestamp } from '../shared/protocol/values.ts';
import { Failure } from './failure.ts';
import { readIfThere } from './files.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import { type AccessToken, SIGN_IN_METHODS } from './sign-in/sign-in.ts';

const profile = z.strictObject({
  broker: z.string(),
  cluster: z.string(),
  cloud: z.string(),
  tenant: guid,
  client_id: guid,
  auth: z.enum(SIGN_IN_METHODS),
  user: z.optional(z.string()),
});
export type Profile = z.infer<typeof profile>;

const savedToken = z.strictObject({ client_id: guid, token: z.string(), expires: timestamp });

/** A token this close to its end is no longer used. */
const MARGIN_MS = 2 * 60_000;

/** `$JOINCTL_HOME`, or `~/.joinctl`. */
export const joinctlHome = ({ env, home }: Pick<Io, 'env' | 'home'>): string =>
  env['JOINCTL_HOME'] || join(home, '.joinctl');

export async function readProfile(folder: string): Promise<Profile | undefined> {
  const file = join(folder, 'profile.json');
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  const parsed = parseJsonWith(profile, text);
  if (parsed.ok) return parsed.value;
  throw new Failure(`${printable(file)} can't be read any more: run joinctl login again.`);
}

export async function writeProfile(folder: string, saved: Profile): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writePrivately(join(folder, 'profile.json'), saved);
}

/** The token for this broker and application, if there is one that is good for a while. */
export async function readToken(
  folder: string,
  broker: string,
  clientId: string,
  now: Date,
): Promise<AccessToken | undefined> {
  const text = await readIfThere(tokenFile(folder, broker));
  const parsed = text === undefined ? undefined : parseJsonWith(savedToken, text);
  if (!parsed?.ok || parsed.value.client_id !== clientId) return undefined;
  const expires = parseTimestamp(parsed.value.expires);
  return expires && expires.getTime() - MARGIN_MS > now.getTime()
    ? { text: parsed.value.token, expires }
    : undefined;
}

export async function writeToken(
  folder: string,
  broker: string,
  clientId: string,
  { text, expires }: AccessToken,
): Promise<void> {
  const tokens = join(folder, 'tokens');
  await mkdir(tokens, { recursive: true, mode: 0o700 });
  await chmod(tokens, 0o700);
  await writePrivately(tokenFile(folder, broker), {
    client_id: clientId,
    token: text,
    expires: expires.toISOString(),
  });
}

export const forgetToken = (folder: string, broker: string): Promise<void> =>
  rm(tokenFile(folder, broker), { force: true });

/** Removes the profile and every token. */
export async function forgetAll(folder: string): Promise<void> {
  await rm(join(folder, 'tokens'), { recursive: true, force: true });
  await rm(join(folder, 'profile.json'), { force: true });
}

const tokenFile = (folder: string, broker: string): string =>
  join(folder, 'tokens', `${createHash('sha256').update(broker).digest('hex').slice(0, 32)}.json`);

async function writePrivately(file: string, value: unknown): Promise<void> {
  const fresh = `${file}.${randomUUID()}`;
  await writeFile(fresh, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  await rename(fresh, file);
}
