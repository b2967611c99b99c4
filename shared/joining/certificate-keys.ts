/** The keys that certificates are asked for: possession is proved, and weak or odd kinds are refused (rule 11). */
import type { KeyObject } from 'node:crypto';
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

/** A wish whose keys are good. */
export interface CertificateKeys {
  readonly wish: CertificateWish;
  /** The CSR's key. */
  readonly tlsKey: PublicKeyInfo;
  /** The key that the SSH certificate is for: the CSR's, unless another one was named. */
  readonly sshKey: PublicKeyInfo;
  /** Whether the CSR is signed with its own key. */
  provesPossession(): boolean;
}

/** Reads the keys of every wish, without any cryptography yet. Throws `bad_request` for those that are not accepted. */
export function readCertificateKeys(wishes: readonly CertificateWish[]): CertificateKeys[] {
  const names = new Set<string>();
  return wishes.map((wish, i) => {
    const field = `request.certificates[${i}]`;
    if (names.has(wish.name))
      throw badInput({ field: `${field}.name`, message: 'expected every name once' });
    names.add(wish.name);
    const request = readRequest(wish.csr, `${field}.csr`);
    const tlsKey = request.publicKey;
    return {
      wish,
      tlsKey,
      sshKey: readSshKey(wish.ssh_public_key, `${field}.ssh_public_key`) ?? tlsKey,
      provesPossession: request.verifySignature,
    };
  });
}

/**
 * Checks that every CSR is signed with its own key. An SSH key of its own needs no such proof: its certificate is of no
 * use to anybody but the key's holder.
 */
export function checkPossession(keys: readonly CertificateKeys[]): void {
  const unproved = keys.findIndex((key) => !key.provesPossession());
  if (unproved < 0) return;
  throw denied(
    'key_not_possessed',
    `request.certificates[${unproved}].csr is not signed with its own key`,
  );
}

const ACCEPTED = 'ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 4096 bits with exponent 65537';

function readRequest(pem: string, field: string): CertificationRequest {
  const expected = {
    field,
    message: `expected one CERTIFICATE REQUEST in PEM, with a key of ${ACCEPTED}`,
  };
  const der = decodeSinglePem('CERTIFICATE REQUEST', pem);
  if (!der) throw badInput(expected);
  try {
    const request = parseCertificationRequest(der);
    if (isAcceptedKey(request.publicKey)) return request;
    throw badInput({ field, message: `expected a key of ${ACCEPTED}` });
  } catch (error) {
    if (error instanceof DerError) throw badInput(expected);
    throw error;
  }
}

function readSshKey(line: string | undefined, field: string): PublicKeyInfo | undefined {
  if (line === undefined) return undefined;
  const key = parseSshPublicKeyLine(line);
  const info = key && keyInfoOf(key);
  if (!info || !isAcceptedKey(info)) {
    throw badInput({ field, message: `expected one line of an OpenSSH public key: ${ACCEPTED}` });
  }
  return info;
}

function keyInfoOf(key: KeyObject): PublicKeyInfo | undefined {
  try {
    return parsePublicKeyInfo(key.export({ format: 'der', type: 'spki' }));
  } catch {
    // OpenSSL takes an RSA key with a zero in it.
    return undefined;
  }
}

const isAcceptedKey = (key: PublicKeyInfo): boolean => key.kind === 'ed25519' || isStrong(key);
