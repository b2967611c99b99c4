/**
 * A role's options: what its SSH certificates permit beside running a command, and from where. Nothing is permitted unless
 * the role says so. Where Teleport has another spelling, that is taken, too.
 */
import * as z from 'zod/mini';
import type { SshPermission, SshPermissions } from '../protocol/ssh-permissions.ts';
import { duration } from '../protocol/values.ts';
import { addressRange, inAll } from './address-range.ts';

const flag = z.optional(z.boolean('expected true or false'));

const sameAs = (ours: string): string => `expected it once: ${ours} is there, and means the same`;

export const roleOptions = z
  .strictObject({
    max_session_ttl: z.optional(duration),
    permit_pty: flag,
    permit_port_forwarding: flag,
    port_forwarding: flag,
    permit_agent_forwarding: flag,
    forward_agent: flag,
    permit_x11_forwarding: flag,
    permit_user_rc: flag,
    /** Only from these addresses `sshd` takes the certificate. */
    source_address: z.optional(
      z.array(addressRange).check(z.minLength(1, 'expected at least one address'), z.maxLength(32)),
    ),
  })
  .check(
    z.refine(
      (said) => said.forward_agent === undefined || said.permit_agent_forwarding === undefined,
      { path: ['forward_agent'], error: sameAs('permit_agent_forwarding') },
    ),
    z.refine(
      (said) => said.port_forwarding === undefined || said.permit_port_forwarding === undefined,
      { path: ['port_forwarding'], error: sameAs('permit_port_forwarding') },
    ),
  );
export type RoleOptions = z.infer<typeof roleOptions>;

const PERMISSIONS: Readonly<Record<SshPermission, (options: RoleOptions) => boolean | undefined>> =
  {
    'permit-X11-forwarding': (options) => options.permit_x11_forwarding,
    'permit-agent-forwarding': (options) =>
      options.permit_agent_forwarding ?? options.forward_agent,
    'permit-port-forwarding': (options) =>
      options.permit_port_forwarding ?? options.port_forwarding,
    'permit-pty': (options) => options.permit_pty,
    'permit-user-rc': (options) => options.permit_user_rc,
  };

/**
 * What a certificate with several roles permits: what one of them does, but only from addresses that all of them allow.
 * `sourceAddresses` is empty where there is none such.
 */
export function permissionsOf(roles: readonly (RoleOptions | undefined)[]): SshPermissions {
  const options = roles.filter((role) => role !== undefined);
  const permits = Object.entries(PERMISSIONS) as [SshPermission, (of: RoleOptions) => unknown][];
  const sources = options
    .map(({ source_address }) => source_address)
    .filter((list) => list !== undefined);
  return {
    extensions: permits
      .filter(([, isPermitted]) => options.some((role) => isPermitted(role) === true))
      .map(([name]) => name),
    sourceAddresses: sources.length === 0 ? undefined : inAll(sources),
  };
}
