/** Conformance: a copied identity is caught, and a healthy agent never is (row G4). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene } from '../broker/fixtures.ts';
import { type Attempt, joined } from '../broker/joiner.ts';
import type { Answer, TestBroker } from '../broker/test-broker.ts';
import { joinWith, makeRenewal, makeSecret, renew } from '../broker/token-joiner.ts';

const RENEWAL_SECONDS = 1200;
const LATE_SECONDS = 300;

const locksOf = async ({ tables }: TestBroker): Promise<string[]> =>
  (await tables.resources.list({})).map(({ key }) => key).filter((key) => key.startsWith('lock!'));

/** A machine that joined with a secret; whoever copied its state directory has the same `first`. */
async function joinedMachine() {
  const { api } = await createScene();
  const secret = await makeSecret(api);
  const first = await joinWith(api, secret);
  const { instance_id: id } = joined(first);
  /** Renews as whoever holds the identity of this attempt, at the usual interval. */
  const renewLater = (attempt: Attempt): Promise<Attempt> => {
    api.clock.advance(RENEWAL_SECONDS);
    return renew(api, { secret, attempt });
  };
  return { api, secret, first, id, renewLater };
}

describe('G4 a copy is caught and locks its instance, where', () => {
  test.each([1, 2, 10])('the copy renews %i times, then the original', async (times) => {
    const { api, secret, first, id, renewLater } = await joinedMachine();
    let copy = first;
    for (let i = 0; i < times; i += 1) {
      api.clock.advance(200);
      copy = await renew(api, { secret, attempt: copy });
      expect(copy).toBeAdmitted();
    }
    const original = await renewLater(first);
    expect(original).toBeDenied(api, 'copied_identity');
    expect(await locksOf(api)).toEqual([`lock!copied-${id}`]);
    expect(await renewLater(copy)).toBeDenied(api, 'locked');
    expect(api.audit.filter(({ event }) => event === 'security')).toMatchObject([
      { sign: 'copied_identity', instance_id: id, join_token: 'robot' },
    ]);
  });

  test('the original renews first, then the copy', async () => {
    const { api, first, id, renewLater } = await joinedMachine();
    const original = await renewLater(first);
    expect(original).toBeAdmitted();
    const copy = await renewLater(first);
    expect(copy).toBeDenied(api, 'copied_identity');
    expect(await locksOf(api)).toEqual([`lock!copied-${id}`]);
    expect(await renewLater(original)).toBeDenied(api, 'locked');
  });

  test('the same machine keeps its key from generation to generation, and a copy has an old state', async () => {
    const { api, secret, first } = await joinedMachine();
    api.clock.advance(RENEWAL_SECONDS);
    const second = await renew(api, { secret, attempt: first }, { key: first.key });
    expect(second).toBeAdmitted();
    api.clock.advance(RENEWAL_SECONDS);
    expect(await renew(api, { secret, attempt: first })).toBeDenied(api, 'copied_identity');
  });

  test('the copy renews as often as it may, so that the original would be forgotten', async () => {
    const { api, secret, first, id, renewLater } = await joinedMachine();
    let copy = first;
    for (let renewals = 1; renewals <= 150; renewals += 1) {
      copy = await renew(api, { secret, attempt: copy });
      expect(copy).toBeAdmitted();
    }
    const more = await renew(api, { secret, attempt: copy });
    expect(more).toBeProblem('try_again');
    expect(more.headers.get('retry-after')).toBe('300');
    expect(await renewLater(first)).toBeDenied(api, 'copied_identity');
    expect(await locksOf(api)).toEqual([`lock!copied-${id}`]);
  });

  test('the copy asks for a short life, so that the instance would be over', async () => {
    const { api, secret, first, id, renewLater } = await joinedMachine();
    const copy = await renew(api, { secret, attempt: first });
    const short = await renew(api, { secret, attempt: copy }, { wish: { ttl: '1s' } });
    expect(short).toBeAdmitted();
    expect(await renewLater(first)).toBeDenied(api, 'copied_identity');
    expect(await locksOf(api)).toEqual([`lock!copied-${id}`]);
  });

  test.each<[string, object]>([
    ['has ended', { expires: '2026-11-20T12:01:00Z' }],
    ['was put on something else', { target: { bot: 'other' } }],
  ])('the lock of an earlier copy %s', async (_, changed) => {
    const { api, first, id, renewLater } = await joinedMachine();
    const spec = { target: { instance: id }, ...changed };
    await api.put({ kind: 'lock', version: 'v2', metadata: { name: `copied-${id}` }, spec });
    const original = await renewLater(first);
    expect(original).toBeAdmitted();
    expect(await renewLater(first)).toBeDenied(api, 'copied_identity');
    expect(await renewLater(original)).toBeDenied(api, 'locked');
  });

  test('two signs of it come at once: one lock', async () => {
    const { api, secret, first, renewLater } = await joinedMachine();
    await renewLater(first);
    api.clock.advance(RENEWAL_SECONDS);
    const copies = await Promise.all(
      [api, api.another()].map((by) => renew(by, { secret, attempt: first })),
    );
    expect(copies.map(({ status }) => status)).toEqual([403, 403]);
    expect(await locksOf(api)).toHaveLength(1);
  });

  test('and locks that instance, not its bot and not its sisters', async () => {
    const { api, first, renewLater } = await joinedMachine();
    const second = await makeSecret(api, { name: 'second' });
    const sister = await joinWith(api, second);
    await renewLater(first);
    expect(await renewLater(first)).toBeDenied(api, 'copied_identity');
    expect(await renew(api, { secret: second, attempt: sister })).toBeAdmitted();
  });
});

describe('G4 nobody is locked by', () => {
  async function healthy() {
    const machine = await joinedMachine();
    const { api, secret, first } = machine;
    api.clock.advance(RENEWAL_SECONDS);
    const sent = makeRenewal(api.clock, { secret, attempt: first });
    const send = (): Promise<Answer> => api.request('POST', '/v1/join', { body: sent.body });
    const second: Attempt = { ...(await send()), sent: sent.body, key: sent.key };
    expect(second).toBeAdmitted();
    return { ...machine, second, send };
  }

  test('a repeated message, however late', async () => {
    const { api, send } = await healthy();
    api.clock.advance(3000);
    expect(await send()).toBeAdmitted();
    expect(await locksOf(api)).toEqual([]);
  });

  test('a message that is replayed after the next renewal', async () => {
    const { api, secret, second, send } = await healthy();
    expect(await renew(api, { secret, attempt: second })).toBeAdmitted();
    api.clock.advance(2000);
    expect(await send()).toBeProblem('instance_unknown');
    expect(await locksOf(api)).toEqual([]);
  });

  test('another request of the old generation within five minutes: a lost answer, and an agent that starts again', async () => {
    const { api, secret, first } = await healthy();
    api.clock.advance(LATE_SECONDS);
    expect(await renew(api, { secret, attempt: first })).toBeProblem('instance_unknown');
    expect(await locksOf(api)).toEqual([]);
    api.clock.advance(1);
    expect(await renew(api, { secret, attempt: first })).toBeDenied(api, 'copied_identity');
  });

  test('a message of before the renewal that comes late', async () => {
    const { api, secret, first } = await healthy();
    const time = api.clock.now();
    api.clock.advance(2000);
    expect(await renew(api, { secret, attempt: first }, { time })).toBeProblem('instance_unknown');
    expect(await locksOf(api)).toEqual([]);
  });

  test('a clock that is ahead', async () => {
    const { api, secret, first } = await healthy();
    const time = new Date(api.clock.now().getTime() + 86_400_000);
    api.clock.advance(60);
    expect(await renew(api, { secret, attempt: first }, { time })).toBeProblem('instance_unknown');
    expect(await locksOf(api)).toEqual([]);
  });

  test('somebody without the key, who knows everything else', async () => {
    const { api, secret, first, second } = await healthy();
    api.clock.advance(2000);
    const forged = await renew(api, { secret, attempt: first }, { proofKey: second.key });
    expect(forged).toBeProblem('instance_unknown');
    const other = await renew(
      api,
      { secret, attempt: first },
      {
        instance: { key: 'AAAA' },
      },
    );
    expect(other).toBeProblem('instance_unknown');
    expect(await locksOf(api)).toEqual([]);
  });

  test('two renewals in flight of one agent', async () => {
    const { api, secret, first } = await joinedMachine();
    const both = await Promise.all(
      [api, api.another()].map((by) => renew(by, { secret, attempt: first })),
    );
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    expect(await locksOf(api)).toEqual([]);
  });

  test('an answer of 403, after which the roles change and the agent tries the old key again', async () => {
    const { api, secret, first } = await joinedMachine();
    const refused = await renew(api, { secret, attempt: first }, { wish: { roles: ['editor'] } });
    expect(refused).toBeDenied(api, 'role_not_allowed');
    api.clock.advance(2000);
    expect(await renew(api, { secret, attempt: first })).toBeAdmitted();
    expect(await locksOf(api)).toEqual([]);
  });
});
