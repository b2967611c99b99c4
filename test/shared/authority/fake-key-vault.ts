/** Key Vault's data plane as far as custody uses it, in process: keys that never leave, versions, the token challenge. */
import {
  constants,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';

export interface FakeKeyVault {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** Makes the RSA key, as the infrastructure as code does. */
  createEncryptionKey(): void;
  /** Calls so far, such as `POST root/sign`. */
  readonly calls: readonly string[];
  /** Answers every call with this status from now on. */
  failWith(status: number | undefined): void;
}

interface Version {
  readonly version: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly tags?: Readonly<Record<string, string>>;
}

const URL_OF_VAULT = 'https://test.vault.azure.net';

export function createFakeKeyVault(): FakeKeyVault {
  const keys = new Map<string, Version[]>();
  const calls: string[] = [];
  let failure: number | undefined;

  function add(name: string, pair: Omit<Version, 'version'>): Version {
    const version = { version: randomBytes(16).toString('hex'), ...pair };
    keys.set(name, [...(keys.get(name) ?? []), version]);
    return version;
  }

  const find = (name: string, version: string | undefined): Version | undefined => {
    const versions = keys.get(name) ?? [];
    return version ? versions.find((known) => known.version === version) : versions.at(-1);
  };

  const bundle = (name: string, { version, publicKey, tags }: Version) => ({
    ...(tags && { tags }),
    key: {
      kid: `${URL_OF_VAULT}/keys/${name}/${version}`,
      key_ops:
        publicKey.asymmetricKeyType === 'rsa' ? ['wrapKey', 'unwrapKey'] : ['sign', 'verify'],
      ...publicKey.export({ format: 'jwk' }),
    },
    attributes: { enabled: true, created: 1, updated: 1 },
  });

  async function answer(request: Request): Promise<Response> {
    // The SDK asks without a token first, to learn whom the vault trusts.
    if (!request.headers.has('authorization')) {
      const challenge =
        'Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"';
      return new Response('{}', { status: 401, headers: { 'www-authenticate': challenge } });
    }
    const [, , name = '', ...rest] = new URL(request.url).pathname.split('/');
    const action = request.method === 'GET' ? 'get' : (rest.at(-1) ?? '');
    calls.push(`${name}/${action}`);
    if (failure !== undefined) return error(failure);
    const body = (request.method === 'GET' ? {} : await request.json()) as Record<string, string>;
    if (action === 'create') {
      const namedCurve = body['crv'] === 'P-384' ? 'secp384r1' : 'prime256v1';
      const { tags } = body as { tags?: Record<string, string> };
      const pair = generateKeyPairSync('ec', { namedCurve });
      return Response.json(bundle(name, add(name, { ...pair, ...(tags && { tags }) })));
    }
    const version = find(name, rest[0]);
    if (!version) return error(404);
    if (action === 'get') return Response.json(bundle(name, version));
    const value = Buffer.from(body['value'] ?? '', 'base64url');
    const kid = `${URL_OF_VAULT}/keys/${name}/${version.version}`;
    return Response.json({ kid, value: operate(action, version, value).toString('base64url') });
  }

  return {
    url: URL_OF_VAULT,
    fetch: (input, init) => answer(new Request(input as string, init)),
    createEncryptionKey: () =>
      void add('data-key-encryption', generateKeyPairSync('rsa', { modulusLength: 2048 })),
    calls,
    failWith(status) {
      failure = status;
    },
  };
}

function operate(action: string, { privateKey, publicKey }: Version, value: Buffer): Buffer {
  const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  if (action === 'wrapkey') return publicEncrypt({ key: publicKey, ...oaep }, value);
  if (action === 'unwrapkey') return privateDecrypt({ key: privateKey, ...oaep }, value);
  if (action !== 'sign') throw new Error(`no such operation: ${action}`);
  return signDigest(privateKey, value);
}

/** Orders of the curves' groups (SEC 2). */
const ORDERS: Readonly<Record<string, bigint>> = {
  'P-256': 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  'P-384':
    0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
};

/** ECDSA over a digest as it is, which Node has no call for: the vault never sees the message. For tests only. */
function signDigest(privateKey: KeyObject, digest: Buffer): Buffer {
  const { crv = '', d } = privateKey.export({ format: 'jwk' });
  const n = ORDERS[crv] ?? 0n;
  const size = crv === 'P-256' ? 32 : 48;
  const number = (text: string | undefined): bigint =>
    BigInt(`0x${Buffer.from(text ?? '', 'base64url').toString('hex')}`);
  const namedCurve = crv === 'P-256' ? 'prime256v1' : 'secp384r1';
  const once = generateKeyPairSync('ec', { namedCurve }).privateKey.export({ format: 'jwk' });
  const r = number(once.x) % n;
  const s =
    (inverse(number(once.d), n) * (BigInt(`0x${digest.toString('hex')}`) + r * number(d))) % n;
  return Buffer.from(
    [r, s].map((value) => value.toString(16).padStart(2 * size, '0')).join(''),
    'hex',
  );
}

/** The inverse modulo a prime (Fermat). */
function inverse(value: bigint, prime: bigint): bigint {
  let result = 1n;
  let base = value % prime;
  for (let exponent = prime - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % prime;
    base = (base * base) % prime;
  }
  return result;
}

const error = (status: number): Response =>
  Response.json(
    { error: { code: status === 404 ? 'KeyNotFound' : 'Unavailable', message: 'no' } },
    { status },
  );
