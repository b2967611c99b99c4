/** What OpenSSL says of the same bytes: what we accept, it accepts. */
import { encodePem } from '../../shared/encoding/pem.ts';
import { parseSignedData } from '../../shared/encoding/signed-data.ts';
import { runProgram } from '../shared/run-program.ts';

const pem = (ders: readonly Uint8Array[]): string =>
  ders.map((der) => encodePem('CERTIFICATE', der)).join('');

/** Whether the program ends well. */
function passes(...call: Parameters<typeof runProgram>): boolean {
  try {
    runProgram(...call);
    return true;
  } catch {
    return false;
  }
}

/** Whether the signer's chain is good at this time, and the document signed by its key. */
export function opensslAccepts(
  document: Uint8Array,
  intermediates: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  at: Date,
): boolean {
  const { signer } = parseSignedData(document);
  const time = String(Math.floor(at.getTime() / 1000));
  const files = {
    document,
    signer: pem([signer.der]),
    untrusted: pem(intermediates),
    roots: pem(roots),
  };
  const chain = ['-CAfile', '@roots', '-untrusted', '@untrusted', '-attime', time, '-x509_strict'];
  const verified = passes('openssl', ['verify', ...chain, '-purpose', 'sslserver', '@signer'], {
    files,
  });
  // The chain was checked.
  const signed = passes(
    'openssl',
    [
      'cms',
      '-verify',
      '-noverify',
      '-binary',
      '-inform',
      'DER',
      '-in',
      '@document',
      '-out',
      '/dev/null',
    ],
    { files },
  );
  return verified && signed;
}

export const opensslReadsRequest = (der: Uint8Array): boolean =>
  passes('openssl', ['req', '-verify', '-noout', '-inform', 'DER', '-in', '@csr'], {
    files: { csr: der },
  });

export const sshReadsKey = (line: string): boolean =>
  passes('ssh-keygen', ['-l', '-f', '@key'], { files: { key: `${line}\n` } });
