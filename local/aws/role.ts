/** A role of IAM: whoever takes it on signs as one of its sessions. */
import type { AwsPartition } from '../../shared/protocol/sts.ts';
import { type AwsCredentials, type Principal, uniqueId } from './credentials.ts';
import type { AwsWorld } from './world.ts';

export interface AwsRole {
  readonly name: string;
  readonly arn: string;
  /** Who signs with credentials of a session of this role. */
  principal(session: string): Principal;
  /** Credentials of a session; for six hours, if nothing else is said. */
  session(session: string, options?: { readonly seconds?: number }): AwsCredentials;
}

const SESSION_SECONDS = 6 * 3600;

export function createRole(
  world: AwsWorld,
  { account, partition, name }: { account: string; partition: AwsPartition; name: string },
): AwsRole {
  const roleId = uniqueId('AROA');
  const principal = (session: string): Principal => ({
    account,
    arn: `arn:${partition}:sts::${account}:assumed-role/${name}/${session}`,
    userId: `${roleId}:${session}`,
  });
  return {
    name,
    arn: `arn:${partition}:iam::${account}:role/${name}`,
    principal,
    session(session, { seconds = SESSION_SECONDS } = {}) {
      const expires = new Date(world.now().getTime() + seconds * 1000);
      return world.credentials.temporary(principal(session), expires);
    },
  };
}
