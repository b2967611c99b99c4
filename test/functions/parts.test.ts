import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { endpointsOf, timersOf } from '../../functions/parts.ts';
import { authorityStatus } from '../../shared/protocol/authorities.ts';
import { botExample, joinToken } from '../broker/fixtures.ts';
import { chainOf, join } from '../broker/joiner.ts';
import type { createMemoryCustody } from '../broker/memory-custody.ts';
import { signIn } from '../broker/operators.ts';
import { readLists, tend } from '../broker/revoked.ts';
import { createTestBroker, type TestBroker } from '../broker/test-broker.ts';

const REQUESTS_URL = 'https://join.example.org';
const AUTHORITY_URL = 'https://authority.example.org';
const DAY = 24 * 3600;

const REQUESTS = { JOIN_BROKER_PART: 'requests', JOIN_BROKER_AUTHORITY_URL: AUTHORITY_URL };
const AUTHORITY = { JOIN_BROKER_PART: 'authority', JOIN_BROKER_PUBLIC_URL: REQUESTS_URL };

/** The two apps of one broker; custody counts what the one for requests asks of it. */
async function twoApps({ init = true } = {}) {
  const authority = createTestBroker({ settings: AUTHORITY, init: 'none' });
  const { tables, cloud, clock } = authority;
  const asked: string[] = [];
  const custody = Object.fromEntries(
    Object.entries(authority.custody).map(([name, work]) => [
      name,
      (...args: unknown[]) => {
        asked.push(name);
        return (work as (...args: unknown[]) => unknown)(...args);
      },
    ]),
  ) as unknown as ReturnType<typeof createMemoryCustody>;
  const settings = REQUESTS;
  const requests = createTestBroker({ settings, tables, cloud, clock, custody, init: 'none' });
  if (init) await initAt(authority);
  return { authority, requests, asked };
}

const initAt = (api: TestBroker) =>
  signIn(api, 'JoinBroker.AuthorityAdmin').request('POST', '/v1/authorities/init', { body: {} });

async function joiningMachine(requests: TestBroker) {
  const subscription = requests.tenant.subscription();
  await requests.put(botExample());
  await requests.put(
    joinToken({ allow: [{ subscription: subscription.id, resource_groups: ['group1'] }] }),
  );
  return subscription.virtualMachine('vm-a', { resourceGroup: 'group1', systemAssigned: true });
}

test('machines join at the one, with the keys that the other one made', async () => {
  const { requests, asked } = await twoApps();
  expect(await join(requests, await joiningMachine(requests))).toBeAdmitted();
  expect(new Set(asked)).toEqual(new Set(['unwrapDataKey']));
});

test('a key that the one replaces signs nothing at the other', async () => {
  const { authority, requests } = await twoApps();
  const vm = await joiningMachine(requests);
  const issuingOf = async () => chainOf(await join(requests, vm)).slice(1);
  const before = await issuingOf();
  const admin = signIn(authority, 'JoinBroker.AuthorityAdmin');
  const { keys } = authorityStatus.parse((await admin.request('GET', '/v1/authorities')).body);
  const numbers = keys.flatMap(({ purpose, number }) => (purpose === 'issuing' ? number : []));
  const answer = await admin.request('POST', '/v1/authorities/issuing/rotate', {
    body: { numbers, leaked: true },
  });
  expect(answer.status).toBe(200);
  authority.clock.advance(6);
  expect(await issuingOf()).not.toEqual(before);
});

describe('the app for requests', () => {
  test('makes no key where the other one is silent, and says what is to be looked at', async () => {
    const { requests, asked } = await twoApps();
    const rows = await requests.tables.keys.list({});
    requests.clock.advance(40 * DAY);
    const answer = await requests.request('GET', '/readyz');
    expect(answer).toBeProblem('unavailable');
    expect(answer.body).toMatchObject({
      detail: expect.stringContaining('does the timer rotate-keys run?'),
    });
    expect(await requests.tables.keys.list({})).toEqual(rows);
    expect(asked).not.toContain('signWithRoot');
  });

  test('says what is missing before the first act', async () => {
    const { requests } = await twoApps({ init: false });
    expect((await requests.request('GET', '/readyz')).body).toMatchObject({
      detail: expect.stringContaining('joinctl auth init'),
    });
  });

  test('has the other one sign the lists of the root', async () => {
    const { authority, requests, asked } = await twoApps();
    requests.clock.advance(8 * DAY);
    await authority.broker.rotateKeys({ requestId: 'none' });
    const before = await requests.tables.revoked.list({});
    await tend(requests);
    expect(await requests.tables.revoked.list({})).toEqual(before);
    await tend(authority);
    expect(await requests.tables.revoked.list({})).not.toEqual(before);
    requests.clock.advance(6);
    expect(await readLists(requests)).toMatchObject({ serials: [] });
    expect(asked).not.toContain('signWithRoot');
  });

  test('has custody for nothing but the keys that are there, whatever asks it', async () => {
    const { requests, asked } = await twoApps();
    await expect(requests.broker.rotateKeys({ requestId: 'none' })).resolves.toBeUndefined();
    requests.clock.advance(40 * DAY);
    await expect(requests.broker.rotateKeys({ requestId: 'none' })).rejects.toThrow(
      'this app makes no keys and does not sign with the root',
    );
    expect(asked).not.toContain('signWithRoot');
  });

  test.each([
    ['POST', '/v1/authorities/init', {}],
    ['POST', '/v1/authorities/restore', {}],
    ['POST', '/v1/authorities/issuing/rotate', {}],
    ['POST', '/v1/authorities/tls/retire', {}],
  ])('%s %s is answered by the other app: 421', async (method, path, body) => {
    const { requests, asked } = await twoApps({ init: false });
    const admin = signIn(requests, 'JoinBroker.AuthorityAdmin');
    const answer = await admin.request(method, path, { body });
    expect(answer).toBeProblem('misdirected');
    expect(answer.body).toMatchObject({
      detail: `the authorities are changed at ${AUTHORITY_URL} (joinctl --proxy=authority.example.org)`,
    });
    expect(asked).toEqual([]);
    expect(await requests.request(method, path, { body })).toBeProblem('unauthenticated');
  });

  test('shows where the authorities stand, and backs them up', async () => {
    const { requests } = await twoApps();
    const admin = signIn(requests, 'JoinBroker.AuthorityAdmin');
    const status = await admin.request('GET', '/v1/authorities');
    expect(authorityStatus.parse(status.body).ca_pins).toHaveLength(1);
    expect((await admin.request('GET', '/v1/authorities/backup')).status).toBe(200);
  });

  test('runs no timer', () => {
    expect(timersOf({ ...REQUESTS, JOIN_BROKER_PUBLIC_URL: undefined } as never)).toEqual([]);
  });
});

describe('the app for the authorities', () => {
  test.each([
    ['POST', '/v1/join'],
    ['POST', '/v1/heartbeat'],
    ['GET', '/v1/trust'],
    ['GET', '/v1/trust/tls.crl'],
    ['GET', '/v1/resources/bot'],
    ['PUT', '/v1/resources/lock/any'],
    ['POST', '/v1/explain'],
    ['GET', '/scripts/install.sh'],
  ])('%s %s is answered by the other app: 421', async (method, path) => {
    const { authority } = await twoApps();
    const answer = await authority.request(method, path, method === 'GET' ? {} : { body: {} });
    expect(answer).toBeProblem('misdirected');
    expect(answer.body).toMatchObject({
      detail: `only the authorities are kept here: ask ${REQUESTS_URL}`,
    });
  });

  test.each(['/healthz', '/readyz', '/v1/webapi/find', '/v1/webapi/ping'])(
    'GET %s is answered',
    async (path) => {
      const { authority } = await twoApps();
      expect((await authority.request('GET', path)).status).toBe(200);
    },
  );

  test('an unknown address is unknown here, too', async () => {
    const { authority } = await twoApps();
    expect(await authority.request('GET', '/v1/nothing')).toBeProblem('not_found');
  });

  test('runs the timers', () => {
    const names = timersOf({ ...AUTHORITY, JOIN_BROKER_AUTHORITY_URL: undefined } as never);
    expect(names.map(({ name }) => name)).toEqual([
      'rotate-keys',
      'back-up',
      'probe',
      'revoke',
      'sweep',
    ]);
  });
});

test('both have the same addresses, those of the whole broker', () => {
  const routesOf = (settings: object | undefined) =>
    endpointsOf(settings as never).map(({ name, methods, route }) => [name, methods, route]);
  expect(routesOf(REQUESTS)).toEqual(routesOf(undefined));
  expect(routesOf(AUTHORITY)).toEqual(routesOf(undefined));
});
