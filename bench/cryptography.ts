/** The bare cryptographic operations that one join needs, with keys at hand: what no broker can do without. */
import { createHash, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';

export interface Operation {
  readonly name: string;
  run(): void;
}

const message = Buffer.alloc(1024, 7);

/** The operations, each with a key of its own kind. Authorities of Azure sign with RSA-4096, as in its real chains. */
export function joinOperations(): readonly Operation[] {
  const rsa2048 = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rsa4096 = generateKeyPairSync('rsa', { modulusLength: 4096 });
  const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const ed25519 = generateKeyPairSync('ed25519');
  return [
    {
      name: 'SHA-256 of request and token',
      run: () => twice(() => createHash('sha256').update(message).digest()),
    },
    verification('ECDSA P-256 verify, CSR', 'sha256', p256),
    verification('RSA-2048 verify, attested document', 'sha256', rsa2048),
    verification("RSA-4096 verify, signer's certificate", 'sha384', rsa4096),
    verification('RSA-4096 verify, issuing certificate', 'sha384', rsa4096),
    verification('RSA-2048 verify, access token', 'sha256', rsa2048),
    {
      name: 'ECDSA P-256 sign, X.509 certificate',
      run: () => sign('sha256', message, p256.privateKey),
    },
    { name: 'Ed25519 sign, SSH certificate', run: () => sign(null, message, ed25519.privateKey) },
  ];
}

function verification(
  name: string,
  hash: string,
  { privateKey, publicKey }: { readonly privateKey: KeyObject; readonly publicKey: KeyObject },
): Operation {
  const signature = sign(hash, message, privateKey);
  return { name, run: () => verify(hash, message, publicKey, signature) };
}

function twice(action: () => void): void {
  action();
  action();
}
