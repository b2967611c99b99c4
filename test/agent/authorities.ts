/** A broker's authorities for tests: real keys and certificates, nothing of storage or rotation. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Authorities } from '../../shared/authority/authorities.ts';
import { deriveLogKey } from '../../shared/authority/log-key.ts';
import {
  issueIssuingCertificate,
  issueRootCertificate,
} from '../../shared/authority/tls-certificate.ts';
import { commonName, publicKeyInfo } from '../../shared/authority/x509.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import { type SshPublicKey, sshPublicKey } from '../../shared/encoding/ssh-public-key.ts';

const DAY = 24 * 3600 * 1000;

/** Fresh authorities that are valid around this time. */
export async function createAuthorities(at: Date): Promise<Authorities> {
  const rootKey = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const issuingKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const sshUser = generateKeyPairSync('ed25519');
  const sshHost = generateKeyPairSync('ed25519');
  const days = (from: number, to: number) => ({
    notBefore: new Date(at.getTime() + from * DAY),
    notAfter: new Date(at.getTime() + to * DAY),
  });
  const signWithRoot = async (message: Uint8Array) => sign('sha384', message, rootKey.privateKey);
  const root = {
    subject: commonName('test root'),
    publicKeyInfo: publicKeyInfo(rootKey.publicKey),
  };
  const rootCertificate = await issueRootCertificate(
    'test root',
    'test.example.org',
    rootKey.publicKey,
    days(-1, 3650),
    signWithRoot,
  );
  const issuing = await issueIssuingCertificate(
    'test issuing',
    issuingKey.publicKey,
    days(-1, 14),
    root,
    signWithRoot,
  );
  return {
    issuing: {
      subject: commonName('test issuing'),
      publicKeyInfo: publicKeyInfo(issuingKey.publicKey),
      privateKey: issuingKey.privateKey,
      certificate: issuing,
      root: rootCertificate,
      chain: [issuing, rootCertificate],
      pem: encodePem('CERTIFICATE', issuing),
      notAfter: days(0, 14).notAfter,
    },
    sshUser: { publicKey: ssh(sshUser.publicKey), privateKey: sshUser.privateKey },
    sshHost: { publicKey: ssh(sshHost.publicKey), privateKey: sshHost.privateKey },
    issuers: [],
    roots: [{ ...root, certificate: rootCertificate, handle: new Uint8Array() }],
    sshUserCas: [ssh(sshUser.publicKey)],
    sshHostCas: [ssh(sshHost.publicKey)],
    logKey: { ...deriveLogKey(new Uint8Array(32)), former: [] },
    probeKeys: [],
    revoked: [],
    revokedSsh: [],
    version: Math.floor(at.getTime() / 1000),
    signsUntil: days(0, 14).notAfter,
    changes: Number.POSITIVE_INFINITY,
    expires: { 'tls-root': 0, 'tls-issuing': 0, 'ssh-user': 0, 'ssh-host': 0, probe: 0 },
  };
}

function ssh(key: KeyObject): SshPublicKey {
  const found = sshPublicKey(key);
  if (!found) throw new Error('not a key of SSH');
  return found;
}
