import { describe, expect, test } from 'vitest';
import { PROBE_HEADER } from '../../../shared/joining/probe-mark.ts';
import type { TrustBundle } from '../../../shared/protocol/trust.ts';
import { METRICS } from '../../../shared/telemetry/metrics.ts';
import type { JoinEvent } from '../../../shared/telemetry/telemetry.ts';
import { createTestBroker, type TestBroker } from '../../broker/test-broker.ts';
import { watchTables } from '../../broker/watched-tables.ts';
import { type Bend, fetchOf, probedBroker, URL_OF_BROKER } from './probed-broker.ts';

const NAMES = METRICS.probes.dimensions.probe;
const OUTSIDE = NAMES.filter((name) => !name.endsWith('_authority'));
const admit = (): Response => Response.json({});

const allOf = (names: readonly string[], result: string): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, result]));

test('a broker that does its work passes every probe', async () => {
  const { run } = probedBroker();
  const { results, event } = await run();
  expect(results).toEqual(allOf(NAMES, 'passed'));
  expect(event).toMatchObject({
    outcome: 'passed',
    request_id: 'probe-run',
    results: NAMES.map((name) => `${name}: passed`),
  });
});

test('it leaves no row behind', async () => {
  const { api, run } = probedBroker();
  await api.request('GET', '/readyz');
  const rows = async (): Promise<unknown> =>
    Promise.all(Object.values(api.tables).map((table) => table.list({})));
  const before = await rows();
  await run();
  expect(await rows()).toEqual(before);
  expect(await api.tables.instances.list({})).toEqual([]);
});

describe('its denials', () => {
  const joins = (api: TestBroker): JoinEvent[] =>
    api.audit.filter((line): line is JoinEvent & { request_id: string } => line.event === 'join');

  test('are counted apart, as probes, with the reason that denied them', async () => {
    const { api, telemetry, run } = probedBroker();
    await run();
    // The mark is over the request: where none can be read, the attempt is anybody's bad input.
    const unread = joins(api).filter(({ join_token }) => join_token === undefined);
    expect(new Set(unread.map(({ code }) => code))).toEqual(new Set(['bad_request', 'too_large']));
    const read = joins(api).filter(({ join_token }) => join_token !== undefined);
    expect(new Set(read.map(({ outcome }) => outcome))).toEqual(new Set(['probe']));
    expect(telemetry.values('joins', { outcome: 'probe' })).toHaveLength(read.length);
    expect(telemetry.values('joins', { outcome: 'denied' })).toEqual([]);
    expect(telemetry.values('joins', { outcome: 'failed' })).toHaveLength(unread.length);
    expect(read.map(({ reason }) => reason)).toEqual([
      'document_chain',
      'document_chain',
      'document_nonce',
      'other_broker',
      undefined,
      'document_malformed',
    ]);
  });

  test("are anybody's where the mark is another request's, another broker's, or made up", async () => {
    const sent: { body: string; mark: string | null }[] = [];
    const record: Bend = ({ path, body, headers }, pass) => {
      if (path === '/v1/join') sent.push({ body, mark: headers.get(PROBE_HEADER) });
      return pass();
    };
    const { api, run } = probedBroker(record);
    await run();
    const [first, , second] = sent.splice(0);
    await probedBroker(record).run();
    const [foreign] = sent;

    const outcomeOf = async (mark: string | null | undefined): Promise<string | undefined> => {
      const headers = { [PROBE_HEADER]: mark ?? null };
      await api.request('POST', '/v1/join', { body: first?.body, headers });
      return joins(api).at(-1)?.outcome;
    };
    expect(await outcomeOf(first?.mark)).toBe('probe');
    expect(await outcomeOf(second?.mark)).toBe('denied');
    expect(await outcomeOf(foreign?.mark)).toBe('denied');
    expect(await outcomeOf(`1.${'A'.repeat(43)}`)).toBe('denied');
    expect(await outcomeOf('probe')).toBe('denied');
    expect(await outcomeOf(null)).toBe('denied');
  });
});

test('SSH authorities with keys of P-256 pass, too', async () => {
  const settings = {
    JOIN_BROKER_AUDIENCES: 'api://join-broker',
    JOIN_BROKER_SSH_KEY_TYPE: 'ecdsa-p256',
  };
  const { api, run } = probedBroker(undefined, { settings });
  expect((await run()).results).toEqual(allOf(NAMES, 'passed'));
  const { body } = await api.request('GET', '/v1/trust');
  expect((body as TrustBundle).ssh.user_ca[0]).toMatch(/^ecdsa-sha2-nistp256 /);
});

describe('a broker that does what it must never do fails the probe:', () => {
  const seen = (): Bend => {
    const bodies = new Set<string>();
    return ({ path, body }, pass) => {
      if (path !== '/v1/join') return pass();
      const again = bodies.has(body);
      bodies.add(body);
      return again ? admit() : pass();
    };
  };
  const others: Bend = ({ path, body }, pass) =>
    path === '/v1/join' && body.includes('other.') ? admit() : pass();
  const joins: Bend = ({ path }, pass) => (path === '/v1/join' ? admit() : pass());
  const operators: Bend = ({ path }, pass) => (path === '/v1/resources/token' ? admit() : pass());
  const sloppy: Bend = ({ path, body }, pass) =>
    path === '/v1/join' && body.includes('"admin":true') ? admit() : pass();

  test.each<[string, Bend, readonly string[]]>([
    [
      'it admits everybody',
      joins,
      ['look_alike_chain', 'other_nonce', 'other_broker', 'malformed_body'],
    ],
    ['it admits the same request a second time', seen(), ['look_alike_chain']],
    ['it admits requests for another broker', others, ['other_broker']],
    ["it takes a joiner's token for an operator's", operators, ['other_audience']],
    ['it passes over fields that it does not know', sloppy, ['malformed_body']],
  ])('%s', async (_, bend, failing) => {
    const { results, event } = await probedBroker(bend).run();
    const rest = NAMES.filter((name) => !failing.includes(name));
    expect(results).toEqual({ ...allOf(failing, 'failed'), ...allOf(rest, 'passed') });
    expect(event.outcome).toBe('failed');
  });

  test('and the audit event says what was done', async () => {
    const { event } = await probedBroker(joins).run();
    expect(event.results[0]).toBe(
      'look_alike_chain: failed (a self-made chain: expected 403, got 200 (request none))',
    );
  });
});

describe('a relying party refuses a trust bundle', () => {
  const other = createTestBroker();
  const served =
    (change: (bundle: Record<string, unknown>) => object): Bend =>
    async ({ path }, pass) =>
      path === '/v1/trust'
        ? Response.json(change((await (await pass()).json()) as Record<string, unknown>))
        : pass();

  test.each<[string, Bend, string]>([
    [
      'that was changed',
      served((bundle) => ({ ...bundle, version: Number(bundle['version']) + 1 })),
      'signature verification failed',
    ],
    [
      'without a signature',
      served((bundle) => ({ ...bundle, signature: '' })),
      'Invalid Token or Protected Header formatting',
    ],
    [
      'of another broker',
      ({ path }, pass) => (path === '/v1/trust' ? fetchOf(other)(URL_OF_BROKER + path) : pass()),
      'which is none of',
    ],
    ['that is none', ({ path }, pass) => (path === '/v1/trust' ? admit() : pass()), 'cluster: '],
  ])('%s', async (_, bend, why) => {
    const { results, event } = await probedBroker(bend).run();
    expect(results).toEqual({ ...allOf(NAMES, 'passed'), trust_bundle: 'failed' });
    const said = event.results.find((line) => line.startsWith('trust_bundle: failed'));
    expect(said).toContain('a relying party refuses the trust bundle');
    expect(said).toContain(why);
  });

  test('that has expired', async () => {
    let old: string | undefined;
    const bend: Bend = async ({ path }, pass) => {
      if (path !== '/v1/trust') return pass();
      old ??= await (await pass()).text();
      return new Response(old);
    };
    const { api, run } = probedBroker(bend);
    await run();
    api.clock.advance(8 * 24 * 3600);
    await api.broker.rotateKeys({ requestId: 'rotate' });
    const { event } = await run();
    expect(event.results.join()).toContain('trust_bundle: failed');
    expect(event.results.join()).toContain('it expired at');
  });

  test('whose pins are all others than at the last run', async () => {
    const { api, run } = probedBroker();
    expect((await run()).results).toMatchObject({ trust_bundle: 'passed' });
    const { body } = await api.request('GET', '/v1/trust');
    for (const { partition, key, etag } of await api.tables.keys.list({})) {
      await api.tables.keys.apply([{ kind: 'remove', partition, key, etag }]);
    }
    const { ca_pins: give_up } = body as TrustBundle;
    await api.broker.authorities.init({ give_up }, { requestId: 'init' });
    api.clock.advance(600);
    const { results, event } = await run();
    expect(results).toMatchObject({ trust_bundle: 'failed', tls_authority: 'passed' });
    expect(event.results.join()).toContain('no pin of the last run is left');
  });
});

describe('a broker that can not be asked is unreachable, not failed:', () => {
  const unavailable = (): Response => new Response('{}', { status: 503 });
  test.each<[string, Bend]>([
    ['it answers 503', unavailable],
    ['it is another site', () => new Response('<html>', { status: 404 })],
    ['it redirects', () => new Response(null, { status: 302, headers: { location: '/' } })],
    ['nobody answers', () => Promise.reject(new TypeError('fetch failed'))],
    ['it answers without end', () => new Response('x'.repeat(300_000))],
  ])('%s', async (_, bend) => {
    const { results, event } = await probedBroker(bend).run();
    const inside = NAMES.filter((name) => !OUTSIDE.includes(name));
    expect(results).toEqual({ ...allOf(OUTSIDE, 'unreachable'), ...allOf(inside, 'passed') });
    expect(event.outcome).toBe('failed');
  });

  test('it is not ready', async () => {
    const bend: Bend = ({ path }, pass) => (path === '/readyz' ? unavailable() : pass());
    const { results } = await probedBroker(bend).run();
    expect(results).toEqual({ ...allOf(NAMES, 'passed'), readiness: 'unreachable' });
  });

  test('its keys can not be read', async () => {
    const storage = watchTables();
    storage.fail('keys', 'down');
    const { results } = await probedBroker(undefined, { tables: storage.tables }).run();
    expect(results).toEqual(allOf(NAMES, 'unreachable'));
  });
});

describe('what is not possible is skipped:', () => {
  test('without a public address only the probes inside run', async () => {
    const api = createTestBroker();
    await api.ready();
    await api.broker.probe({ requestId: 'probe-run' });
    expect(api.audit.at(-1)).toMatchObject({
      event: 'probe',
      outcome: 'passed',
      results: NAMES.map((name) =>
        OUTSIDE.includes(name)
          ? `${name}: skipped (JOIN_BROKER_PUBLIC_URL is not set)`
          : `${name}: passed`,
      ),
    });
  });

  test("a token for the management API is not sent, and its audience is the clouds' default", async () => {
    const { results } = await probedBroker(undefined, { settings: {} }).run();
    expect(results).toEqual({ ...allOf(NAMES, 'passed'), other_audience: 'skipped' });
  });

  test('the identity gets no token', async () => {
    const { results, event } = await probedBroker(undefined, {
      outside: {
        url: URL_OF_BROKER,
        fetch: () => Promise.reject(new Error('not asked')),
        accessToken: () => Promise.reject(new Error('no such resource')),
      },
    }).run();
    expect(results).toMatchObject({ other_audience: 'skipped' });
    expect(event.results.join()).toContain('no such resource');
  });
});
