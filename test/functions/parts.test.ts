import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { endpointsOf, timersOf } from '../../functions/parts.ts';
import type { Custody } from '../../shared/authority/custody.ts';
import { authorityStatus } from '../../shared/protocol/authorities.ts';
import { botExample, joinToken } from '../broker/fixtures.ts';
import { chainOf, join } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { readLists, tend } from '../broker/revoked.ts';
import { createTestBroker, type TestBroker } from '../broker/test-broker.ts';

const JOINERS_URL = 'https://join.example.org';
const DAY = 24 * 3600;

const JOINERS = { JOIN_BROKER_PART: 'joiners' } as const;
const OPERATORS = { JOIN_BROKER_PART: 'operators', JOIN_BROKER_PUBLIC_URL: JOINERS_URL } as const;

/** The two apps of one broker; `asked` is what the one for joiners asks of custody. */
async function twoApps({ init = true } = {}) {
  const operators = createTestBroker({ settings: OPERATORS, init: 'none' });
  const { tables, cloud, clock } = operators;
  const asked: string[] = [];
  const custody = Object.fromEntries(
    Object.entries(operators.custody).map(([name, work]) => [
      name,
      (...args: unknown[]) => {
        asked.push(name);
        return (work as (...args: unknown[]) => unknown)(...args);
      },
    ]),
  ) as unknown as Custody;
  const settings = JOINERS;
  const joiners = createTestBroker({ settings, tables, cloud, clock, custody, init: 'none' });
  if (init) await initAt(operators);
  return { operators, joiners, asked };
}

const initAt = (api: TestBroker) =>
  signIn(api, 'JoinBroker.AuthorityAdmin').request('POST', '/v1/authorities/init', { body: {} });

async function joiningMachine(operators: TestBroker) {
  const subscription = operators.tenant.subscription();
  await operators.put(botExample());
  await operators.put(
    joinToken({ allow: [{ subscription: subscription.id, resource_groups: ['group1'] }] }),
  );
  return subscription.virtualMachine('vm-a', { resourceGroup: 'group1', systemAssigned: true });
}

test('machines join at the one, by the rules and with the keys of the other', async () => {
  const { operators, joiners, asked } = await twoApps();
  expect(await join(joiners, await joiningMachine(operators))).toBeAdmitted();
  expect(new Set(asked)).toEqual(new Set(['unwrapDataKey', 'publicKeyOfRoot']));
});

test('a key that the one replaces signs nothing at the other', async () => {
  const { operators, joiners } = await twoApps();
  const vm = await joiningMachine(operators);
  const issuerOf = async () => chainOf(await join(joiners, vm)).slice(1);
  const before = await issuerOf();
  const admin = signIn(operators, 'JoinBroker.AuthorityAdmin');
  const { keys } = authorityStatus.parse((await admin.request('GET', '/v1/authorities')).body);
  const numbers = keys.flatMap(({ purpose, number }) => (purpose === 'issuing' ? number : []));
  const answer = await admin.request('POST', '/v1/authorities/issuing/rotate', {
    body: { numbers, leaked: true },
  });
  expect(answer.status).toBe(200);
  operators.clock.advance(6);
  expect(await issuerOf()).not.toEqual(before);
});

describe('the app for joiners', () => {
  test('makes no key where the other one is silent, and says what is to be looked at', async () => {
    const { joiners, asked } = await twoApps();
    const rows = await joiners.tables.keys.list({});
    joiners.clock.advance(40 * DAY);
    const answer = await joiners.request('GET', '/readyz');
    expect(answer).toBeProblem('unavailable');
    expect(answer.body).toMatchObject({
      detail: expect.stringContaining('does the timer rotate-keys run?'),
    });
    expect(await joiners.tables.keys.list({})).toEqual(rows);
    expect(asked).not.toContain('signWithRoot');
  });

  test('says what is missing before the first act', async () => {
    const { joiners } = await twoApps({ init: false });
    expect((await joiners.request('GET', '/readyz')).body).toMatchObject({
      detail: expect.stringContaining('joinctl auth init'),
    });
  });

  test('has the other one sign the lists of the root', async () => {
    const { operators, joiners, asked } = await twoApps();
    joiners.clock.advance(8 * DAY);
    await operators.broker.rotateKeys({ requestId: 'none' });
    const before = await joiners.tables.revoked.list({});
    await tend(joiners);
    expect(await joiners.tables.revoked.list({})).toEqual(before);
    await tend(operators);
    expect(await joiners.tables.revoked.list({})).not.toEqual(before);
    joiners.clock.advance(6);
    expect(await readLists(joiners)).toMatchObject({ serials: [] });
    expect(asked).not.toContain('signWithRoot');
  });

  test('has custody for nothing but the keys that are there, whatever asks it', async () => {
    const { joiners, asked } = await twoApps();
    await expect(joiners.broker.rotateKeys({ requestId: 'none' })).resolves.toBeUndefined();
    joiners.clock.advance(40 * DAY);
    await expect(joiners.broker.rotateKeys({ requestId: 'none' })).rejects.toThrow(
      'this app makes no keys and does not sign with the root',
    );
    expect(asked).not.toContain('signWithRoot');
  });

  test.each([
    ['POST', '/v1/authorities/init'],
    ['GET', '/v1/authorities'],
    ['POST', '/v1/authorities/tls/retire'],
    ['GET', '/v1/authorities/backup'],
    ['PUT', '/v1/resources/bot/example'],
    ['GET', '/v1/joins'],
    ['POST', '/v1/explain'],
    ['GET', '/v1/instances'],
    ['GET', '/v1/names'],
    ['GET', '/v1/audit'],
  ])('%s %s is answered by the other app: 421', async (method, path) => {
    const { joiners } = await twoApps();
    const admin = signIn(joiners, 'JoinBroker.AuthorityAdmin', 'JoinBroker.Admin');
    const answer = await admin.request(method, path, method === 'GET' ? {} : { body: {} });
    expect(answer).toBeProblem('misdirected');
    expect(answer.body).toMatchObject({
      detail: 'operators ask the other app of this broker (joinctl --proxy)',
    });
  });

  test('does not even look at the token of an operator who comes to it', async () => {
    const { joiners } = await twoApps();
    const answer = await joiners.request('GET', '/v1/authorities', {
      headers: { authorization: 'Bearer nonsense' },
    });
    expect(answer).toBeProblem('misdirected');
  });

  test('runs no timer', () => {
    expect(timersOf({ ...JOINERS, JOIN_BROKER_PUBLIC_URL: undefined })).toEqual([]);
  });
});

describe('the app for operators', () => {
  test.each([
    ['POST', '/v1/join'],
    ['POST', '/v1/heartbeat'],
    ['GET', '/scripts/install.sh'],
    ['GET', '/scripts/joinbot.cjs'],
  ])('%s %s is answered by the other app: 421', async (method, path) => {
    const { operators } = await twoApps();
    const answer = await operators.request(method, path, method === 'GET' ? {} : { body: {} });
    expect(answer).toBeProblem('misdirected');
    expect(answer.body).toMatchObject({ detail: `machines ask ${JOINERS_URL}` });
  });

  test('says to operators where machines are to go', async () => {
    const { operators } = await twoApps();
    expect((await operators.request('GET', '/v1/webapi/find')).body).toMatchObject({
      public_url: JOINERS_URL,
    });
  });

  test('runs the timers', () => {
    expect(timersOf(OPERATORS).map(({ name }) => name)).toEqual([
      'rotate-keys',
      'back-up',
      'probe',
      'revoke',
      'sweep',
    ]);
  });
});

describe('both', () => {
  test.each(['/healthz', '/readyz', '/v1/webapi/find', '/v1/webapi/ping', '/v1/trust'])(
    'answer GET %s',
    async (path) => {
      const { operators, joiners } = await twoApps();
      expect((await operators.request('GET', path)).status).toBe(200);
      expect((await joiners.request('GET', path)).status).toBe(200);
    },
  );

  test('know no address that the whole broker does not know', async () => {
    const { operators, joiners } = await twoApps();
    expect(await operators.request('GET', '/v1/nothing')).toBeProblem('not_found');
    expect(await joiners.request('GET', '/v1/nothing')).toBeProblem('not_found');
    const routesOf = (part: Parameters<typeof endpointsOf>[0]) =>
      endpointsOf(part).map(({ name, methods, route }) => [name, methods, route]);
    expect(routesOf({ ...JOINERS, JOIN_BROKER_PUBLIC_URL: undefined })).toEqual(
      routesOf(undefined),
    );
    expect(routesOf(OPERATORS)).toEqual(routesOf(undefined));
  });
});
