import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  newSerialNumber,
  signCertificate,
} from '../../../../local/azure/certificates/certificate.ts';
import {
  type CertificateKey,
  certificateKey,
  keyIdentifier,
  newAuthorityKey,
} from '../../../../local/azure/certificates/certificate-key.ts';
import {
  authority,
  authorityKeyIdentifier,
  endEntity,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  subjectKeyIdentifier,
  unknownCriticalExtension,
} from '../../../../local/azure/certificates/extensions.ts';
import { authorityName, leafName } from '../../../../local/azure/certificates/microsoft-names.ts';
import {
  buildCertificatePath,
  type PathOptions,
} from '../../../../shared/attestation/azure/certificate-path.ts';
import { type Certificate, parseCertificate } from '../../../../shared/encoding/certificate.ts';
import { OID } from '../../../../shared/encoding/oids.ts';
import type { AzureDeniedSigner } from '../../../../shared/resources/azure-denied-signer.ts';
import { documentAnchors } from '../../../../shared/resources/document-anchors.ts';
import { fingerprintOfDer } from '../../../../shared/resources/fingerprint.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const DAY = 24 * 3600 * 1000;
const LEAF = leafName('metadata.azure.com');
const leafKey = newAuthorityKey();

interface Authority {
  readonly name: Uint8Array;
  readonly key: CertificateKey;
  readonly certificate: Certificate;
}

interface Wishes {
  readonly name?: string;
  readonly key?: CertificateKey;
  readonly extensions?: readonly Uint8Array[];
  /** Days from noon. */
  readonly valid?: readonly [from: number, to: number];
  readonly signedBy?: CertificateKey;
  readonly keyIds?: 'none' | 'wrong';
}

function certify(
  subject: Uint8Array,
  key: CertificateKey,
  by: Pick<Authority, 'name' | 'key'>,
  extensions: readonly Uint8Array[],
  { valid: [from, to] = [-1, 1], signedBy = by.key, keyIds }: Wishes,
): Certificate {
  const named = keyIds === 'wrong' ? newAuthorityKey() : by.key;
  const ids = [
    subjectKeyIdentifier(keyIdentifier(key)),
    authorityKeyIdentifier(keyIdentifier(named)),
  ];
  return parseCertificate(
    signCertificate(
      {
        serialNumber: newSerialNumber(),
        issuer: by.name,
        subject,
        notBefore: new Date(NOON.getTime() + from * DAY),
        notAfter: new Date(NOON.getTime() + to * DAY),
        publicKeyInfo: key.publicKeyInfo,
        extensions: [...extensions, ...(keyIds === 'none' ? [] : ids)],
      },
      signedBy,
    ),
  );
}

const CA = [authority(), keyUsage('keyCertSign')];
const SERVER = [endEntity(), keyUsage('digitalSignature'), extendedKeyUsage(OID.serverAuth)];

function authorityUnder(by: Authority | undefined, wishes: Wishes = {}): Authority {
  const { key = newAuthorityKey(), extensions = CA } = wishes;
  const name = authorityName(wishes.name ?? 'Issuing');
  return { name, key, certificate: certify(name, key, by ?? { name, key }, extensions, wishes) };
}

const leafUnder = (by: Authority, wishes: Wishes = {}): Certificate =>
  certify(LEAF, leafKey, by, wishes.extensions ?? SERVER, wishes);

const root = authorityUnder(undefined, { name: 'Root' });
const issuing = authorityUnder(root);
const leaf = leafUnder(issuing);

/** Builds a path under the root, and counts the signatures that it checks. */
function build(
  signer: Certificate,
  intermediates: readonly Certificate[],
  more: Partial<PathOptions> = {},
) {
  let checks = 0;
  const built = buildCertificatePath(signer, {
    roots: [root.certificate],
    intermediates,
    at: NOON,
    isKnownSignature: () => {
      checks += 1;
      return false;
    },
    ...more,
  });
  return { checks, outcome: built.ok ? built.path : built.problem };
}

test('a path leads from the signer over what came along to a root', () => {
  const good = [leaf, issuing.certificate, root.certificate];
  expect(build(leaf, [issuing.certificate])).toEqual({ checks: 2, outcome: good });
  expect(build(leaf, [root.certificate, issuing.certificate]).outcome).toEqual(good);
});

test('certificates without key ids are found by their names', () => {
  const nameless = authorityUnder(root, { keyIds: 'none' });
  const signer = leafUnder(nameless, { keyIds: 'none' });
  expect(build(signer, [nameless.certificate]).outcome).toHaveLength(3);
});

test('known signatures are not checked again', () => {
  // A check would fail.
  const signer = leafUnder(issuing, { signedBy: newAuthorityKey() });
  const isKnownSignature = (child: Certificate, by: Certificate) =>
    child === signer && by === issuing.certificate;
  expect(build(signer, [issuing.certificate], { isKnownSignature }).outcome).toHaveLength(3);
});

test('a signature whose algorithm is not accepted is not looked at', () => {
  const sha1: Certificate = { ...leaf, signatureAlgorithm: '1.2.840.113549.1.1.5' };
  expect(build(sha1, [issuing.certificate])).toEqual({
    checks: 0,
    outcome: 'a signature algorithm is not accepted',
  });
});

test('an issuer whose point is not on its curve signed nothing', () => {
  const good = newAuthorityKey();
  const publicKeyInfo = Buffer.from(good.publicKeyInfo);
  publicKeyInfo[publicKeyInfo.length - 1] = (publicKeyInfo.at(-1) ?? 0) ^ 1;
  const bent = authorityUnder(root, { key: { ...good, publicKeyInfo } });
  expect(build(leafUnder(bent), [bent.certificate]).outcome).toBe(
    'a certificate is not signed by its issuer',
  );
});

test('an issuer that leads nowhere does not end the search', () => {
  const key = newAuthorityKey();
  const deadEnd = authorityUnder(authorityUnder(undefined, { name: 'Stranger' }), { key });
  const right = authorityUnder(root, { key });
  const signer = leafUnder(right);
  for (const intermediates of [
    [deadEnd.certificate, right.certificate],
    [right.certificate, deadEnd.certificate],
  ])
    expect(build(signer, intermediates).outcome).toEqual([
      signer,
      right.certificate,
      root.certificate,
    ]);
});

test('where nobody knows a signature, every one is checked', () => {
  const forged = leafUnder(issuing, { signedBy: newAuthorityKey() });
  const options = { roots: [root.certificate], intermediates: [issuing.certificate], at: NOON };
  expect(buildCertificatePath(leaf, options).ok).toBe(true);
  expect(buildCertificatePath(forged, options)).toEqual({
    ok: false,
    leadsNowhere: false,
    problem: 'a certificate is not signed by its issuer',
  });
});

test('a certificate is valid from its first second to its last, a signer and an authority alike', () => {
  const short: Wishes = { valid: [-0.5, 0.5] };
  const shortIssuing = authorityUnder(root, short);
  for (const [signer, by] of [
    [leafUnder(issuing, short), issuing],
    [leafUnder(shortIssuing), shortIssuing],
  ] as const) {
    const at = (ms: number) =>
      Array.isArray(build(signer, [by.certificate], { at: new Date(NOON.getTime() + ms) }).outcome);
    expect([-DAY / 2 - 1, -DAY / 2, DAY / 2, DAY / 2 + 1].map(at)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  }
});

describe('refuses a signer', () => {
  const other = newAuthorityKey();
  test.each<[string, Wishes, string]>([
    ['that has expired', { valid: [-2, -1] }, "the signer's certificate is not valid at this time"],
    [
      'that is not yet valid',
      { valid: [1, 2] },
      "the signer's certificate is not valid at this time",
    ],
    [
      'that is an authority',
      { extensions: [authority(), ...SERVER.slice(1)] },
      "the signer's certificate is that of an authority",
    ],
    [
      'for clients only',
      { extensions: [...SERVER.slice(0, 2), extendedKeyUsage(OID.clientAuth)] },
      'the signer may not act as a server',
    ],
    [
      'for nothing in particular',
      { extensions: SERVER.slice(0, 2) },
      'the signer may not act as a server',
    ],
    [
      'whose key may only encipher',
      { extensions: [keyUsage('keyEncipherment'), extendedKeyUsage(OID.serverAuth)] },
      'the signer may not sign',
    ],
    [
      'with name constraints',
      { extensions: [...SERVER, nameConstraints('metadata.azure.com')] },
      'a certificate has name constraints',
    ],
    [
      'with an unknown critical extension',
      { extensions: [...SERVER, unknownCriticalExtension()] },
      'a certificate has an unknown critical extension',
    ],
    ['that another key signed', { signedBy: other }, 'a certificate is not signed by its issuer'],
    ['of another key id', { keyIds: 'wrong' }, 'no certificate of its issuer is known'],
  ])('%s', (_, wishes, problem) => {
    expect(build(leafUnder(issuing, wishes), [issuing.certificate]).outcome).toBe(problem);
  });
});

describe('refuses an issuer', () => {
  const rsa = (modulusLength: number, publicExponent = 65537) =>
    certificateKey(generateKeyPairSync('rsa', { modulusLength, publicExponent }));
  const ec = (namedCurve: string) => certificateKey(generateKeyPairSync('ec', { namedCurve }));
  const usage = keyUsage('keyCertSign');
  const WEAK = "an authority's key is too weak, or of a kind that is not accepted";

  test.each<[string, Wishes, string]>([
    ['that has expired', { valid: [-2, -1] }, 'an authority is not valid at this time'],
    ['that is not yet valid', { valid: [1, 2] }, 'an authority is not valid at this time'],
    ['without basic constraints', { extensions: [usage] }, 'an issuer is no authority'],
    ['that is no authority', { extensions: [endEntity(), usage] }, 'an issuer is no authority'],
    ['without key usage', { extensions: [authority()] }, 'an authority may not sign certificates'],
    [
      'that may not sign certificates',
      { extensions: [authority(), keyUsage('digitalSignature', 'crlSign')] },
      'an authority may not sign certificates',
    ],
    [
      'for e-mail only',
      { extensions: [...CA, extendedKeyUsage(OID.emailProtection)] },
      'an authority may not sign for servers',
    ],
    [
      'with name constraints',
      { extensions: [...CA, nameConstraints('metadata.azure.com')] },
      'a certificate has name constraints',
    ],
    [
      'with an unknown critical extension',
      { extensions: [...CA, unknownCriticalExtension()] },
      'a certificate has an unknown critical extension',
    ],
    ['with RSA of 1024 bits', { key: rsa(1024) }, WEAK],
    ['with RSA exponent 3', { key: rsa(2048, 3) }, WEAK],
    ['with a curve of its own', { key: ec('secp256k1') }, "an authority's key can not be read"],
    [
      'that another key signed',
      { signedBy: newAuthorityKey() },
      'a certificate is not signed by its issuer',
    ],
  ])('%s', (_, wishes, problem) => {
    const by = authorityUnder(root, wishes);
    expect(build(leafUnder(by), [by.certificate]).outcome).toBe(problem);
  });

  test('under a root whose key did not sign it, by a name and key id alike', () => {
    const twin = { ...root, key: newAuthorityKey() };
    const by = authorityUnder(root, { signedBy: twin.key });
    expect(build(leafUnder(by), [by.certificate])).toEqual({
      checks: 1,
      outcome: 'a certificate is not signed by its issuer',
    });
  });
});

test('a signature by a kind of key that the issuer has not is no signature', () => {
  const rsaKey = certificateKey(generateKeyPairSync('rsa', { modulusLength: 2048 }));
  const signer = leafUnder(issuing, { signedBy: rsaKey });
  expect(build(signer, [issuing.certificate])).toEqual({
    checks: 0,
    outcome: 'a certificate is not signed by its issuer',
  });
});

test('an issuer signs as deep as its path length says', () => {
  const shallow = authorityUnder(root, {
    name: 'Shallow',
    extensions: [authority(0), keyUsage('keyCertSign')],
  });
  const below = authorityUnder(shallow);
  expect(build(leafUnder(shallow), [shallow.certificate]).outcome).toHaveLength(3);
  expect(build(leafUnder(below), [below.certificate, shallow.certificate]).outcome).toBe(
    "an authority's path length is exceeded",
  );
});

test('five certificates are a path, six are not', () => {
  const chain = [root];
  for (const name of ['A', 'B', 'C', 'D'])
    chain.push(authorityUnder(chain[chain.length - 1], { name }));
  const pathTo = (depth: number) => {
    const by = chain[depth] ?? root;
    const between = chain.slice(1, depth + 1).map(({ certificate }) => certificate);
    return build(leafUnder(by), between).outcome;
  };
  expect(pathTo(3)).toHaveLength(5);
  expect(pathTo(4)).toBe('the chain is too long');
});

test('six intermediates are looked at, seven are not', () => {
  const six = Array.from({ length: 6 }, () => issuing.certificate);
  expect(build(leaf, six).outcome).toHaveLength(3);
  expect(build(leaf, [...six, issuing.certificate]).outcome).toBe('too many intermediates');
});

describe('costs a stranger one check of a signature', () => {
  const ONE = { checks: 1, outcome: 'a certificate is not signed by its issuer' };
  const p384 = () => certificateKey(generateKeyPairSync('ec', { namedCurve: 'P-384' }));

  test('with six certificates of one name, said to be signed by a root', () => {
    const strangers = Array.from({ length: 6 }, () =>
      authorityUnder(root, { key: p384(), signedBy: p384(), keyIds: 'none' }),
    );
    const signer = leafUnder({ ...issuing, key: p384() }, { keyIds: 'none' });
    expect(
      build(
        signer,
        strangers.map(({ certificate }) => certificate),
      ),
    ).toEqual(ONE);
  });

  test('with a leaf of his own under a genuine issuer, after that of the issuer', () => {
    const signer = leafUnder(issuing, { signedBy: newAuthorityKey() });
    expect(build(signer, [issuing.certificate])).toEqual({ ...ONE, checks: 2 });
    const isKnownSignature = (child: Certificate) => child === issuing.certificate;
    expect(build(signer, [issuing.certificate], { isKnownSignature }).outcome).toBe(ONE.outcome);
  });

  test('and none with certificates that lead to no root', () => {
    const own = authorityUnder(undefined, { name: 'Stranger Root' });
    const strangers = Array.from({ length: 5 }, () => authorityUnder(own));
    const certificates = [own, ...strangers].map(({ certificate }) => certificate);
    expect(build(leafUnder(strangers[0] ?? own), certificates)).toEqual({
      checks: 0,
      outcome: 'no certificate of its issuer is known',
    });
  });
});

test('certificates that sign each other lead nowhere', () => {
  const [a, b] = [newAuthorityKey(), newAuthorityKey()];
  const nameA = authorityName('A');
  const nameB = authorityName('B');
  const ab = certify(nameB, b, { name: nameA, key: a }, CA, {});
  const ba = certify(nameA, a, { name: nameB, key: b }, CA, {});
  const signer = certify(LEAF, leafKey, { name: nameB, key: b }, SERVER, {});
  expect(build(signer, [ab, ba]).checks).toBe(0);
});

test('six certificates that all name each other are looked at 64 times in all searches, and lead nowhere', () => {
  const name = authorityName('Issuing');
  const by = { name, key: leafKey };
  let lookedAt = 0;
  let keysRead = 0;
  const counted = Array.from({ length: 6 }, () => {
    const one = certify(name, newAuthorityKey(), by, CA, { keyIds: 'none' });
    return {
      ...one,
      get notBefore() {
        lookedAt += 1;
        return one.notBefore;
      },
      get publicKeyInfo() {
        keysRead += 1;
        return one.publicKeyInfo;
      },
    };
  });
  const added = [authorityUnder(undefined, { name: 'Added' }).certificate];
  const signer = certify(LEAF, leafKey, by, SERVER, { keyIds: 'none' });
  const options = { roots: [root.certificate], intermediates: counted, at: NOON };
  const isAvoided = () => expect.fail('nobody need hash certificates that lead nowhere');
  expect(buildCertificatePath(signer, { ...options, added, isAvoided })).toEqual({
    ok: false,
    leadsNowhere: true,
    problem: 'too many ways lead on from certificate to certificate',
  });
  expect([lookedAt, keysRead]).toEqual([64, 6]);
});

test('where no root was added, what leads nowhere is searched once', () => {
  const by = { name: authorityName('Issuing'), key: leafKey };
  // 4, 12, 24 and 24 times they are looked at: a second search would find too many ways.
  const four = Array.from({ length: 4 }, () =>
    certify(by.name, newAuthorityKey(), by, CA, { keyIds: 'none' }),
  );
  const signer = certify(LEAF, leafKey, by, SERVER, { keyIds: 'none' });
  expect(build(signer, four)).toEqual({ checks: 0, outcome: 'the chain is too long' });
});

test('the searches for another path than one that is avoided are counted, too', () => {
  const key = newAuthorityKey();
  const loop = { name: issuing.name, key };
  const signer = certify(LEAF, leafKey, loop, SERVER, { keyIds: 'none' });
  const circle = Array.from({ length: 5 }, () =>
    certify(issuing.name, key, loop, CA, { keyIds: 'none' }),
  );
  const last = authorityUnder(root, { key, keyIds: 'none' }).certificate;
  const asked: Certificate[] = [];
  const isAvoided = (one: Certificate) => {
    asked.push(one);
    return one === last;
  };
  const added = [authorityUnder(undefined, { name: 'Added' }).certificate];
  const { outcome } = build(signer, [last, ...circle], { added, isAvoided });
  expect(outcome).toEqual([signer, last, root.certificate]);
  // One by the path that was found first, and the others by looks.
  expect(asked).toHaveLength(1 + 64 - 2);
});

test('five certificates that name each other do not hide the sixth, which leads to a root', () => {
  const key = newAuthorityKey();
  const loop = { name: issuing.name, key };
  const signer = certify(LEAF, leafKey, loop, SERVER, { keyIds: 'none' });
  const circle = Array.from({ length: 5 }, () =>
    certify(issuing.name, key, loop, CA, { keyIds: 'none' }),
  );
  const last = authorityUnder(root, { key, keyIds: 'none' });
  const added = [authorityUnder(undefined, { name: 'Added' }).certificate];
  const { outcome } = build(signer, [...circle, last.certificate], { added });
  expect(outcome).toContain(root.certificate);
});

describe('a root that was added', () => {
  const added = authorityUnder(undefined, { name: 'Added' });
  const below = authorityUnder(added, { name: 'Below' });
  const signer = leafUnder(below);

  test('counts where no path leads to a pinned one', () => {
    const { outcome } = build(signer, [below.certificate], { added: [added.certificate] });
    expect(outcome).toEqual([signer, below.certificate, added.certificate]);
    expect(build(signer, [below.certificate]).outcome).toBe(
      'no certificate of its issuer is known',
    );
  });

  test('is passed over where one does, even a longer one', () => {
    const { outcome } = build(leaf, [issuing.certificate], { added: [issuing.certificate] });
    expect(outcome).toEqual([leaf, issuing.certificate, root.certificate]);
  });

  test('with name and key id of a pinned one gets no second try, and costs no second check', () => {
    const { name } = root;
    const key = newAuthorityKey();
    const extensions = [...CA, subjectKeyIdentifier(keyIdentifier(root.key))];
    const alike = certify(name, key, { name, key }, extensions, { keyIds: 'none' });
    const forged = certify(LEAF, leafKey, { name, key: root.key }, SERVER, { signedBy: key });
    expect(build(forged, [], { added: [alike] })).toEqual({
      checks: 1,
      outcome: 'a certificate is not signed by its issuer',
    });
    expect(build(leaf, [issuing.certificate], { added: [alike] }).outcome).toContain(
      root.certificate,
    );
  });

  test('costs a stranger one check of a signature, too', () => {
    const forged = leafUnder(added, { signedBy: newAuthorityKey() });
    expect(build(forged, [], { added: [added.certificate] })).toEqual({
      checks: 1,
      outcome: 'a certificate is not signed by its issuer',
    });
  });
});

test('a certificate is avoided where another path leads to a root, and only there', () => {
  const old = authorityUnder(undefined, { name: 'Old Root' });
  const cross = certify(issuing.name, issuing.key, old, CA, {});
  const both = [issuing.certificate, cross];
  const roots = [root.certificate, old.certificate];
  const isAvoided = (one: Certificate) => one === issuing.certificate;
  expect(build(leaf, both, { roots, isAvoided }).outcome).toEqual([leaf, cross, old.certificate]);
  expect(build(leaf, [issuing.certificate], { isAvoided }).outcome).toContain(issuing.certificate);
});

describe('what an operator denies', () => {
  const old = authorityUnder(undefined, { name: 'Old Root' });
  const cross = certify(issuing.name, issuing.key, old, CA, {});
  const roots = [root.certificate, old.certificate];

  /** Whether the path that is found is denied. */
  function isDenied(spec: AzureDeniedSigner['spec'], intermediates: readonly Certificate[]) {
    const denial = { kind: 'azure_denied_signer', version: 'v1', metadata: { name: 'd' }, spec };
    const { deniedBy } = documentAnchors([], [denial as AzureDeniedSigner], NOON);
    const isAvoided = (one: Certificate) => deniedBy(one) !== undefined;
    const { outcome } = build(leaf, intermediates, { roots, isAvoided });
    return typeof outcome === 'string' ? outcome : outcome.some(isAvoided);
  }

  const keyOf = ({ publicKeyInfo }: Certificate) => ({
    public_key_sha256: fingerprintOfDer(publicKeyInfo),
  });
  const certificateOf = ({ der }: Certificate) => ({ sha256: fingerprintOfDer(der) });

  test('by its key is denied in each certificate of it, a cross-signed one too', () => {
    for (const named of [issuing.certificate, cross])
      for (const sent of [[issuing.certificate], [cross], [issuing.certificate, cross]])
        expect(isDenied(keyOf(named), sent)).toBe(true);
  });

  test('by its fingerprint is denied in this one certificate alone', () => {
    expect(isDenied(certificateOf(issuing.certificate), [issuing.certificate])).toBe(true);
    expect(isDenied(certificateOf(issuing.certificate), [cross])).toBe(false);
  });

  test.each(['key', 'certificate'])(
    'as a root, by its %s, leaves what another one signed',
    (by) => {
      const spec = by === 'key' ? keyOf(root.certificate) : certificateOf(root.certificate);
      expect(isDenied(spec, [issuing.certificate])).toBe(true);
      expect(isDenied(spec, [issuing.certificate, cross])).toBe(false);
    },
  );

  test('as the key of a signer is denied, and a hash counts only as what it is said to be', () => {
    expect(isDenied(keyOf(leaf), [issuing.certificate])).toBe(true);
    const { public_key_sha256: sha256 } = keyOf(leaf);
    expect(isDenied({ sha256 }, [issuing.certificate])).toBe(false);
    const { sha256: public_key_sha256 } = certificateOf(leaf);
    expect(isDenied({ public_key_sha256 }, [issuing.certificate])).toBe(false);
  });
});
