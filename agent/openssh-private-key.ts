/**
 * A P-256 private key in OpenSSH's own form, without a passphrase (PROTOCOL.key of OpenSSH): the one form that all SSH
 * libraries read.
 */
import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { decodeBase64Url, encodeBase64 } from '../shared/encoding/base64.ts';
import { sshBlob, sshPublicKey } from '../shared/encoding/ssh-public-key.ts';
import { sshMpint, sshString, sshUint32 } from '../shared/encoding/ssh-wire.ts';

const MAGIC = Buffer.from('openssh-key-v1\0', 'latin1');
/** Of a cipher that there is none of. */
const BLOCK = 8;
const LINE = /.{1,70}/g;

/** PEM-like text, with a line feed at its end. */
export function opensshPrivateKey(key: KeyObject, comment: string): string {
  const publicKey = sshPublicKey(createPublicKey(key));
  const scalar = decodeBase64Url(key.export({ format: 'jwk' }).d ?? '');
  if (publicKey?.type !== 'ecdsa-sha2-nistp256' || !scalar)
    throw new TypeError("the agent's keys are ECDSA P-256");
  const check = randomBytes(4);
  const fields = [check, check, sshBlob(publicKey), sshMpint(scalar), sshString(comment)];
  const secret = Buffer.concat(fields);
  const padding = Buffer.from(
    Array.from({ length: (BLOCK - (secret.length % BLOCK)) % BLOCK }, (_, i) => i + 1),
  );
  const whole = Buffer.concat([
    MAGIC,
    ...[sshString('none'), sshString('none'), sshString('')],
    sshUint32(1),
    sshString(sshBlob(publicKey)),
    sshString(Buffer.concat([secret, padding])),
  ]);
  const lines = encodeBase64(whole).match(LINE) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}
