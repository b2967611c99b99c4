/** The last look at a host's names before an authority signs them, whoever made them. */
import { parseWith } from '../protocol/schema.ts';
import { dnsName } from '../protocol/values.ts';

/**
 * Throws unless each is one DNS name in lower case, of labels up to 63 and 253 characters in all (RFC 1123): clients of TLS
 * and OpenSSH take `*` in a host's name for every name.
 */
export function checkHostPrincipals(names: readonly string[]): void {
  if (names.length === 0) throw new Error("a host's certificate needs a name");
  const wrong = names.find((name) => !parseWith(dnsName, name).ok);
  if (wrong !== undefined) throw new Error('a name of a host is no DNS name in lower case');
}
