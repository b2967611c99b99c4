/** The keys that certificates are asked for: possession is proved, and weak or odd kinds are refused (rule 11). */
import {
  type CertificationRequest,
  parseCertificationRequest,
} from '../encoding/certification-request.ts';
import { DerError } from '../encoding/der-decode.ts';
import { decodeSinglePem } from '../encoding/pem.ts';
import { isStrong, type PublicKeyInfo, parsePublicKeyInfo } from '../encoding/public-key-info.ts';
import { parseSshPublicKeyLine } from '../encoding/ssh-public-key.ts';
import type { CertificateWish } from '../protocol/join.ts';
import { badInput, denied } from '../refusal.ts';

/** A wish whose keys are proved and good. */
export interface CertificateKeys {
  readonly wish: CertificateWish;
  readonly tlsKey: PublicKeyInfo;
  /** The key that the SSH certificate is for: the CSR's, unless another one was named. */
  readonly sshKey: PublicKeyInfo;
}

/** Reads the keys of every wish. Throws `bad_request`, or `access_denied` where a CSR's signature is not its key's. */
export function readCertificateKeys(wishes: readonly CertificateWish[]): CertificateKeys[] {
  const names = new Set<string>();
  return wishes.map((wish, i) => {
    const field = `request.certificates[${i}]`;
    if (names.has(wish.name))
      throw badInput({ field: `${field}.name`, message: 'expected every name once' });
    names.add(wish.name);
    const tlsKey = readTlsKey(wish.csr, `${field}.csr`);
    return {
      wish,
      tlsKey,
      sshKey: readSshKey(wish.ssh_public_key, `${field}.ssh_public_key`) ?? tlsKey,
    };
  });
}

const ACCEPTED = 'ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 4096 bits with exponent 65537';

function readTlsKey(pem: string, field: string): PublicKeyInfo {
  const request = readRequest(pem, field);
  if (!isAcceptedKey(request.publicKey))
    throw badInput({ field, message: `expected a key of ${ACCEPTED}` });
  if (!request.verifySignature()) {
    throw denied('key_not_possessed', `${field} is not signed with its own key`);
  }
  return request.publicKey;
}

function readRequest(pem: string, field: string): CertificationRequest {
  const expected = {
    field,
    message: `expected one CERTIFICATE REQUEST in PEM, with a key of ${ACCEPTED}`,
  };
  const der = decodeSinglePem('CERTIFICATE REQUEST', pem);
  if (!der) throw badInput(expected);
  try {
    return parseCertificationRequest(der);
  } catch (error) {
    if (error instanceof DerError) throw badInput(expected);
    throw error;
  }
}

function readSshKey(line: string | undefined, field: string): PublicKeyInfo | undefined {
  if (line === undefined) return undefined;
  const key = parseSshPublicKeyLine(line);
  const info = key && parsePublicKeyInfo(key.export({ format: 'der', type: 'spki' }));
  if (!info || !isAcceptedKey(info)) {
    throw badInput({ field, message: `expected one line of an OpenSSH public key: ${ACCEPTED}` });
  }
  return info;
}

const isAcceptedKey = (key: PublicKeyInfo): boolean => key.kind === 'ed25519' || isStrong(key);
