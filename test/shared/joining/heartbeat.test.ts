/** Whose heartbeat it is: each test changes one thing of a certificate, or of what is said, that is taken. */
import { createPublicKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Authorities } from '../../../shared/authority/authorities.ts';
import {
  issueIssuingCertificate,
  issueRootCertificate,
  type TlsIssuer,
} from '../../../shared/authority/tls-certificate.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  commonName,
  extension,
  publicKeyInfo,
  signed,
  subjectKeyIdentifier,
  toBeSigned,
} from '../../../shared/authority/x509.ts';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import { primitiveContextTag } from '../../../shared/encoding/der-decode.ts';
import { element, sequence, unsignedInteger } from '../../../shared/encoding/der-encode.ts';
import { OID } from '../../../shared/encoding/oids.ts';
import { createHeartbeatTaker } from '../../../shared/joining/heartbeat.ts';
import { heartbeatMessage } from '../../../shared/protocol/heartbeat.ts';
import { formatTimestamp } from '../../../shared/protocol/values.ts';
import type { Instance, StoredInstance } from '../../../shared/storage/instances.ts';
import { SAID } from '../../broker/heartbeat.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const later = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);
const CLUSTER = 'test.example.org';
const ID = '0a1b2c3d-1111-4111-8111-111111111111';
const URI = `spiffe://${CLUSTER}/bot/example/${ID}`;

function newIssuer(name: string, namedCurve = 'P-256'): TlsIssuer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
  return { subject: commonName(name), publicKeyInfo: publicKeyInfo(publicKey), privateKey };
}
const root = newIssuer('root', 'P-384');
const [issuing, instance] = [newIssuer('issuing'), newIssuer('example')];
const signWithRoot = async (message: Uint8Array) => sign('sha384', message, root.privateKey);
const rootCertificate = await issueRootCertificate(
  'root',
  CLUSTER,
  createPublicKey(root.privateKey),
  { notBefore: later(-100), notAfter: later(1000) },
  signWithRoot,
);
const certificateOf = (issuer: TlsIssuer): Promise<Uint8Array> =>
  issueIssuingCertificate(
    'issuing',
    createPublicKey(issuer.privateKey),
    { notBefore: later(-50), notAfter: later(500) },
    root,
    signWithRoot,
  );
const issuingCertificate = await certificateOf(issuing);
/** Has the instance's name, and a certificate of the root that none of ours is. */
const other = newIssuer('example');
const othersCertificate = await certificateOf(other);

interface Leaf {
  readonly uris?: readonly string[];
  readonly of?: TlsIssuer;
  readonly by?: TlsIssuer;
  /** Undefined: it says nothing of it. */
  readonly isAuthority?: boolean | undefined;
  /** In the place of those that it has, by what they are of. */
  readonly saysIssuer?: Uint8Array;
  readonly saysSubject?: Uint8Array;
  readonly extensions?: readonly Uint8Array[];
  /** What it says of its signature, and what the signature is. */
  readonly hash?: 'SHA256' | 'SHA384';
  readonly signedWith?: 'SHA256' | 'SHA384';
  readonly signature?: Uint8Array;
}

/** Good for a hundred seconds from noon on. */
function leaf(said: Leaf = {}): Uint8Array {
  const {
    uris = [URI],
    of = instance,
    by = issuing,
    saysIssuer = by.subject,
    saysSubject = of.subject,
    extensions = [authorityKeyIdentifier(by.publicKeyInfo)],
    hash = 'SHA256',
    signedWith = hash,
    signature,
  } = said;
  const { isAuthority } = { isAuthority: false, ...said };
  const algorithm = `ecdsaWith${hash}` as const;
  const names = uris.map((uri) => element(primitiveContextTag(6), Buffer.from(uri)));
  const tbs = toBeSigned({
    serialNumber: Buffer.alloc(16, 0x41),
    signatureAlgorithm: algorithm,
    issuer: saysIssuer,
    subject: saysSubject,
    notBefore: NOON,
    notAfter: later(100),
    publicKeyInfo: of.publicKeyInfo,
    extensions: [
      ...(isAuthority === undefined
        ? []
        : [basicConstraints(isAuthority ? { pathLength: 0 } : undefined)]),
      subjectKeyIdentifier(of.publicKeyInfo),
      ...extensions,
      ...(names.length > 0 ? [extension(OID.subjectAltName, false, sequence(...names))] : []),
    ],
  });
  return signed(tbs, algorithm, signature ?? sign(signedWith.toLowerCase(), tbs, by.privateKey));
}

interface Changes {
  readonly leaf?: Leaf;
  readonly certificates?: readonly [string, string];
  readonly said?: object;
  readonly text?: string;
  readonly at?: Date;
  readonly client?: string;
  /** In the place of what gives the body. */
  readonly read?: () => never;
  readonly signedBy?: TlsIssuer;
  readonly proof?: string;
  readonly stored?: StoredInstance | { readonly removed: true; readonly madeBy: string };
}
const stored = (changes: Partial<Instance> = {}): StoredInstance => ({
  instance: {
    generation: 3,
    instanceKey: instance.publicKeyInfo,
    goneAfter: 7,
    ...changes,
  } as Instance,
  etag: 'etag',
});

const authorities: Partial<Authorities> = {
  roots: [{ ...root, certificate: rootCertificate, handle: new Uint8Array() }],
  issuers: [{ ...issuing, certificate: issuingCertificate, endsFrom: 0, endsUntil: 0 }],
};

function createScene() {
  const kept: unknown[][] = [];
  let now = NOON;
  let found: Awaited<ReturnType<Parameters<typeof createHeartbeatTaker>[0]['instances']['read']>>;
  const take = createHeartbeatTaker({
    cluster: CLUSTER,
    authorities: async () => authorities as Authorities,
    // Whoever is asked for is there: what is refused is not refused for that.
    instances: { read: async () => found },
    heartbeats: { put: async (...row) => void kept.push(row) },
    failuresPerAddress: 2,
    now: () => now,
  });
  const beat = (changes: Changes = {}): Promise<void> => {
    now = changes.at ?? NOON;
    found = 'stored' in changes ? changes.stored : stored();
    const instanceSaid = { id: ID, generation: 3 };
    const said = { ...SAID, time: formatTimestamp(now), instance: instanceSaid, ...changes.said };
    const { text = JSON.stringify(said) } = changes;
    const signature = sign(
      'sha256',
      heartbeatMessage(text),
      (changes.signedBy ?? instance).privateKey,
    );
    const [first, second] = [leaf(changes.leaf), issuingCertificate].map(encodeBase64);
    return take(
      changes.read ??
        (() => ({
          heartbeat: text,
          certificates: changes.certificates
            ? [...changes.certificates]
            : [first ?? '', second ?? ''],
          proof: changes.proof ?? encodeBase64(signature),
        })),
      changes.client,
    );
  };
  return { kept, beat };
}

describe('is kept as a claim of', () => {
  test.each([
    ['a bot', URI, 'bot:example'],
    ['a host', `spiffe://${CLUSTER}/host/Node/${ID}`, 'host:Node'],
  ])('%s', async (_, uri, owner) => {
    const { kept, beat } = createScene();
    await beat({ leaf: { uris: [uri] } });
    const { time: __, ...said } = SAID;
    const record = { received: '2026-11-20T12:00:00Z', generation: 3, ...said };
    expect(kept).toEqual([[owner, ID, record, 7]]);
  });

  test.each<[string, Changes]>([
    ['an agent whose clock is five minutes behind', { said: { time: '2026-11-20T11:55:00Z' } }],
    ['one whose certificate is good for a second more', { at: later(99) }],
  ])('%s', async (_, changes) => {
    const { kept, beat } = createScene();
    await beat(changes);
    expect(kept).toHaveLength(1);
  });
});

describe('is of nobody', () => {
  const uri = (text: string): Changes => ({ leaf: { uris: [text] } });
  test.each<[string, Changes]>([
    ['before its certificate is good', { at: later(-1) }],
    ['from the second on in which its certificate is over', { at: later(100) }],
    ['of another cluster whose name is as long', uri(URI.replace('test', 'best'))],
    ['of a user', uri(URI.replace('/bot/', '/user/'))],
    ['without a name', uri(URI.replace('example/', '/'))],
    ['without an id', uri(URI.replace(ID, ''))],
    ['with more behind the id', uri(`${URI}/more`)],
    ['of two', { leaf: { uris: [URI, URI] } }],
    ['that says nothing', { leaf: { uris: [] } }],
    ['by an authority', { leaf: { isAuthority: true } }],
    ['by who does not say that it is none', { leaf: { isAuthority: undefined } }],
    [
      'whose certificate is signed by another key than it says',
      { leaf: { by: { ...issuing, privateKey: other.privateKey } } },
    ],
    [
      'whose certificate says another issuer than it is signed by',
      { leaf: { saysIssuer: other.subject } },
    ],
    [
      'whose certificate says another key of its issuer',
      { leaf: { extensions: [authorityKeyIdentifier(other.publicKeyInfo)] } },
    ],
    ['whose certificate says no key of its issuer', { leaf: { extensions: [] } }],
    ['whose certificate has a signature of another kind', { leaf: { hash: 'SHA384' } }],
    [
      'whose certificate says that its signature is of another kind',
      { leaf: { hash: 'SHA384', signedWith: 'SHA256' } },
    ],
    ['whose certificate has no signature', { leaf: { signature: Buffer.from('none') } }],
    ['whose certificate no root of ours leads to', { leaf: { by: newIssuer('issuing') } }],
    [
      'whose issuer is certified by our root, and is none that we have',
      { certificates: [encodeBase64(leaf({ by: other })), encodeBase64(othersCertificate)] },
    ],
    [
      "whose issuer's certificate no root of ours leads to",
      {
        certificates: [
          encodeBase64(leaf({ by: other })),
          encodeBase64(leaf({ of: other, by: newIssuer('elsewhere') })),
        ],
      },
    ],
    [
      'whose certificate is issued by what is no authority',
      {
        certificates: [
          encodeBase64(leaf({ by: other })),
          encodeBase64(leaf({ of: other, by: root })),
        ],
      },
    ],
    ["whose issuer's certificate is none", { certificates: [encodeBase64(leaf()), 'AAAA'] }],
    ['that another key signed', { signedBy: other }],
    [
      'of another instance than its certificate',
      { said: { instance: { id: ID.replace('0', '1'), generation: 3 } } },
    ],
    ['of an instance that there is not', { stored: undefined as never }],
    ['of one that was removed', { stored: { removed: true, madeBy: 'x' } }],
    [
      'by a key that is not the instance key',
      { stored: stored({ instanceKey: other.publicKeyInfo }) },
    ],
    ['of another generation', { stored: stored({ generation: 4 }) }],
  ])('%s', async (_, changes) => {
    const { kept, beat } = createScene();
    await expect(beat(changes)).rejects.toThrow(
      expect.objectContaining({
        code: 'instance_unknown',
        message: 'the heartbeat is not proved by an instance of this broker',
      }),
    );
    expect(kept).toEqual([]);
  });
});

test('is of nobody, and no fault of ours, with a certificate that our parser reads and OpenSSL does not', async () => {
  const { kept, beat } = createScene();
  const odd = leaf({ by: newIssuer('root'), saysSubject: sequence(unsignedInteger(Buffer.of(5))) });
  expect(() => new X509Certificate(odd)).toThrow();
  for (const certificates of [
    [odd, odd],
    [odd, issuingCertificate],
    [leaf(), odd],
  ]) {
    const [first = '', second = ''] = certificates.map(encodeBase64);
    const beaten = beat({ certificates: [first, second] });
    await expect(beaten).rejects.toThrow(expect.objectContaining({ code: 'instance_unknown' }));
  }
  expect(kept).toEqual([]);
});

describe('is refused where', () => {
  const good = encodeBase64(leaf());
  const X509 = 'expected an X.509 certificate';
  test.each<[string, Changes, string, unknown]>([
    ['it is no JSON', { text: '{' }, 'heartbeat', expect.stringContaining('JSON')],
    ['it says more', { said: { more: 1 } }, 'heartbeat.more', expect.any(String)],
    [
      'its certificate is no base64',
      { certificates: ['%', good] },
      'certificates[0]',
      'expected base64',
    ],
    ['its certificate is none', { certificates: ['AAAA', good] }, 'certificates[0]', X509],
    [
      "its issuer's is no base64",
      { certificates: [good, '%'] },
      'certificates[1]',
      'expected base64',
    ],
    ['its proof is no base64', { proof: '%' }, 'proof', 'expected base64'],
    [
      'its time is more than five minutes behind',
      { said: { time: '2026-11-20T11:54:59Z' } },
      'heartbeat.time',
      'expected a time at most 300 s from 2026-11-20T12:00:00Z',
    ],
  ])('%s', async (_, changes, field, message) => {
    const { kept, beat } = createScene();
    await expect(beat(changes)).rejects.toThrow(
      expect.objectContaining({ code: 'bad_request', field, message }),
    );
    expect(kept).toEqual([]);
  });

  test('there were ten of the instance in this minute', async () => {
    const { kept, beat } = createScene();
    for (let i = 0; i < 10; i += 1) await beat();
    await expect(beat()).rejects.toThrow(
      expect.objectContaining({
        code: 'throttled',
        message: expect.stringContaining('heartbeats of this instance'),
      }),
    );
    expect(kept).toHaveLength(10);
  });
});

describe('of heartbeats from one address', () => {
  const [HERE, THERE] = ['203.0.113.7:1', '203.0.113.8:1'];
  const forged = { signedBy: other, client: HERE };
  const tooMany = expect.objectContaining({
    code: 'throttled',
    message: 'too many heartbeats from this address failed in this minute',
    retryAfter: 60,
  });

  test('so many may fail; then not even the body is read, and others go on', async () => {
    const { kept, beat } = createScene();
    const unread = () => {
      throw new Error('it was read');
    };
    await expect(beat({ client: HERE, read: unread })).rejects.toThrow('it was read');
    await expect(beat(forged)).rejects.toMatchObject({ code: 'instance_unknown' });
    await expect(beat({ client: '203.0.113.7:2', read: unread })).rejects.toThrow(tooMany);
    await beat({ client: THERE });
    await beat({ client: HERE, at: later(60) });
    expect(kept).toHaveLength(2);
  });

  test('those that are taken do not count', async () => {
    const { kept, beat } = createScene();
    for (let i = 0; i < 5; i += 1) await beat({ client: HERE });
    expect(kept).toHaveLength(5);
  });
});

test('a text that is more work than the longest honest one is refused before it is parsed', async () => {
  const { beat } = createScene();
  const text = JSON.stringify({ host: '"'.repeat(6000) });
  await expect(beat({ text })).rejects.toMatchObject({
    code: 'bad_request',
    field: 'heartbeat',
    message: 'expected JSON with fewer names, values, escapes and spaces',
  });
  const long = { ...SAID.outputs[0], directory: '/'.repeat(256) };
  await beat({ said: { host: 'x'.repeat(253), outputs: Array(17).fill(long) } });
});
