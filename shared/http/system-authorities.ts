/**
 * The certificate authorities that this machine trusts, as curl and Go find them: its own store in place of the list that
 * comes with Node.js, so that what an administrator adds or takes away counts for the tools, too.
 */
import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';

type Environment = Readonly<Record<string, string | undefined>>;

/** The store as one file: Debian, Fedora and RHEL, openSUSE, Alpine and others. */
const STORES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * PEM: those of the file that `SSL_CERT_FILE` names, else of the machine's store, and beside them those of
 * `NODE_EXTRA_CA_CERTS`. `undefined` where there is no store: Node's own list does. Throws an error that names the variable
 * whose file can't be read.
 */
export function systemAuthorities(
  env: Environment,
  stores: readonly string[] = STORES,
): string[] | undefined {
  const named = namedFile(env, 'SSL_CERT_FILE');
  const store = named === undefined ? storeOf(stores) : [named];
  if (!store) return undefined;
  const extra = namedFile(env, 'NODE_EXTRA_CA_CERTS');
  return extra === undefined ? store : [...store, extra];
}

function namedFile(env: Environment, variable: string): string | undefined {
  const file = env[variable];
  if (!file) return undefined;
  const text = certificatesIn(file);
  if (text !== undefined) return text;
  throw new Error(`${variable} names a file in which no certificate can be read`);
}

function storeOf(files: readonly string[]): string[] | undefined {
  // Where the store is no file, newer versions of Node.js can ask for it.
  if (process.platform !== 'linux') return tls.getCACertificates?.('system');
  for (const file of files) {
    const text = certificatesIn(file);
    if (text !== undefined) return [text];
  }
  return undefined;
}

function certificatesIn(file: string): string | undefined {
  try {
    const text = readFileSync(file, 'latin1');
    return text.includes('-----BEGIN CERTIFICATE-----') ? text : undefined;
  } catch {
    return undefined;
  }
}
