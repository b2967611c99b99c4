import { expect, test } from 'vitest';
import type { Authorities } from '../../../shared/authority/authorities.ts';
import { rotateKeys } from '../../../shared/authority/rotate.ts';
import { signedTrust } from '../../../shared/authority/signed-trust.ts';
import { createClock } from '../../broker/test-broker.ts';
import { authoritiesAt, createRotatedParts, later } from './rotation-parts.ts';

const DAY = 24 * 3600;
const parts = await createRotatedParts();
const authorities = await authoritiesAt(parts, later(0));
await rotateKeys(parts, later(7 * DAY));
await rotateKeys(parts, later(10 * DAY));

/** What is sent by a function instance that starts now. */
const sentAt = (seconds: number, from: Authorities = authorities, cluster = 'test.example.org') =>
  signedTrust(cluster, () => later(seconds))(from);

test('is what the authorities sign, as JSON, with a weak tag', async () => {
  const { bundle, json, etag } = await sentAt(0);
  expect(JSON.parse(json)).toEqual(bundle);
  expect(bundle).toMatchObject({ cluster: 'test.example.org', version: authorities.version });
  expect(etag).toMatch(/^W\/"[\w-]{43}"$/);
});

test('is made once in five minutes, and for other authorities', async () => {
  const clock = createClock();
  const sent = signedTrust('test.example.org', clock.now);
  const first = await sent(authorities);
  clock.advance(299);
  expect(await sent(authorities)).toBe(first);
  expect(await sent({ ...authorities })).not.toBe(first);
  const second = await sent(authorities);
  clock.advance(300);
  expect((await sent(authorities)).bundle.expires).not.toBe(second.bundle.expires);
});

test('has the same tag on every function instance and all day long', async () => {
  const { etag, bundle } = await sentAt(0);
  const evening = await sentAt(DAY / 2 - 1);
  expect(evening.etag).toBe(etag);
  expect(evening.bundle.expires).not.toBe(bundle.expires);
  expect(evening.bundle.signature).not.toBe(bundle.signature);
});

test('has another tag the next day, for another version, cluster or signer', async () => {
  const all = await Promise.all([
    sentAt(0),
    sentAt(DAY / 2),
    sentAt(0, { ...authorities, version: authorities.version + 1 }),
    sentAt(0, authorities, 'other.example.org'),
    sentAt(0, { ...authorities, issuing: (await authoritiesAt(parts, later(10 * DAY))).issuing }),
  ]);
  expect(new Set(all.map(({ etag }) => etag)).size).toBe(all.length);
});
