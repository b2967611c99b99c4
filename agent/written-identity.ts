/** What lies in a directory that joinbot wrote: the certificate in force, whoever it is for. Nothing is verified. */
import { X509Certificate } from 'node:crypto';
import { readFileSet } from './file-set.ts';
import { parseSshCertificate, type SshCertificate } from './ssh-certificate.ts';

export interface WrittenIdentity {
  readonly tls: X509Certificate;
  /** Absent where the roles have no login. */
  readonly ssh?: SshCertificate;
}

/** The X.509 certificate of an output in PEM, whatever its own files are called: beside them, and not to be seen. */
export const CERTIFICATE_RECORD = '..certificate';

/** In an output, and in the agent's own directory. */
const TLS_FILES = [CERTIFICATE_RECORD, 'tlscert'];
/** The names that the SSH certificate has in directories of bots and of hosts. */
const SSH_FILES = ['sshcert', 'ssh_host_key-cert.pub', 'ssh_host-cert.pub'];

/** `undefined` where there is no certificate, or something that is none. Throws a `Failure` where it can't be read. */
export async function writtenIdentity(directory: string): Promise<WrittenIdentity | undefined> {
  const pems = await Promise.all(TLS_FILES.map((name) => textIn(directory, name)));
  const pem = pems.find((text) => text !== undefined);
  const tls = pem === undefined ? undefined : certificateOf(pem);
  if (!tls) return undefined;
  for (const name of SSH_FILES) {
    const ssh = parseSshCertificate((await textIn(directory, name)) ?? '');
    if (ssh) return { tls, ssh };
  }
  return { tls };
}

const textIn = async (directory: string, name: string): Promise<string | undefined> =>
  (await readFileSet(directory, [name]))?.get(name);

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    // What is no certificate is as good as none: the agent replaces it.
    return undefined;
  }
}

/** Whether it is in its validity. */
export const isGood = ({ tls }: WrittenIdentity, now: Date): boolean =>
  tls.validFromDate <= now && now < tls.validToDate;
