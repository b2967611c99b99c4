import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { CompactSign } from 'jose';
import { describe, expect, test } from 'vitest';
import { countingPins, type KnownTrust, verifyTrustBundle } from '../../agent/trust-bundle.ts';
import {
  issueCrossCertificate,
  issueIssuingCertificate,
  issueRootCertificate,
  issueTlsCertificate,
  randomSerialNumber,
} from '../../shared/authority/tls-certificate.ts';
import { caPin, makeTrustBundle } from '../../shared/authority/trust-bundle.ts';
import { commonName, publicKeyInfo as spkiOf } from '../../shared/authority/x509.ts';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import { type TrustBundle, trustPayload } from '../../shared/protocol/trust.ts';
import { createAuthorities } from './authorities.ts';
import { START } from './clock.ts';

async function setUp() {
  const authorities = await createAuthorities(START);
  const bundle = await makeTrustBundle('test', authorities, START);
  const pin = caPin(authorities.roots[0]?.publicKeyInfo ?? Buffer.of());
  const verify = (changed: TrustBundle, more: object = {}) =>
    verifyTrustBundle(changed, { pins: [pin], known: undefined, now: START, ...more });
  return { authorities, bundle, pin, verify };
}

test('accepts the bundle of the pinned root', async () => {
  const { bundle, pin, verify } = await setUp();
  const trust = await verify(bundle);
  expect(trust.root).toBe(pin);
  expect(trust.roots).toHaveLength(1);
});

describe('a leaked issuing key leaves no root of its own behind:', () => {
  test('a root that the bundle only names is no pin', async () => {
    const { authorities, pin, verify } = await setUp();
    const [evil] = (await createAuthorities(START)).roots;
    const roots = [...authorities.roots, ...(evil ? [evil] : [])];
    const bundle = await makeTrustBundle('test', { ...authorities, roots }, START);
    expect(bundle.ca_pins).toHaveLength(2);
    expect((await verify(bundle)).pins).toEqual([pin]);
  });

  test('an issuing key is no root that its own root has certified, although the bundle lists it', async () => {
    const { authorities, pin, verify } = await setUp();
    const { issuing } = authorities;
    const certificate = await issueRootCertificate(
      'test issuing',
      'test.example.org',
      createPublicKey(issuing.privateKey),
      { notBefore: START, notAfter: new Date(START.getTime() + 86_400_000) },
      async (message) => sign('sha384', message, issuing.privateKey),
    );
    const roots = [...authorities.roots, { ...issuing, certificate, handle: new Uint8Array() }];
    const trust = await verify(makeTrustBundle('test', { ...authorities, roots }, START));
    expect(trust.roots).toHaveLength(2);
    expect(trust.pins).toEqual([pin]);
  });

  test('an issuing certificate certifies no root, whatever comes below it', async () => {
    const { authorities, verify } = await setUp();
    const { issuing } = authorities;
    const days = { notBefore: START, notAfter: new Date(START.getTime() + 86_400_000) };
    const signWithIssuing = async (message: Uint8Array) =>
      sign('sha384', message, issuing.privateKey);
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const below = await issueIssuingCertificate(
      'below',
      key.publicKey,
      days,
      issuing,
      signWithIssuing,
    );
    const certificate = await issueRootCertificate(
      'test issuing',
      'test.example.org',
      createPublicKey(issuing.privateKey),
      days,
      signWithIssuing,
    );
    const roots = [...authorities.roots, { ...issuing, certificate, handle: new Uint8Array() }];
    const signer = {
      ...issuing,
      privateKey: key.privateKey,
      certificate: below,
      chain: [below, issuing.certificate, issuing.root],
    };
    const bundle = await makeTrustBundle('test', { ...authorities, issuing: signer, roots }, START);
    await expect(verify(bundle)).rejects.toThrow('do not lead to a root of its trust bundle');
  });
});

test('without pins it still wants the signature of one of its own roots', async () => {
  const { bundle, pin, verify } = await setUp();
  expect((await verify(bundle, { pins: [] })).root).toBe(pin);
  const changed = { ...bundle, cluster: 'other' };
  await expect(verify(changed, { pins: [] })).rejects.toThrow('its signature is not valid');
});

test.each([
  ['another cluster', (bundle: TrustBundle) => ({ ...bundle, cluster: 'other' })],
  ['another version', (bundle: TrustBundle) => ({ ...bundle, version: bundle.version + 1 })],
  [
    'one more SSH authority',
    (bundle: TrustBundle) => ({
      ...bundle,
      ssh: { ...bundle.ssh, user_ca: [...bundle.ssh.user_ca, 'ssh-ed25519 AAAA'] },
    }),
  ],
])('refuses a signed bundle that was given %s', async (_, change) => {
  const { bundle, verify } = await setUp();
  await expect(verify(change(bundle))).rejects.toMatchObject({
    code: 'untrusted',
    message: expect.stringContaining('its signature is not valid'),
  });
});

test('refuses the bundle of another root, even one with its own signature', async () => {
  const { verify, bundle } = await setUp();
  const other = await makeTrustBundle('test', await createAuthorities(START), START);
  await expect(verify(other)).rejects.toThrow('which is not among the configured CA pins');
  const mixed = { ...other, tls: bundle.tls };
  await expect(verify(mixed)).rejects.toThrow('its signature is not valid');
});

test.each(['', 'a.b.c', 'a..b', '..', 'eyJhbGciOiJub25lIn0..'])(
  'refuses the signature %j',
  async (signature) => {
    const { bundle, verify } = await setUp();
    await expect(verify({ ...bundle, signature })).rejects.toThrow(
      "the broker's trust bundle is not accepted",
    );
  },
);

test('refuses the signature of a joined bot', async () => {
  const { authorities, bundle, verify } = await setUp();
  const bot = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const leaf = issueTlsCertificate(
    {
      serialNumber: randomSerialNumber(),
      commonName: 'bot',
      uri: 'spiffe://test/bot/bot/1',
      publicKeyInfo: bot.publicKey.export({ format: 'der', type: 'spki' }),
      notBefore: START,
      notAfter: new Date(START.getTime() + 3600_000),
    },
    authorities.issuing,
  );
  const x5c = [leaf, authorities.issuing.certificate, authorities.issuing.root].map(encodeBase64);
  const jws = await new CompactSign(trustPayload(bundle))
    .setProtectedHeader({ alg: 'ES256', x5c })
    .sign(bot.privateKey);
  const signature = jws.replace(/\..*\./, '..');
  await expect(verify({ ...bundle, signature })).rejects.toThrow(
    'its signer is not a certificate authority',
  );
});

test('refuses a signer that its root never signed, although it is an authority', async () => {
  const { authorities, bundle, verify } = await setUp();
  const { issuing: forger } = await createAuthorities(START);
  const x5c = [forger.certificate, authorities.issuing.root].map(encodeBase64);
  const jws = await new CompactSign(trustPayload(bundle))
    .setProtectedHeader({ alg: 'ES256', x5c })
    .sign(forger.privateKey);
  const signature = jws.replace(/\..*\./, '..');
  await expect(verify({ ...bundle, signature })).rejects.toThrow(
    'it is not signed under one of its own roots',
  );
});

test('refuses a signer whose time is over', async () => {
  const { authorities, verify } = await setUp();
  const later = new Date(START.getTime() + 40 * 24 * 3600_000);
  const bundle = await makeTrustBundle('test', authorities, later);
  await expect(verify(bundle, { now: later })).rejects.toThrow('set the clock');
});

test.each([
  ['with the payload in it', (signature: string) => signature.replace('..', '.e30.')],
  ['of four parts', (signature: string) => `${signature}.AAAA`],
])('refuses a good signature %s: there is one form', async (_, change) => {
  const { bundle, verify } = await setUp();
  await expect(verify({ ...bundle, signature: change(bundle.signature) })).rejects.toThrow(
    'its signature is not a detached JWS',
  );
});

/** The bundle, signed by its own issuing key, with these certificates beside the signature. */
async function signedWith(x5c: unknown) {
  const { authorities, bundle, verify } = await setUp();
  // The library checks the header that it writes: this one is written by hand.
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', x5c })).toString('base64url');
  const payload = Buffer.from(trustPayload(bundle)).toString('base64url');
  const key = { key: authorities.issuing.privateKey, dsaEncoding: 'ieee-p1363' } as const;
  const signature = sign('sha256', Buffer.from(`${header}.${payload}`), key).toString('base64url');
  return verify({ ...bundle, signature: `${header}..${signature}` });
}

describe('refuses a bundle whose signature comes', () => {
  const WITHOUT = 'its signature comes without its certificates';
  test.each<[string, unknown, string]>([
    ['without certificates', undefined, WITHOUT],
    ['with none', [], WITHOUT],
    ['with text in the place of a list', 'MIIB', WITHOUT],
    ['with null', null, WITHOUT],
    ['with something that is no certificate', ['AAAA'], 'something that is not a certificate'],
    ['with something that is no text', [7], 'its signature is not valid'],
  ])('%s', async (_, x5c, problem) => {
    await expect(signedWith(x5c)).rejects.toMatchObject({
      code: 'untrusted',
      message: expect.stringMatching(
        new RegExp(`^the broker's trust bundle is not accepted: (?:it holds )?${problem}`),
      ),
    });
  });

  test('with four certificates', async () => {
    const { authorities } = await setUp();
    const x5c = Array.from({ length: 4 }, () => encodeBase64(authorities.issuing.certificate));
    await expect(signedWith(x5c)).rejects.toThrow(WITHOUT);
  });
});

describe('refuses a bundle with', () => {
  const NO_PEM = 'its roots are not PEM certificates';
  test.each<[string, string, string]>([
    ['no roots', '', NO_PEM],
    ['roots that are no PEM', 'roots', NO_PEM],
    [
      'a root that is no certificate',
      encodePem('CERTIFICATE', Buffer.from('root')),
      'it holds something that is not a certificate',
    ],
  ])('%s', async (_, roots, problem) => {
    const { bundle, verify } = await setUp();
    await expect(verify({ ...bundle, tls: { roots } })).rejects.toMatchObject({
      code: 'untrusted',
      message: expect.stringContaining(problem),
    });
  });

  test('nine roots', async () => {
    const { bundle, verify } = await setUp();
    const roots = bundle.tls.roots.repeat(9);
    await expect(verify({ ...bundle, tls: { roots } })).rejects.toThrow('not PEM certificates');
  });

  test('not with eight, the most that it may have', async () => {
    const { authorities, verify } = await setUp();
    const [root] = authorities.roots;
    const roots = Array.from({ length: 8 }, () => root).filter((one) => one !== undefined);
    const bundle = await makeTrustBundle('test', { ...authorities, roots }, START);
    expect((await verify(bundle)).roots).toHaveLength(8);
  });

  test('a signature under a root that it does not list', async () => {
    const { authorities, verify, bundle } = await setUp();
    const stranger = await createAuthorities(START);
    // Its own signer, who signs for the stranger's root alone.
    const signed = await makeTrustBundle('test', { ...authorities, roots: stranger.roots }, START);
    await expect(verify(signed)).rejects.toThrow('it is not signed under one of its own roots');
    expect(await verify(bundle)).toBeDefined();
  });
});

test('refuses a step back of the same cluster, whatever its root', async () => {
  const { bundle, pin, verify } = await setUp();
  const newer = bundle.version + 1;
  for (const root of [pin, `sha256:${'0'.repeat(64)}`]) {
    const known = { root, version: newer, cluster: 'test' };
    await expect(verify(bundle, { known })).rejects.toThrow(
      `its version is ${bundle.version}, older than ${newer}, which is installed`,
    );
    expect((await verify(bundle, { known: { ...known, version: bundle.version } })).root).toBe(pin);
  }
});

describe('of two signers of the same cluster', () => {
  test('the later one counts for more than a version, however large: a leaked key shuts nothing out', async () => {
    const { bundle, pin, verify } = await setUp();
    const { signedFrom } = await verify(bundle);
    const known = { root: pin, version: Number.MAX_SAFE_INTEGER, cluster: 'test' };
    await expect(verify(bundle, { known: { ...known, signedFrom } })).rejects.toThrow('older than');
    const poisoned = { ...known, signedFrom: signedFrom - 1 };
    expect((await verify(bundle, { known: poisoned })).bundle).toBe(bundle);
  });

  test('the earlier one is believed in what is known, and in nothing else', async () => {
    const { authorities, bundle, pin, verify } = await setUp();
    const { signedFrom, says } = await verify(bundle);
    const { version } = bundle;
    const known = { root: pin, cluster: 'test', version, says, signedFrom: signedFrom + 1 };
    const hour = new Date(START.getTime() + 3600_000);
    const again = await verify(makeTrustBundle('test', authorities, hour), { known });
    // It remains the word of the later one: what the earlier one says next is no better than before.
    expect(again).toMatchObject({ signedFrom: signedFrom + 1, says });
    const { sshUserCas } = await createAuthorities(START);
    const other = makeTrustBundle('test', { ...authorities, sshUserCas }, START);
    for (const [one, more] of [
      [bundle, { version: version - 1 }],
      [bundle, { version: version + 1 }],
      [bundle, { says: undefined }],
      [other, {}],
    ] as const)
      await expect(verify(one, { known: { ...known, ...more } })).rejects.toMatchObject({
        code: 'try_again',
      });
    await expect(verify(other, { known })).rejects.toThrow(
      "the broker's trust bundle is not accepted: it is signed with an older key than the one that is installed, and says something else",
    );
    expect(await verify(other, { known: { ...known, signedFrom } })).toBeDefined();
  });

  test('no authority below an issuing certificate is one, however late it begins', async () => {
    const { authorities, verify } = await setUp();
    const { issuing } = authorities;
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const certificate = await issueIssuingCertificate(
      'below',
      key.publicKey,
      { notBefore: START, notAfter: new Date(START.getTime() + 86_400_000) },
      issuing,
      async (message) => sign('sha384', message, issuing.privateKey),
    );
    const signer = {
      ...issuing,
      privateKey: key.privateKey,
      certificate,
      chain: [certificate, ...issuing.chain],
    };
    const bundle = makeTrustBundle('test', { ...authorities, issuing: signer }, START);
    await expect(verify(bundle)).rejects.toThrow('do not lead to a root of its trust bundle');
  });
});

test('refuses the bundle of another cluster under the root that is known', async () => {
  const { bundle, pin, verify } = await setUp();
  const known = { root: pin, version: bundle.version, cluster: 'other' };
  await expect(verify(bundle, { known })).rejects.toThrow('it is of cluster test, not of other');
});

test('versions of another cluster, under another root, are not compared', async () => {
  const { bundle, pin, verify } = await setUp();
  const root = `sha256:${'0'.repeat(64)}`;
  const known = { root, version: bundle.version + 1, cluster: 'other' };
  expect((await verify(bundle, { known })).root).toBe(pin);
});

test('refuses an expired bundle, with some room for clocks', async () => {
  const { bundle, verify } = await setUp();
  const after = (ms: number) => ({ now: new Date(Date.parse(bundle.expires) + ms) });
  expect(await verify(bundle, after(240_000))).toBeDefined();
  await expect(verify(bundle, after(360_000))).rejects.toThrow(`it expired at ${bundle.expires}`);
});

test('an expired bundle is good for five minutes more, to the millisecond', async () => {
  const { bundle, verify } = await setUp();
  const end = Date.parse(bundle.expires) + 300_000;
  expect(await verify(bundle, { now: new Date(end) })).toBeDefined();
  await expect(verify(bundle, { now: new Date(end + 1) })).rejects.toThrow('it expired');
});

describe('the pins that count are', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((digit) => `sha256:${digit.repeat(64)}`) as [
    string,
    string,
    string,
  ];
  const known = (more: object) =>
    ({ root: a, version: 1, cluster: 'test', refreshAfter: '', ...more }) as KnownTrust;
  test.each<[string, string[], KnownTrust | undefined, string[]]>([
    ['those of the config, where nothing is known yet', [a], undefined, [a]],
    [
      'also those that a root vouched for, as long as the config is the same, in any order',
      [a, b],
      known({ configured: [b, a], pins: [a, c] }),
      [a, b, c],
    ],
    ['the same, where none was vouched for', [a], known({ configured: [a] }), [a]],
    [
      'none but those of the config, where that has others than it had',
      [b],
      known({ configured: [a], pins: [a, c] }),
      [b],
    ],
    ['none but those, where nobody knows what it had', [a], known({ pins: [a, c] }), [a]],
    ['none, where the config has none', [], known({ configured: [], pins: [a] }), []],
  ])('%s', (_, configured, trust, counting) => {
    expect(countingPins(configured, trust)).toEqual(counting);
  });
});

describe("of a root's successor", () => {
  /** A bundle that the successor's authorities sign, with the successor's certificate by the old root beside it. */
  async function succession(listed: 'both' | 'the old root alone') {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const old = { subject: commonName('old root'), publicKeyInfo: spkiOf(keys.publicKey) };
    const days = { notBefore: START, notAfter: new Date(START.getTime() + 86_400_000) };
    const signWithOld = async (message: Uint8Array) => sign('sha384', message, keys.privateKey);
    const certificate = await issueRootCertificate(
      'old root',
      'test.example.org',
      keys.publicKey,
      days,
      signWithOld,
    );
    const authorities = await createAuthorities(START);
    const { issuing } = authorities;
    const [successor] = authorities.roots;
    if (!successor) throw new Error('no root');
    const cross = await issueCrossCertificate(
      { ...successor, ...days },
      'test.example.org',
      old,
      signWithOld,
    );
    const oldRoot = { ...successor, ...old, certificate };
    const roots = listed === 'both' ? [oldRoot, successor] : [oldRoot];
    const signer = { ...issuing, chain: [issuing.certificate, cross] };
    const bundle = makeTrustBundle('test', { ...authorities, roots, issuing: signer }, START);
    const pins = { old: caPin(old.publicKeyInfo), successor: caPin(successor.publicKeyInfo) };
    const verify = (...configured: string[]) =>
      verifyTrustBundle(bundle, { pins: configured, known: undefined, now: START });
    return { pins, verify };
  }

  test('the old root vouches: who pinned that one knows the successor from now on', async () => {
    const { pins, verify } = await succession('both');
    expect(await verify(pins.old)).toMatchObject({
      root: pins.old,
      pins: [pins.old, pins.successor],
    });
    expect(await verify(pins.successor)).toMatchObject({
      root: pins.successor,
      pins: [pins.successor],
    });
  });

  test('nothing is kept that the bundle does not list', async () => {
    const { pins, verify } = await succession('the old root alone');
    expect(await verify(pins.old)).toMatchObject({ root: pins.old, pins: [pins.old] });
  });
});

test('refuses a signature by another algorithm than ES256, although an authority made it', async () => {
  const { authorities } = await setUp();
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const days = { notBefore: START, notAfter: new Date(START.getTime() + 86_400_000) };
  const signWithRoot = async (message: Uint8Array) => sign('sha384', message, keys.privateKey);
  const certificate = await issueRootCertificate(
    'root',
    'test.example.org',
    keys.publicKey,
    days,
    signWithRoot,
  );
  const root = {
    subject: commonName('root'),
    publicKeyInfo: spkiOf(keys.publicKey),
    certificate,
    handle: new Uint8Array(),
  };
  const bundle = makeTrustBundle('test', { ...authorities, roots: [root] }, START);
  const jws = await new CompactSign(trustPayload(bundle))
    .setProtectedHeader({ alg: 'ES384', x5c: [encodeBase64(certificate)] })
    .sign(keys.privateKey);
  const signed = { ...bundle, signature: jws.replace(/\..*\./, '..') };
  await expect(
    verifyTrustBundle(signed, { pins: [], known: undefined, now: START }),
  ).rejects.toThrow('its signature is not valid');
});
