/**
 * Which key a Node's SSH certificates are for: the host key that `sshd` has already, where there is one. OpenSSH's clients
 * ask for a certificate first, and where they don't know its authority they look at the key in it. With a key of our own
 * they would all be told that the host had changed; with the one that they know, nothing changes for them.
 */
import type { KeyObject } from 'node:crypto';
import { parseSshPublicKeyLine } from '../../shared/encoding/ssh-public-key.ts';
import type { Failure } from '../failure.ts';
import { printable } from '../printable.ts';

/** Clients prefer certificates in this order, so the first that is there is the one that they look at. */
const PATHS = ['/etc/ssh/ssh_host_ed25519_key.pub', '/etc/ssh/ssh_host_ecdsa_key.pub'];

/** In the flag: take none of them. */
const NONE = 'none';

/**
 * The key's line; `undefined` for a key of the agent's own. `readText` gives the text of a file that is there. `problem` makes
 * the failure to throw, which says where the path was written.
 */
export function findSshHostKey(
  flag: string | undefined,
  readText: (path: string) => string | undefined,
  problem: (message: string) => Failure,
): string | undefined {
  if (flag === NONE) return undefined;
  for (const path of flag === undefined ? PATHS : [flag]) {
    const line = readText(path)?.trimEnd();
    if (line !== undefined && isCertifiable(parseSshPublicKeyLine(line))) return line;
  }
  if (flag === undefined) return undefined;
  const message = `expected the public half of an Ed25519 or ECDSA host key (a .pub file), or none; got ${printable(flag)}`;
  throw problem(message);
}

const isCertifiable = (key: KeyObject | undefined): boolean =>
  key?.asymmetricKeyType === 'ed25519' || key?.asymmetricKeyType === 'ec';
