/** Conformance: how long certificates live (row C3). */
import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { decideExpiry } from '../../shared/joining/owners/lifetime.ts';
import type { GrantedCertificate } from '../../shared/protocol/join.ts';
import { formatTimestamp } from '../../shared/protocol/values.ts';
import { botExample, createScene, joinToken, type Scene } from '../broker/fixtures.ts';
import { type Attempt, certificationRequest, join, joined, newKey } from '../broker/joiner.ts';
import { NOON } from '../broker/test-broker.ts';
import { readSshCertificate } from './ssh-certificate.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
const inSeconds = (seconds: number): string =>
  formatTimestamp(new Date(NOON.getTime() + seconds * 1000));

interface Row {
  readonly name: string;
  readonly ttl?: string;
  readonly settings?: Record<string, string>;
  readonly resources?: (scene: Scene) => readonly object[];
  readonly seconds: number;
}

const role = (name: string, options: object, expires?: string): object => ({
  kind: 'role',
  version: 'v7',
  metadata: { name, ...(expires !== undefined && { expires }) },
  spec: { allow: { logins: ['root'] }, options },
});

const tokenOf = (scene: Scene, options: object): object =>
  joinToken({ allow: [{ subscription: scene.subscription.id }], ...options });

const ROWS: readonly Row[] = [
  { name: 'an hour, where none is asked for', seconds: HOUR },
  { name: 'as long as is asked for', ttl: '2h30m', seconds: 2.5 * HOUR },
  { name: 'as short as is asked for', ttl: '90s', seconds: 90 },
  {
    name: 'as long as the setting says, where none is asked for',
    settings: { JOIN_BROKER_DEFAULT_TTL: '20m' },
    seconds: 1200,
  },
  { name: "at most the broker's limit", ttl: '100h', seconds: DAY },
  {
    name: "at most the broker's limit as the setting says",
    ttl: '100h',
    settings: { JOIN_BROKER_MAX_TTL: '3h' },
    seconds: 3 * HOUR,
  },
  {
    name: "at most the join token's limit",
    ttl: '10h',
    resources: (scene) => [tokenOf(scene, { spec: { max_ttl: '30m' } })],
    seconds: 1800,
  },
  {
    name: "at most the join token's limit, where none is asked for",
    resources: (scene) => [tokenOf(scene, { spec: { max_ttl: '30m' } })],
    seconds: 1800,
  },
  {
    name: "at most the role's limit",
    ttl: '10h',
    resources: () => [role('access', { max_session_ttl: '8h' })],
    seconds: 8 * HOUR,
  },
  {
    name: 'at most the smallest limit of several roles',
    ttl: '10h',
    resources: () => [
      role('access', { max_session_ttl: '8h' }),
      role('short', { max_session_ttl: '5m' }),
      botExample({ roles: ['access', 'short'] }),
    ],
    seconds: 300,
  },
  {
    name: 'no longer than the join token',
    ttl: '10h',
    resources: (scene) => [tokenOf(scene, { expires: inSeconds(2 * HOUR) })],
    seconds: 2 * HOUR,
  },
  {
    name: 'no longer than the bot',
    ttl: '10h',
    resources: () => [
      { ...botExample(), metadata: { name: 'example', expires: inSeconds(3 * HOUR) } },
    ],
    seconds: 3 * HOUR,
  },
  {
    name: 'no longer than the role',
    ttl: '10h',
    resources: () => [role('access', {}, inSeconds(HOUR))],
    seconds: HOUR,
  },
];

/** Checks that answer, TLS and SSH certificate say the same, and gives the lifetime in seconds. */
function lifetimeOf(certificate: GrantedCertificate | undefined): number {
  if (!certificate?.ssh) throw new Error('no SSH certificate');
  const expires = Date.parse(certificate.expires);
  const issued = Date.parse(certificate.issued);
  expect(new X509Certificate(certificate.tls).validToDate.getTime()).toBe(expires);
  expect(new X509Certificate(certificate.tls).validFromDate.getTime()).toBe(issued - 60_000);
  const ssh = readSshCertificate(certificate.ssh);
  expect(Number(ssh.validBefore) * 1000).toBe(expires);
  expect(Number(ssh.validAfter) * 1000).toBe(issued - 60_000);
  return (expires - issued) / 1000;
}

const firstOf = (attempt: Attempt): GrantedCertificate | undefined =>
  joined(attempt).certificates[0];

describe('C3 a certificate lives', () => {
  test.each(ROWS)('$name', async ({ ttl, settings = {}, resources, seconds }) => {
    const scene = await createScene({ settings });
    for (const resource of resources?.(scene) ?? []) await scene.api.put(resource);
    const attempt = await join(scene.api, scene.vm, { wish: ttl === undefined ? {} : { ttl } });
    expect(lifetimeOf(firstOf(attempt))).toBe(seconds);
  });

  test("at most the smallest limit of all of the bot's roles, also of those that it leaves out", async () => {
    const { api, vm } = await createScene();
    await api.put(role('short', { max_session_ttl: '5m' }));
    await api.put(botExample({ roles: ['access', 'short'] }));
    const wish = (name: string, roles: readonly string[]) => ({
      name,
      roles,
      ttl: '2h',
      csr: certificationRequest(newKey()),
    });
    const certificates = [
      wish('identity', ['access']),
      wish('output', ['short']),
      wish('bare', []),
    ];
    const attempt = await join(api, vm, { request: { certificates } });
    const lives = joined(attempt).certificates.map(
      ({ issued, expires }) => (Date.parse(expires) - Date.parse(issued)) / 1000,
    );
    expect(lives).toEqual([300, 300, 300]);
  });
});

describe('C3 a certificate never outlives the issuing key', () => {
  test.each(['runs', 'never runs'])('over a month in which the timer %s', async (timer) => {
    const { api, vm } = await createScene();
    const issuers = new Set<string>();
    for (let hours = 0; hours < 30 * 24; hours += 17) {
      if (timer === 'runs') await api.broker.rotateKeys({ requestId: 'timer' });
      const attempt = await join(api, vm, { wish: { ttl: '24h' } });
      expect(lifetimeOf(firstOf(attempt))).toBe(DAY);
      const [leaf, issuing] = chainOf(attempt);
      if (!leaf || !issuing) throw new Error('no chain');
      expect(leaf.verify(issuing.publicKey)).toBe(true);
      expect(leaf.validToDate.getTime()).toBeLessThanOrEqual(issuing.validToDate.getTime());
      issuers.add(issuing.serialNumber);
      api.clock.advance(17 * HOUR);
    }
    expect(issuers.size).toBeGreaterThanOrEqual(4);
  });

  test('that is about to end: it is capped', () => {
    const authoritiesEnd = new Date(NOON.getTime() + 600_000);
    const lifetime = {
      defaultSeconds: HOUR,
      maxSeconds: DAY,
      tokenTtl: undefined,
      tokenEnds: undefined,
      authoritiesEnd,
      at: NOON,
    };
    expect(decideExpiry('10h', lifetime)).toEqual(authoritiesEnd);
  });
});

const chainOf = (attempt: Attempt): X509Certificate[] =>
  (firstOf(attempt)?.tls.match(/-----BEGIN [\s\S]*?-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );

test.each(['0s', '-1h', '1d', '1.5h', 'forever', '', 3600])(
  'C3 refuses a lifetime of %j',
  async (ttl) => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, { wish: { ttl } });
    expect(attempt).toBeProblem('bad_request', 'request.certificates[0].ttl');
  },
);
