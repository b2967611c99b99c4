/** What a user's SSH certificate permits (https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.certkeys). */

/** The extensions that OpenSSH knows, in the order that the format demands. */
export const SSH_PERMISSIONS = [
  'permit-X11-forwarding',
  'permit-agent-forwarding',
  'permit-port-forwarding',
  'permit-pty',
  'permit-user-rc',
] as const;
export type SshPermission = (typeof SSH_PERMISSIONS)[number];

export interface SshPermissions {
  readonly extensions: readonly SshPermission[];
  /** Addresses and ranges from which the certificate is taken; `undefined`: from anywhere. */
  readonly sourceAddresses: readonly string[] | undefined;
}
