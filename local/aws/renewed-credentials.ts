/** The credentials that a metadata service hands out: the same ones until they are about to expire. */
import type { AwsCredentials } from './credentials.ts';
import type { AwsRole } from './role.ts';

const RENEWED_BEFORE_MS = 15 * 60_000;

export function renewedCredentials(
  now: () => Date,
): (role: AwsRole, session: string) => AwsCredentials {
  let current: { readonly role: AwsRole; readonly credentials: AwsCredentials } | undefined;
  return (role, session) => {
    const soonest = now().getTime() + RENEWED_BEFORE_MS;
    const expires = current?.credentials.expires?.getTime() ?? 0;
    if (!current || current.role !== role || expires <= soonest) {
      current = { role, credentials: role.session(session) };
    }
    return current.credentials;
  };
}
