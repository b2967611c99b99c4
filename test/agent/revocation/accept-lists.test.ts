/** Which revocation lists the agent believes: those of a real broker, each changed in one thing. */
import { CompactSign } from 'jose';
import { describe, expect, test } from 'vitest';
import { acceptLists } from '../../../agent/revocation/accept-lists.ts';
import { verifyTrustBundle } from '../../../agent/trust-bundle.ts';
import {
  issueTlsCertificate,
  randomSerialNumber,
} from '../../../shared/authority/tls-certificate.ts';
import { makeTrustBundle } from '../../../shared/authority/trust-bundle.ts';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import type { RevocationLists } from '../../../shared/protocol/revocation.ts';
import { signedPayload } from '../../../shared/protocol/trust.ts';
import { formatTimestamp } from '../../../shared/protocol/values.ts';
import { createListMakers } from '../../shared/authority/list-makers.ts';
import { createAuthorities } from '../authorities.ts';
import { START } from '../clock.ts';
import { type Body, createSignedLists, HOUR, krlWith } from './signed-lists.ts';

const { issuingCrl, rootCrl } = await createListMakers();
const pem = (der: Uint8Array) => encodePem('X509 CRL', der);
const CRLS = pem(await issuingCrl());

async function setUp() {
  const scene = await createSignedLists();
  const { trust, pin } = scene;
  const accept = (lists: RevocationLists, more: object = {}) =>
    acceptLists(lists, { trust, pins: [pin], known: undefined, now: START, ...more });
  return { ...scene, accept };
}

test('accepts lists that are signed under the pinned root, with and without pins', async () => {
  const { signed, accept } = await setUp();
  for (const pins of [undefined, []]) {
    const lists = await accept(signed(), pins ? { pins } : {});
    expect(lists.krl.content.subarray(0, 6)).toEqual(Buffer.from('SSHKRL'));
    expect(lists.crls?.content).toContain('BEGIN X509 CRL');
  }
});

describe('refuses lists', () => {
  test.each<[string, (lists: RevocationLists) => RevocationLists]>([
    ['with another list for OpenSSH', (lists) => ({ ...lists, ssh: { krl: krlWith([1n]) } })],
    ['with no list of certificates', (lists) => ({ ...lists, tls: { crls: '' } })],
    ['with another version', (lists) => ({ ...lists, version: 101 })],
    [
      'that are to be good for longer',
      (lists) => ({
        ...lists,
        next_update: formatTimestamp(new Date(START.getTime() + 48 * HOUR)),
      }),
    ],
  ])('%s than were signed', async (_, change) => {
    const { signed, accept } = await setUp();
    await expect(accept(change(signed()))).rejects.toMatchObject({
      code: 'untrusted',
      message: expect.stringContaining(
        "the broker's set of revocation lists is not accepted: its signature is not valid",
      ),
    });
  });

  test('that nobody signed', async () => {
    const { signed, accept } = await setUp();
    await expect(accept({ ...signed(), signature: '' })).rejects.toThrow('not a detached JWS');
  });

  test('of another broker', async () => {
    const { signed, accept } = await setUp();
    const { issuing } = await createAuthorities(START);
    await expect(accept(signed({}, issuing))).rejects.toThrow(
      'it is not signed under a root of its trust bundle',
    );
  });

  test('under a root that the bundle names, and nobody pinned', async () => {
    const { signed, accept, trust } = await setUp();
    const other = await createAuthorities(START);
    const bundle = makeTrustBundle('test', other, START);
    const evil = await verifyTrustBundle(bundle, { pins: [], known: undefined, now: START });
    const both = { ...trust, roots: [...trust.roots, ...evil.roots] };
    const lists = signed({}, other.issuing);
    await expect(accept(lists, { trust: both })).rejects.toThrow(
      'which is not among the configured CA pins',
    );
    expect(await accept(lists, { trust: both, pins: [] })).toBeDefined();
  });

  test('that a joined machine signed', async () => {
    const { authorities, body, accept } = await setUp();
    const { issuing } = authorities;
    const leaf = issueTlsCertificate(
      {
        serialNumber: randomSerialNumber(),
        commonName: 'bot',
        uri: 'spiffe://test/bot/bot/1',
        publicKeyInfo: issuing.publicKeyInfo,
        notBefore: START,
        notAfter: new Date(START.getTime() + HOUR),
      },
      issuing,
    );
    const x5c = [leaf, issuing.certificate, issuing.root].map(encodeBase64);
    const jws = await new CompactSign(signedPayload(body))
      .setProtectedHeader({ alg: 'ES256', x5c })
      .sign(issuing.privateKey);
    const lists = { ...body, signature: jws.replace(/\..*\./, '..') };
    await expect(accept(lists)).rejects.toThrow('its signer is not a certificate authority');
  });

  test.each<[string, Partial<Body>, string]>([
    ['of another cluster', { cluster: 'other' }, 'it is of cluster other, not of test'],
    [
      'that are over',
      { next_update: formatTimestamp(new Date(START.getTime() - 301_000)) },
      'it was good until 2026-11-20T18:59:59Z',
    ],
    ['of no time', { this_update: 'soon' }, 'it was good until'],
    ['until no time', { next_update: 'soon' }, 'it was good until soon'],
    [
      'of the future',
      { this_update: formatTimestamp(new Date(START.getTime() + 301_000)) },
      "it is of 2026-11-20T19:10:01Z; this machine's clock says",
    ],
    [
      'that are good for longer than two weeks',
      { next_update: formatTimestamp(new Date(START.getTime() + 14 * 24 * HOUR + 301_000)) },
      'which is too long',
    ],
    ['whose list for OpenSSH is none', { ssh: { krl: 'U1NIS1JMCg==' } }, "OpenSSH's list is none"],
    ['whose list for OpenSSH is no base64', { ssh: { krl: '-' } }, "OpenSSH's list is none"],
    ['whose list of certificates is none', { tls: { crls: 'nothing' } }, 'a list of certificates'],
    [
      'whose list of certificates holds something else',
      { tls: { crls: encodePem('X509 CRL', Buffer.of(0x30, 0)) } },
      'a list of certificates is none that can be read',
    ],
  ])('%s', async (_, more, said) => {
    const { signed, accept } = await setUp();
    await expect(accept(signed(more))).rejects.toMatchObject({
      code: 'untrusted',
      message: expect.stringContaining(said),
    });
  });

  test('that are older than those in force, and no others', async () => {
    const { signed, accept } = await setUp();
    const known = await accept(signed({ version: 101 }));
    await expect(accept(signed(), { known })).rejects.toMatchObject({
      code: 'try_again',
      message: expect.stringContaining('its version is 100, older than 101, which is installed'),
    });
    expect(await accept(signed({ version: 101 }), { known })).toBeDefined();
    const hour = 3600;
    const signedFrom = known.signedFrom ?? 0;
    // What a later key has signed is newer, whatever a leaked one had said.
    const before = { ...known, signedFrom: signedFrom - hour };
    expect(await accept(signed(), { known: before })).toBeDefined();
    const after = { ...known, version: 99, signedFrom: signedFrom + hour };
    await expect(accept(signed(), { known: after })).rejects.toThrow(
      'it is signed with an older key than the one that is installed',
    );
    const now = new Date(START.getTime() + 24 * HOUR);
    const later = { next_update: formatTimestamp(new Date(now.getTime() + HOUR)) };
    expect(await accept(signed(later), { known, now })).toBeDefined();
  });

  test('that an earlier key has signed, and say something else under the same version', async () => {
    const { signed, accept } = await setUp();
    const first = await accept(signed());
    const known = { ...first, signedFrom: (first.signedFrom ?? 0) + 3600 };
    // Where they say the same, those that are known stay: they are the word of the later key.
    expect(await accept(signed(), { known })).toBe(known);
    for (const more of [{ ssh: { krl: krlWith([1n]) } }, { tls: { crls: '' } }]) {
      await expect(accept(signed(more), { known })).rejects.toMatchObject({
        code: 'try_again',
        message: expect.stringContaining('signed with an older key than the one that is installed'),
      });
      expect((await accept(signed(more), { known: first })).says).not.toBe(first.says);
    }
    const unknown = { ...known, says: undefined };
    await expect(accept(signed(), { known: unknown })).rejects.toMatchObject({ code: 'try_again' });
  });
});

test('with a clock that is some minutes off they are accepted', async () => {
  const { signed, accept } = await setUp();
  const off = (ms: number) => formatTimestamp(new Date(START.getTime() + ms));
  expect(await accept(signed({ this_update: off(300_000) }))).toBeDefined();
  expect(await accept(signed({ next_update: off(-300_000) }))).toBeDefined();
  expect(await accept(signed({ next_update: off(14 * 24 * HOUR + 300_000) }))).toBeDefined();
});

test('without a list of one authority there are no lists of certificates to install', async () => {
  const { signed, accept } = await setUp();
  expect((await accept(signed({ tls: { crls: '' } }))).crls).toBeUndefined();
});

describe('what they say', () => {
  const says = async (more: Partial<Body>) => {
    const { signed, accept } = await setUp();
    const { krl, crls } = await accept(signed(more));
    return [krl.says, crls?.says];
  };

  test('is the same whenever they were made, in whatever order', async () => {
    const later = new Date(START.getTime() + HOUR);
    const one = await says({ ssh: { krl: krlWith([1n, 2n]) } });
    const other = await says({ ssh: { krl: krlWith([2n, 1n], later) } });
    expect(one[0]).toBe(other[0]);
  });

  test('changes with what is revoked', async () => {
    const one = await says({ ssh: { krl: krlWith([1n]) } });
    expect((await says({ ssh: { krl: krlWith([1n, 2n]) } }))[0]).not.toBe(one[0]);
  });

  test('changes with a certificate, and with an authority that has a list', async () => {
    const revoked = [{ serialNumber: Buffer.of(1, 2, 3), revoked: START }];
    const [one, root] = [pem(await issuingCrl({ revoked, number: 2 })), pem(await rootCrl())];
    const texts = [CRLS, one, `${CRLS}${root}`, `${one}${root}`];
    const all = await Promise.all(texts.map(async (crls) => (await says({ tls: { crls } }))[1]));
    expect(new Set(all).size).toBe(4);
    const again = pem(await issuingCrl({ number: 3 }));
    expect((await says({ tls: { crls: again } }))[1]).toBe(all[0]);
  });
});
