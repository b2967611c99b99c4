/** OpenSSH public keys (RFC 4253 section 6.6, RFC 5656, RFC 8709): between key objects, blobs and one-line text. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { decodeBase64, encodeBase64, encodeBase64Url } from './base64.ts';
import { type PublicKeyInfo, parsePublicKeyInfo } from './public-key-info.ts';
import { SshReader, SshWireError, sshMpint, sshString } from './ssh-wire.ts';

const CURVES = {
  'ecdsa-sha2-nistp256': { curve: 'nistp256', crv: 'P-256', size: 32 },
  'ecdsa-sha2-nistp384': { curve: 'nistp384', crv: 'P-384', size: 48 },
} as const;

type EcdsaKeyType = keyof typeof CURVES;
export type SshKeyType = 'ssh-ed25519' | 'ssh-rsa' | EcdsaKeyType;

/** A public key as SSH writes it: its type, and the fields that follow the type in blob and certificate. */
export interface SshPublicKey {
  readonly type: SshKeyType;
  readonly fields: Uint8Array;
}

/** The SSH form of a key. */
export function sshPublicKeyOf(info: PublicKeyInfo): SshPublicKey {
  if (info.kind === 'ed25519') return { type: 'ssh-ed25519', fields: sshString(info.key) };
  if (info.kind === 'rsa') {
    return {
      type: 'ssh-rsa',
      fields: Buffer.concat([sshMpint(info.exponent), sshMpint(info.modulus)]),
    };
  }
  const type = info.curve === 'P-256' ? 'ecdsa-sha2-nistp256' : 'ecdsa-sha2-nistp384';
  const fields = Buffer.concat([sshString(CURVES[type].curve), sshString(info.point)]);
  return { type, fields };
}

/** The SSH form of a key object; `undefined` for kinds that are not accepted here. */
export function sshPublicKey(key: KeyObject): SshPublicKey | undefined {
  try {
    return sshPublicKeyOf(parsePublicKeyInfo(key.export({ format: 'der', type: 'spki' })));
  } catch {
    // Of another kind.
    return undefined;
  }
}

/** The blob: what is base64 in a public key line, and what a certificate names as its signing key. */
export const sshBlob = (key: SshPublicKey): Uint8Array =>
  Buffer.concat([sshString(key.type), key.fields]);

/** One line as in `id_ed25519.pub`, without a line feed. */
export const sshPublicKeyLine = (key: SshPublicKey, comment = ''): string =>
  `${key.type} ${encodeBase64(sshBlob(key))}${comment === '' ? '' : ` ${comment}`}`;

/** Reads one public key line; its comment is ignored. `undefined` if it is not one, or of a kind that is not accepted. */
export function parseSshPublicKeyLine(line: string): KeyObject | undefined {
  const match = /^([a-z0-9-]{1,32}) ([A-Za-z0-9+/=]{1,4000})(?: [^\r\n]*)?\n?$/.exec(line);
  const blob = match?.[2] === undefined ? undefined : decodeBase64(match[2]);
  return blob && parseSshBlob(blob, match?.[1]);
}

/** Reads a blob, of this type where one is given. `undefined` if it is none, or of a kind that is not accepted. */
export function parseSshBlob(blob: Uint8Array, type?: string): KeyObject | undefined {
  try {
    const reader = new SshReader(blob);
    const found = reader.text();
    if (type !== undefined && found !== type) return undefined;
    const key = readKey(found, reader);
    reader.end();
    return key;
  } catch {
    // Bytes that are no such key, or a point that is not on its curve: not a public key either way.
    return undefined;
  }
}

function readKey(type: string, reader: SshReader): KeyObject | undefined {
  if (type === 'ssh-ed25519')
    return fromJwk({ kty: 'OKP', crv: 'Ed25519', x: encodeBase64Url(reader.bytes()) });
  if (type === 'ssh-rsa') {
    const e = encodeBase64Url(reader.unsignedMpint());
    return fromJwk({ kty: 'RSA', n: encodeBase64Url(reader.unsignedMpint()), e });
  }
  if (!(type in CURVES)) return undefined;
  const { curve, crv, size } = CURVES[type as EcdsaKeyType];
  if (reader.text() !== curve) throw new SshWireError('the curve is not the one of the key type');
  const point = reader.bytes();
  if (point[0] !== 4 || point.length !== 1 + 2 * size)
    throw new SshWireError('not an uncompressed point');
  const x = encodeBase64Url(point.subarray(1, 1 + size));
  return fromJwk({ kty: 'EC', crv, x, y: encodeBase64Url(point.subarray(1 + size)) });
}

const fromJwk = (jwk: Record<string, string>): KeyObject =>
  createPublicKey({ key: jwk, format: 'jwk' });
