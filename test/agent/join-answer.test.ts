/** What a join was answered with is held to what was asked: a broker that answers something else is not believed. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Instance } from '../../agent/instance-state.ts';
import { acceptAnswer } from '../../agent/join-answer.ts';
import { makeTrustBundle } from '../../shared/authority/trust-bundle.ts';
import type { JoinAnswer } from '../../shared/protocol/join.ts';
import { certificationRequest } from '../broker/joiner.ts';
import { createAuthorities } from './authorities.ts';
import { grant } from './fake-broker.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const ID = '11111111-1111-4111-8111-111111111111';
const authorities = await createAuthorities(NOON);
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const keys = [newKey(), newKey()] as const;
const asked = keys.map((key, i) => ({ name: `name-${i}`, csr: certificationRequest(key) }));
const right: JoinAnswer = {
  request_id: 'request-1',
  bot: 'example',
  role: 'Bot',
  instance_id: ID,
  generation: 2,
  certificates: asked.map((wish) => grant(wish, authorities, ['ubuntu'], NOON)),
  trust: makeTrustBundle('test.example.com', authorities, NOON),
};
const settings = {
  broker: 'https://broker.example.com',
  joinMethod: 'azure',
  token: 'example-bot',
  caPins: [] as string[],
  host: undefined,
};
const instanceOf = (changes: Partial<Instance>): Instance => ({ id: ID, ...changes }) as Instance;

const accept = (
  answer: JoinAnswer,
  { renewing, known }: { readonly renewing?: Instance; readonly known?: Instance } = {},
  changed: object = {},
) =>
  acceptAnswer(
    answer,
    [...keys],
    { ...settings, ...changed } as never,
    { asked, renewing, known },
    NOON,
  );

test('what was granted is the instance to go on as, with the key of its first certificate', async () => {
  const { requestId, instance, certificates, trust } = await accept(right, {
    renewing: instanceOf({}),
  });
  expect(requestId).toBe('request-1');
  expect(instance).toMatchObject({
    broker: settings.broker,
    joinMethod: 'azure',
    token: 'example-bot',
    role: 'Bot',
    bot: 'example',
    id: ID,
    generation: 2,
    expires: new Date(NOON.getTime() + 3_600_000),
    trust: {
      root: trust.root,
      version: right.trust.version,
      cluster: 'test.example.com',
      refreshAfter: right.trust.refresh_after,
      pins: trust.pins,
      configured: [],
    },
  });
  expect(instance.key.equals(keys[0])).toBe(true);
  expect(certificates.map(({ name }) => name)).toEqual(['name-0', 'name-1']);
});

describe('is not believed:', () => {
  const [first, second] = right.certificates as [never, never];
  const { bot: _, ...nameless } = right;
  test.each<[string, JoinAnswer, string]>([
    ['another instance', { ...right, instance_id: ID.replace('1', '2') }, 'another instance'],
    ['another role', { ...nameless, role: 'Node' }, 'something else than a Bot'],
    ['another role with the name of a bot', { ...right, role: 'Node' }, 'something else'],
    ['a bot without a name', nameless, 'something else than a Bot'],
    ['one certificate less', { ...right, certificates: [first] }, 'other certificates'],
    ['one more', { ...right, certificates: [first, second, second] }, 'other certificates'],
    ['another order', { ...right, certificates: [second, first] }, 'other certificates'],
    [
      'the names of what was asked, each on the certificate of the other',
      {
        ...right,
        certificates: [
          { ...(second as object), name: 'name-0' } as never,
          { ...(first as object), name: 'name-1' } as never,
        ],
      },
      'it is for another key',
    ],
    [
      'a trust bundle of another cluster, under the same root',
      { ...right, trust: makeTrustBundle('other.example.com', authorities, NOON) },
      'it is of cluster other.example.com',
    ],
  ])('%s', async (_name, answer, said) => {
    const { trust } = (await accept(right)).instance;
    const known = instanceOf({ trust });
    await expect(accept(answer, { renewing: known, known })).rejects.toMatchObject({
      code: 'untrusted',
      message: expect.stringContaining(said),
    });
  });

  test('a host with the name of a bot', async () => {
    const host = { host: { role: 'Node' } };
    await expect(accept({ ...right, role: 'Node' }, {}, host)).rejects.toThrow(
      'something else than a Node',
    );
  });

  test('a root that is not among the pins', async () => {
    const caPins = [`sha256:${'0'.repeat(64)}`];
    await expect(accept(right, {}, { caPins })).rejects.toThrow('not among the configured CA pins');
  });
});
