import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type KnownTrust, verifyTrustBundle } from '../../../agent/trust-bundle.ts';
import type { Authorities } from '../../../shared/authority/authorities.ts';
import { backUpKeys } from '../../../shared/authority/backup-keys.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { initAuthorities } from '../../../shared/authority/init-authorities.ts';
import { rowOf } from '../../../shared/authority/key-store.ts';
import { stateOf } from '../../../shared/authority/published-keys.ts';
import { replaceAuthority } from '../../../shared/authority/replace-authority.ts';
import { planRestore, restoreKeys } from '../../../shared/authority/restore-keys.ts';
import { retireRoot } from '../../../shared/authority/retire-root.ts';
import { foundKeys, type RotationParts, rotateKeys } from '../../../shared/authority/rotate.ts';
import { ROTATION_POLICY } from '../../../shared/authority/rotation-policy.ts';
import { sealKey } from '../../../shared/authority/sealing.ts';
import {
  issueTlsCertificate,
  randomSerialNumber,
} from '../../../shared/authority/tls-certificate.ts';
import { caPin, makeTrustBundle } from '../../../shared/authority/trust-bundle.ts';
import { basicConstraints, keyUsage, signed, toBeSigned } from '../../../shared/authority/x509.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import type { Value } from '../../../shared/storage/table.ts';
import { hasProgram } from '../../programs.ts';
import { textOf } from '../run-program.ts';
import { authoritiesAt, createParts, createScene, later, NOON, takeRow } from './rotation-parts.ts';

const DAY = 24 * 3600;
const PUBLISHED = ROTATION_POLICY.rootPublication;
/** When the issuing keys under the old root are over. */
const SUCCEEDED = PUBLISHED + 17 * DAY;
const MADE = 60;

/** The timer, every third day until then. */
async function runUntil(parts: RotationParts, to: number): Promise<void> {
  for (let at = 0; at < to; at += 3 * DAY) await rotateKeys(parts, later(at));
  await rotateKeys(parts, later(to));
}

const early = (...numbers: number[]) => ({ leaked: false, numbers });
const leaked = (...numbers: number[]) => ({ leaked: true, numbers });
const roots = async ({ store }: RotationParts): Promise<number[]> =>
  (await store.list()).keys
    .filter(({ purpose }) => purpose === 'root')
    .map(({ sequence }) => sequence);
const pinsOf = ({ roots: all }: Authorities): string[] =>
  all.map(({ publicKeyInfo }) => caPin(publicKeyInfo));

/** A leaf, with what travels along with it. */
function joinedAt({ issuing }: Authorities, at: Date): { leaf: string; along: string } {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
  const leaf = issueTlsCertificate(
    {
      serialNumber: randomSerialNumber(),
      commonName: 'example',
      uri: 'spiffe://test.example.org/bot/example/1',
      publicKeyInfo: key.export({ type: 'spki', format: 'der' }),
      notBefore: new Date(at.getTime() - 60_000),
      notAfter: new Date(at.getTime() + 3_600_000),
    },
    issuing,
  );
  return { leaf: encodePem('CERTIFICATE', leaf), along: issuing.pem };
}

function openssl(root: Uint8Array, { leaf, along }: ReturnType<typeof joinedAt>, at: Date): string {
  const options = ['-x509_strict', '-purpose', 'sslclient', '-attime', `${at.getTime() / 1000}`];
  return textOf(
    'openssl',
    ['verify', ...options, '-CAfile', '@root', '-untrusted', '@along', '@leaf'],
    { files: { root: encodePem('CERTIFICATE', root), along, leaf } },
  );
}

/** A broker whose root has a successor that signs, and what it was before. Made once, and copied. */
const original = await (async () => {
  const { table, parts } = await createScene();
  const before = await authoritiesAt(parts, NOON);
  await replaceAuthority(parts, 'tls', early(1), later(MADE));
  const published = await authoritiesAt(parts, later(MADE));
  await runUntil(parts, SUCCEEDED);
  const after = await authoritiesAt(parts, later(SUCCEEDED));
  return { table, parts, before, published, after, numbers: await roots(parts) };
})();

async function succeeded(): Promise<typeof original> {
  const table = createMemoryTable();
  for (const { etag: _, ...row } of await original.table.list({}))
    await table.apply([{ kind: 'insert', row }]);
  return { ...original, table, parts: { ...original.parts, store: createParts(table).store } };
}

describe("a root's successor", () => {
  const scene = original;

  test('is published beside the old one first, which goes on signing', () => {
    const { before, published } = scene;
    expect(published.roots.slice(0, 1)).toEqual(before.roots);
    expect(published.roots).toHaveLength(2);
    expect(published.version).toBeGreaterThan(before.version);
    expect(published.issuing).toMatchObject({ root: before.issuing.root, pem: before.issuing.pem });
  });

  test('signs after its publication, by itself, and its predecessor is retiring', async () => {
    const { parts, after, published } = scene;
    expect(after.issuing.root).toEqual(published.roots[1]?.certificate);
    const keys = (await parts.store.list()).keys.filter(({ purpose }) => purpose === 'root');
    const states = (seconds: number) =>
      keys.map((key) => stateOf(key, keys, parts.policy, later(seconds).getTime() / 1000));
    expect(states(MADE + PUBLISHED - 1)).toEqual(['signing', 'upcoming']);
    expect(states(MADE + PUBLISHED)).toEqual(['retiring', 'signing']);
    expect(after.version).toBeGreaterThanOrEqual(published.version);
  });

  test.skipIf(!hasProgram('openssl'))(
    'openssl believes what it signs with only the old root, and with only the new one',
    () => {
      const { after } = scene;
      const at = later(SUCCEEDED);
      const made = joinedAt(after, at);
      const [old, successor] = after.roots.map(({ certificate }) => certificate);
      if (!old || !successor) throw new Error('expected two roots');
      expect(openssl(old, made, at)).toMatch(/leaf: OK\n$/);
      expect(openssl(successor, made, at)).toMatch(/leaf: OK\n$/);
      // Without the certificate that travels along, the old root alone says nothing.
      const along = made.along.slice(0, made.along.indexOf('-----END CERTIFICATE-----') + 26);
      expect(() => openssl(old, { ...made, along }, at)).toThrow('unable to get');
      expect(openssl(successor, { ...made, along }, at)).toMatch(/OK/);
    },
  );

  test('an agent that knows only the old pin follows, and one that knows only the new one, too', async () => {
    const { after } = scene;
    const now = later(SUCCEEDED);
    const bundle = await makeTrustBundle('test.example.org', after, now);
    const [old = '', successor = ''] = pinsOf(after);
    expect(bundle.ca_pins).toEqual([old, successor]);
    for (const pin of [old, successor]) {
      const trust = await verifyTrustBundle(bundle, { pins: [pin], known: undefined, now });
      expect(trust.root).toBe(pin);
      // The old root has certified the successor; the successor nobody.
      expect(trust.pins).toEqual(pin === old ? [old, successor] : [successor]);
    }
    await expect(
      verifyTrustBundle(bundle, { pins: [`sha256:${'0'.repeat(64)}`], known: undefined, now }),
    ).rejects.toThrow('not among the configured CA pins');
  });

  test('is not made while there are two, and not retired while it is needed', async () => {
    const { parts, numbers } = scene;
    await expect(
      replaceAuthority(parts, 'tls', early(...numbers), later(SUCCEEDED)),
    ).rejects.toMatchObject({ code: 'in_use' });
    const young = await createScene();
    await replaceAuthority(young.parts, 'tls', early(1), NOON);
    await expect(
      replaceAuthority(young.parts, 'tls', early(...(await roots(young.parts))), NOON),
    ).rejects.toMatchObject({ code: 'already_exists' });
    await expect(retireRoot(young.parts, await roots(young.parts), NOON)).rejects.toMatchObject({
      code: 'not_found',
    });
    await runUntil(young.parts, PUBLISHED + DAY);
    await expect(
      retireRoot(young.parts, await roots(young.parts), later(PUBLISHED + DAY)),
    ).rejects.toMatchObject({ code: 'in_use', message: expect.stringMatching(/until 20\d\d-/) });
  });

  test('of a root that has no room for one is published beside it, and not certified', async () => {
    const { table, parts } = await createScene();
    const { store, custody } = parts;
    const genuine = await openGenuineKeys(await store.list(), parts, NOON);
    const root = genuine?.keys.find(({ purpose }) => purpose === 'root');
    if (!genuine || !root) throw new Error('no root');
    // As roots were made before: with a path length of 1.
    const { subject, notBefore, notAfter } = parseCertificate(root.certificate);
    const tbs = toBeSigned({
      serialNumber: randomSerialNumber(),
      signatureAlgorithm: 'ecdsaWithSHA384',
      issuer: subject,
      subject,
      notBefore,
      notAfter,
      publicKeyInfo: root.publicKey,
      extensions: [basicConstraints({ pathLength: 1 }), keyUsage('keyCertSign', 'crlSign')],
    });
    const certificate = signed(
      tbs,
      'ecdsaWithSHA384',
      await custody.signWithRoot(root.secret, tbs),
    );
    const { secret, ...described } = root;
    const row = rowOf(sealKey(genuine.dataKey, { ...described, certificate }, secret));
    await table.apply([{ kind: 'put', row }]);
    await replaceAuthority(parts, 'tls', early(1), later(MADE));
    const made = (await store.list()).keys.filter(({ purpose }) => purpose === 'root');
    expect(made.map(({ cross }) => cross)).toEqual([undefined, undefined]);
    await runUntil(parts, SUCCEEDED);
    const { issuing, roots: both } = await authoritiesAt(parts, later(SUCCEEDED));
    expect(issuing.chain).toEqual([issuing.certificate, both[1]?.certificate]);
  });
});

describe('when the old root retires', () => {
  test('it leaves the bundle for good, and nothing of it travels along any more', async () => {
    const { table, parts, after, numbers, before } = await succeeded();
    const old = await table.read('tls', '000000001');
    await retireRoot(parts, numbers, later(SUCCEEDED));
    const alone = await authoritiesAt(parts, later(SUCCEEDED));
    expect(alone.roots).toEqual(after.roots.slice(1));
    expect(alone.version).toBeGreaterThan(after.version);
    expect(alone.issuing.pem).toBe(encodePem('CERTIFICATE', alone.issuing.certificate));
    expect(await roots(parts)).toEqual(numbers.slice(1));
    // Whoever brings its row back brings nothing back.
    if (old) await table.apply([{ kind: 'insert', row: old }]);
    const again = await authoritiesAt(parts, later(SUCCEEDED));
    expect(again.roots).toEqual(alone.roots);
    expect(again.version).toBe(alone.version);
    await rotateKeys(parts, later(SUCCEEDED));
    expect(await roots(parts)).toEqual(numbers.slice(1));
    await expect(retireRoot(parts, numbers.slice(1), later(SUCCEEDED))).rejects.toMatchObject({
      code: 'not_found',
    });

    // An agent that saw both goes on; one that never heard of the successor does not.
    const now = later(SUCCEEDED + 60);
    const pin = pinsOf(before)[0] ?? '';
    const bundle = await makeTrustBundle('test.example.org', alone, now);
    const known: KnownTrust = {
      root: pin,
      version: after.version,
      cluster: 'test.example.org',
      refreshAfter: '2026-11-20T12:00:00Z',
      pins: pinsOf(after),
      configured: [pin],
    };
    const trust = await verifyTrustBundle(bundle, { pins: [pin], known, now });
    expect(trust.root).toBe(pinsOf(alone)[0]);
    for (const other of [
      undefined,
      { ...known, pins: [pin] },
      // Somebody set another pin: a new beginning.
      { ...known, configured: ['another'] },
    ])
      await expect(verifyTrustBundle(bundle, { pins: [pin], known: other, now })).rejects.toThrow(
        'not among the configured CA pins',
      );
  });

  test('and a backup of before brings back the row that said so, agents go on, and it retires again', async () => {
    const { table, parts, numbers } = await succeeded();
    const { rows } = await backUpKeys(parts, later(SUCCEEDED));
    await retireRoot(parts, numbers, later(SUCCEEDED));
    const bundleAt = async (at: Date) =>
      makeTrustBundle('test.example.org', await authoritiesAt(parts, at), at);
    const installed = await bundleAt(later(SUCCEEDED + 60));
    const [pin = ''] = installed.ca_pins;
    const asked = { pins: [pin], now: later(SUCCEEDED + 3600) };
    const trust = await verifyTrustBundle(installed, { ...asked, known: undefined });
    const { version, cluster, refresh_after: refreshAfter } = installed;
    const known: KnownTrust = { ...trust, version, cluster, refreshAfter };

    await takeRow(table, 'tls', String(numbers[1]).padStart(9, '0'));
    const wish = { rows, replace: false, giveUp: undefined };
    const plan = await planRestore(parts, wish, await table.list({}), asked.now);
    await restoreKeys(parts, table, plan, asked.now);
    const restored = await bundleAt(asked.now);
    expect(restored.ca_pins).toHaveLength(2);
    await verifyTrustBundle(restored, { ...asked, known });
    // What was signed under the old root is over.
    const again = await retireRoot(parts, await roots(parts), asked.now);
    expect(again.lost).toEqual([]);
    expect(await roots(parts)).toEqual(numbers.slice(1));
  });

  test('the next successor remembers who retired, and is certified by this one', async () => {
    const { parts, numbers } = await succeeded();
    await retireRoot(parts, numbers, later(SUCCEEDED));
    await replaceAuthority(parts, 'tls', early(...numbers.slice(1)), later(SUCCEEDED + DAY));
    const made = (await parts.store.list()).keys
      .filter(({ purpose }) => purpose === 'root')
      .toSorted((a, b) => b.sequence - a.sequence)[0];
    expect(made?.cross?.by).toBe(numbers[1]);
    expect(made?.ended?.map(({ sequence }) => sequence)).toEqual([1]);
  });

  test('only one of two operators does it, and only to the roots that he saw', async () => {
    const { parts, numbers } = await succeeded();
    await expect(retireRoot(parts, [1], later(SUCCEEDED))).rejects.toMatchObject({
      code: 'precondition_failed',
    });
    const outcomes = await Promise.allSettled(
      [1, 2, 3].map(() => retireRoot(parts, numbers, later(SUCCEEDED))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('the certificate of a successor by its predecessor ends with', () => {
  test.each([
    ['the predecessor, which was there before it', ROTATION_POLICY.root],
    ['the successor, where that is made for a shorter life', ROTATION_POLICY.root / 2],
  ])('%s', async (_, life) => {
    const { parts } = await createScene();
    const policy = { ...parts.policy, root: life };
    await replaceAuthority({ ...parts, policy }, 'tls', early(1), later(MADE));
    const found = (await parts.store.list()).keys.filter(({ purpose }) => purpose === 'root');
    const ends = found.map(({ certificate }) => parseCertificate(certificate).notAfter.getTime());
    const cross = found.find((key) => key.cross)?.cross;
    expect(found).toHaveLength(2);
    expect(cross && parseCertificate(cross.certificate).notAfter.getTime()).toBe(Math.min(...ends));
  });
});

describe('a root that leaked', () => {
  test('is replaced at once by one that it does not certify, and takes its issuing keys with it', async () => {
    const { parts } = await createScene();
    const before = await authoritiesAt(parts, NOON);
    await replaceAuthority(parts, 'tls', leaked(1), later(60));
    const after = await authoritiesAt(parts, later(60));
    expect(pinsOf(after)).toHaveLength(1);
    expect(pinsOf(after)).not.toEqual(pinsOf(before));
    expect(after.version).toBeGreaterThan(before.version);
    expect(after.issuing.certificate).not.toEqual(before.issuing.certificate);
    expect(after.issuing.pem.match(/BEGIN/g)).toHaveLength(1);
    expect((await parts.store.list()).keys.every(({ cross }) => cross === undefined)).toBe(true);
    // An agent is led nowhere: the new pin is set by hand.
    const now = later(120);
    const bundle = await makeTrustBundle('test.example.org', after, now);
    const [pin = ''] = pinsOf(before);
    const known: KnownTrust = {
      root: pin,
      version: before.version,
      cluster: 'test.example.org',
      refreshAfter: '2026-11-20T12:00:00Z',
      pins: [pin],
      configured: [pin],
    };
    await expect(verifyTrustBundle(bundle, { pins: [pin], known, now })).rejects.toThrow(
      'not among the configured CA pins',
    );
    await verifyTrustBundle(bundle, { pins: pinsOf(after), known, now });
  });

  test('beside its successor takes that one with it: they were kept together', async () => {
    const { parts, numbers } = await succeeded();
    await replaceAuthority(parts, 'tls', leaked(...numbers), later(SUCCEEDED));
    const { roots: left } = await authoritiesAt(parts, later(SUCCEEDED));
    expect(left).toHaveLength(1);
    const made = (await parts.store.list()).keys.find(({ purpose }) => purpose === 'root');
    expect(made?.ended?.map(({ sequence }) => sequence)).toEqual(numbers);
  });
});

describe('while two roots are known', () => {
  test('the old one’s row is missed, and nothing takes its place', async () => {
    const { table, parts, numbers } = await succeeded();
    const row = await table.read('tls', '000000001');
    if (!row) throw new Error('no row');
    await table.apply([{ kind: 'remove', partition: 'tls', key: row.key, etag: row.etag }]);
    const lost = [{ owner: 'tls', purpose: 'root' }];
    expect((await rotateKeys(parts, later(SUCCEEDED))).lost).toEqual(lost);
    expect((await foundKeys(parts, later(SUCCEEDED))).lost).toEqual(lost);
    expect(await roots(parts)).toEqual(numbers.slice(1));
    await expect(
      initAuthorities(parts, { resume: false, giveUp: [] }, later(SUCCEEDED)),
    ).rejects.toMatchObject({ message: expect.stringContaining('joinctl auth retire') });
    await expect(backUpKeys(parts, later(SUCCEEDED))).rejects.toThrow('tls (root)');
    // It comes back, or it is given up.
    await retireRoot(parts, numbers.slice(1), later(SUCCEEDED));
    expect((await rotateKeys(parts, later(SUCCEEDED))).lost).toEqual([]);
  });

  test("every word of the successor's row is authenticated", async () => {
    const { table, parts, numbers } = await succeeded();
    const key = String(numbers[1]).padStart(9, '0');
    const row = await table.read('tls', key);
    if (!row) throw new Error('no row');
    const { crossBy, crossCertificate, ...rest } = row.values;
    expect(crossBy).toBe(1);
    const others: readonly Record<string, Value>[] = [
      rest as Record<string, Value>,
      { ...rest, crossBy: 2, crossCertificate: String(crossCertificate) },
      { ...rest, crossBy: '1', crossCertificate: String(crossCertificate) },
      { ...rest, crossBy: 1, crossCertificate: '' },
      { ...rest, crossBy: 1 },
      { ...rest, crossCertificate: String(crossCertificate) },
    ];
    for (const values of others) {
      await table.apply([{ kind: 'put', row: { ...row, values } }]);
      const { ignored } = await rotateKeys(parts, later(SUCCEEDED));
      expect(ignored.join()).toContain(`tls/`);
    }
  });
});
