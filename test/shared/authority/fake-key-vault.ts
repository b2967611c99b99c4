/**
 * Key Vault's data plane as far as custody uses it, in process, and as strict as the real one: the token challenge, keys that
 * never leave, versions, what a key may be used for, soft-delete, disabled keys, rights, throttling, and everything that a
 * network does. What is not asked exactly as documented is refused
 * (https://learn.microsoft.com/rest/api/keyvault/keys/operation-groups).
 */
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
  /** The same for an identity that has the rights to these actions (`get`, `unwrapkey`) and no other. */
  fetchWith(...rights: readonly string[]): typeof fetch;
  /** Makes the RSA key, as the infrastructure as code does. */
  createEncryptionKey(): void;
  /** Calls with a token so far, such as `root/sign`. */
  readonly calls: readonly string[];
  /** The kind of a key's newest version, such as `EC` and `EC-HSM`. */
  kindOf(name: string): string | undefined;
  /** The id of a key's newest version. */
  newest(name: string): string | undefined;
  /** How many versions a key has, deleted or not. */
  versions(name: string): number;
  /** Answers every call with this status from now on, and with `Retry-After` where seconds are given. */
  failWith(status: number | undefined, retryAfter?: number): void;
  /** What happens to the next calls of this action (`sign`) or key and action (`root/sign`), one each. */
  next(call: string, ...mishaps: readonly Mishap[]): void;
  /** Rights that the identity does not have (`sign`, `create`), in the place of those before. */
  forbid(...actions: readonly string[]): void;
  /** As an operator: soft-deletes all versions of a key, and brings them back. */
  deleteKey(name: string): void;
  recoverKey(name: string): void;
  /** As an operator: disables all versions of a key. `shown`: they can be read all the same. */
  disableKey(name: string, how?: 'refused' | 'shown'): void;
  /** As an operator: makes a new version of a key on a curve, and disables all but the newest one. */
  renewKey(name: string): void;
  disableOlder(name: string): void;
}

/**
 * `drop`: the connection breaks before anything is done. `lose`: it breaks when everything is done. `hang`: no answer ever comes.
 * `slow`: it comes late. A number is a status.
 */
export type Mishap = 'drop' | 'lose' | 'hang' | 'slow' | number;

interface Version {
  readonly version: string;
  readonly operations: readonly string[];
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly created: number;
  readonly inHardware?: boolean;
  readonly tags?: Readonly<Record<string, string>>;
  isDisabled?: boolean;
}

interface Key {
  readonly versions: Version[];
  deleted: boolean;
  disabled?: 'refused' | 'shown';
}

const URL_OF_VAULT = 'https://test.vault.azure.net';
const TOKEN = 'token';
const SLOW_MS = 200;

/** `premium`: keys can be made in hardware, and those that the infrastructure as code makes are. */
export function createFakeKeyVault(
  now: () => Date = () => new Date(),
  { premium = false }: { readonly premium?: boolean } = {},
): FakeKeyVault {
  const keys = new Map<string, Key>();
  const calls: string[] = [];
  const mishaps = new Map<string, Mishap[]>();
  let forbidden: readonly string[] = [];
  let failure: { readonly status: number; readonly retryAfter?: number | undefined } | undefined;

  function add(name: string, pair: Omit<Version, 'version' | 'created'>): Version {
    const version = {
      version: randomBytes(16).toString('hex'),
      created: Math.floor(now().getTime() / 1000),
      ...pair,
    };
    const key = keys.get(name) ?? { versions: [], deleted: false };
    key.versions.push(version);
    keys.set(name, key);
    return version;
  }

  const jwkOf = ({ publicKey, inHardware }: Version) => {
    const { kty, ...members } = publicKey.export({ format: 'jwk' });
    return { kty: inHardware ? `${kty}-HSM` : kty, ...members };
  };

  const bundle = (name: string, made: Version) => ({
    ...(made.tags && { tags: made.tags }),
    key: {
      kid: `${URL_OF_VAULT}/keys/${name}/${made.version}`,
      key_ops: made.operations,
      ...jwkOf(made),
    },
    attributes: {
      enabled: keys.get(name)?.disabled === undefined,
      created: made.created,
      updated: made.created,
      recoveryLevel: 'Recoverable',
      recoverableDays: 90,
    },
  });

  async function work(call: Call, rights?: readonly string[]): Promise<Response> {
    const { name, action, version: asked, body } = call;
    if (failure) return refused(failure.status, 'Unavailable', 'no', failure.retryAfter);
    if (forbidden.includes(action) || rights?.includes(action) === false)
      return refused(403, 'Forbidden', 'Caller is not authorized', undefined, 'ForbiddenByRbac');
    const key = keys.get(name);
    if (action === 'create') {
      if (key?.deleted)
        return refused(
          409,
          'Conflict',
          `Key ${name} is currently in a deleted but recoverable state, and its name cannot be reused`,
          undefined,
          'ObjectIsDeletedButRecoverable',
        );
      const wish = parseCreation(body);
      if (typeof wish === 'string') return refused(400, 'BadParameter', wish);
      const pair = generateKeyPairSync('ec', { namedCurve: CURVES[wish.crv] ?? '' });
      const inHardware = wish.kty === 'EC-HSM';
      if (inHardware && !premium)
        return refused(403, 'Forbidden', 'Hardware key operation not allowed on standard vault');
      const made = add(name, { ...pair, inHardware, operations: wish.key_ops, ...tagsOf(wish) });
      return Response.json(bundle(name, made));
    }
    const version = asked
      ? key?.versions.find((known) => known.version === asked)
      : key?.versions.at(-1);
    if (!key || key.deleted || !version)
      return refused(
        404,
        'KeyNotFound',
        `A key with (name/id) ${name} was not found in this key vault`,
      );
    if (version.isDisabled || key.disabled === 'refused' || (key.disabled && action !== 'get'))
      return refused(
        403,
        'Forbidden',
        `Operation ${action} is not allowed on a disabled key.`,
        undefined,
        'KeyDisabled',
      );
    if (action === 'get') return Response.json(bundle(name, version));
    if (!asked) return refused(400, 'BadParameter', 'a key is used by its version');
    return use(call, version);
  }

  function use({ name, action, body }: Call, version: Version): Response {
    const operation = OPERATIONS[action];
    if (operation === undefined) return refused(404, 'NotFound', 'no such operation');
    if (!version.operations.includes(operation))
      return refused(
        403,
        'Forbidden',
        `Operation ${operation} is not permitted on this key.`,
        undefined,
        'KeyOperationForbidden',
      );
    const { alg, value, ...more } = body as Record<string, unknown>;
    if (Object.keys(more).length > 0 || typeof value !== 'string' || !/^[\w-]+$/.test(value))
      return refused(400, 'BadParameter', 'expected alg and value, base64url without padding');
    const bytes = Buffer.from(value, 'base64url');
    const result = operate(operation, String(alg), version, bytes);
    if (typeof result === 'string') return refused(400, 'BadParameter', result);
    const kid = `${URL_OF_VAULT}/keys/${name}/${version.version}`;
    return Response.json({ kid, value: result.toString('base64url') });
  }

  async function answer(request: Request, rights?: readonly string[]): Promise<Response> {
    const call = await parseCall(request);
    if (!call) return refused(404, 'NotFound', 'no such resource');
    // The SDK asks without a token, and without a body, first, to learn whom the vault trusts.
    if (request.headers.get('authorization') !== `Bearer ${TOKEN}`) {
      const challenge =
        'Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net"';
      const response = refused(
        401,
        'Unauthorized',
        'AKV10000: Request is missing a Bearer or PoP token.',
      );
      response.headers.set('www-authenticate', challenge);
      return response;
    }
    calls.push(`${call.name}/${call.action}`);
    const queue = mishaps.get(`${call.name}/${call.action}`) ?? mishaps.get(call.action);
    const mishap = queue?.shift();
    switch (mishap) {
      case 'drop':
        throw dropped();
      case 'lose':
        await work(call, rights);
        throw dropped();
      case 'hang':
        return aborted(request.signal);
      case 'slow':
        await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
        return work(call, rights);
      case undefined:
        return work(call, rights);
      default:
        return refused(mishap, 'Unavailable', 'no');
    }
  }

  const keyNamed = (name: string): Key => {
    const key = keys.get(name);
    if (!key) throw new Error(`there is no key ${name}`);
    return key;
  };

  return {
    url: URL_OF_VAULT,
    fetch: (input, init) => answer(new Request(input as string, init)),
    fetchWith:
      (...rights) =>
      (input, init) =>
        answer(new Request(input as string, init), rights),
    createEncryptionKey: () =>
      void add('data-key-encryption', {
        ...wrappingPair(),
        inHardware: premium,
        operations: ['wrapKey', 'unwrapKey'],
      }),
    calls,
    kindOf(name) {
      const version = keys.get(name)?.versions.at(-1);
      return version && jwkOf(version).kty;
    },
    newest(name) {
      const version = keys.get(name)?.versions.at(-1);
      return version && `${URL_OF_VAULT}/keys/${name}/${version.version}`;
    },
    versions: (name) => keys.get(name)?.versions.length ?? 0,
    failWith(status, retryAfter) {
      failure = status === undefined ? undefined : { status, retryAfter };
    },
    next: (call, ...more) => void mishaps.set(call, [...more]),
    forbid(...actions) {
      forbidden = actions;
    },
    deleteKey(name) {
      keyNamed(name).deleted = true;
    },
    recoverKey(name) {
      keyNamed(name).deleted = false;
    },
    renewKey(name) {
      const [newest] = keyNamed(name).versions.slice(-1);
      if (!newest) throw new Error(`there is no key ${name}`);
      const { namedCurve = '' } = newest.publicKey.asymmetricKeyDetails ?? {};
      const pair = generateKeyPairSync('ec', { namedCurve });
      add(name, { ...pair, inHardware: newest.inHardware ?? false, operations: newest.operations });
    },
    disableOlder(name) {
      for (const version of keyNamed(name).versions.slice(0, -1)) version.isDisabled = true;
    },
    disableKey(name, how = 'refused') {
      keyNamed(name).disabled = how;
    },
  };
}

/** Made once: it takes long. */
let pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined;
const wrappingPair = () => {
  pair ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
  return pair;
};

interface Call {
  readonly name: string;
  /** Of this version; the newest one where none is named. */
  readonly version: string;
  readonly action: string;
  readonly body: unknown;
}

/** A call of the API, or `undefined` for what it does not have. */
async function parseCall(request: Request): Promise<Call | undefined> {
  const url = new URL(request.url);
  if (
    url.origin !== URL_OF_VAULT ||
    !/^(?:7\.\d|20\d\d-\d\d-\d\d)$/.test(url.searchParams.get('api-version') ?? '')
  )
    return undefined;
  const path = /^\/keys\/([A-Za-z0-9-]{1,127})\/([0-9a-f]{32})?(?:\/?([a-z]+))?$/.exec(
    url.pathname,
  );
  if (!path) return undefined;
  const [, name = '', version = '', action = ''] = path;
  if (request.method === 'GET')
    return action ? undefined : { name, version, action: 'get', body: {} };
  if (request.method !== 'POST' || (action === 'create') === (version !== '')) return undefined;
  const text = await request.text();
  return { name, version, action, body: text === '' ? {} : JSON.parse(text) };
}

const CURVES: Readonly<Record<string, string>> = { 'P-256': 'prime256v1', 'P-384': 'secp384r1' };
const OPERATIONS: Readonly<Record<string, string>> = {
  sign: 'sign',
  wrapkey: 'wrapKey',
  unwrapkey: 'unwrapKey',
  encrypt: 'encrypt',
  decrypt: 'decrypt',
  verify: 'verify',
};

interface Creation {
  readonly kty: 'EC' | 'EC-HSM';
  readonly crv: string;
  readonly key_ops: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
}

/** What is to be made, or what is wrong about it. */
function parseCreation(body: unknown): Creation | string {
  const { kty, crv, key_ops: operations, tags } = body as Partial<Creation>;
  if ((kty !== 'EC' && kty !== 'EC-HSM') || crv === undefined || CURVES[crv] === undefined)
    return 'expected an elliptic curve key of P-256 or P-384';
  if (!operations?.length || operations.some((one) => one !== 'sign' && one !== 'verify'))
    return 'an elliptic curve key signs and verifies, and that has to be said';
  return { kty, crv, key_ops: operations, ...(tags && { tags }) };
}

const tagsOf = ({ tags }: Creation): Pick<Version, 'tags'> => (tags ? { tags } : {});

/** The result, or what is wrong about the question. */
function operate(
  operation: string,
  algorithm: string,
  { privateKey, publicKey }: Version,
  value: Buffer,
): Buffer | string {
  const isRsa = publicKey.asymmetricKeyType === 'rsa';
  if (operation === 'wrapKey' || operation === 'unwrapKey') {
    if (!isRsa || algorithm !== 'RSA-OAEP-256') return 'expected RSA-OAEP-256';
    const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
    if (operation === 'wrapKey') return publicEncrypt({ key: publicKey, ...oaep }, value);
    try {
      return privateDecrypt({ key: privateKey, ...oaep }, value);
    } catch {
      return 'the value is none that was wrapped with this key';
    }
  }
  const [expected, bytes] = curveOf(privateKey) === 'P-256' ? ['ES256', 32] : ['ES384', 48];
  if (operation !== 'sign' || algorithm !== expected) return `expected ${expected}`;
  if (value.length !== bytes) return `expected a digest of ${bytes} bytes`;
  return signDigest(privateKey, value);
}

const curveOf = (key: KeyObject): string => key.export({ format: 'jwk' }).crv ?? '';

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
  const namedCurve = CURVES[crv] ?? '';
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

function refused(
  status: number,
  code: string,
  message: string,
  retryAfter?: number,
  inner?: string,
): Response {
  const error = { code, message, ...(inner !== undefined && { innererror: { code: inner } }) };
  const headers = retryAfter === undefined ? undefined : { 'retry-after': String(retryAfter) };
  return Response.json({ error }, { status, ...(headers && { headers }) });
}

/** As undici says that a connection was reset. */
const dropped = (): TypeError =>
  new TypeError('fetch failed', {
    cause: Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
  });

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
