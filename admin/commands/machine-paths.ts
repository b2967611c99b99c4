/** Where things are on a machine, as the install script makes them. */

/** The agent's own identity. */
export const DATA_DIR = '/var/lib/joinbot';
/** An identity for other programs. */
export const DESTINATION_DIR = '/opt/machine-id';
