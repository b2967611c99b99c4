/** `POST /v1/heartbeat`: a claim of an instance, kept for operators, and of nobody else. */
import { sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene } from '../broker/fixtures.ts';
import { type Bent, heartbeatBody, SAID, shownChain } from '../broker/heartbeat.ts';
import { type Attempt, certificationRequest, join, joined, newKey } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import type { Answer, TestBroker } from '../broker/test-broker.ts';
import { watchTables } from '../broker/watched-tables.ts';

const beat = (api: TestBroker, attempt: Attempt, bent: Bent = {}): Promise<Answer> =>
  api.request('POST', '/v1/heartbeat', { body: heartbeatBody(attempt, bent) });

const shown = async (api: TestBroker, attempt: Attempt) => {
  const path = `/v1/instances/bot:example/${joined(attempt).instance_id}`;
  const { body } = await signIn(api, 'JoinBroker.Reader').request('GET', path);
  return (body as { heartbeat?: object }).heartbeat;
};

test('what an agent says is shown with its instance, alone and in the list', async () => {
  const { api, vm } = await createScene();
  const attempt = await join(api, vm);
  expect(await shown(api, attempt)).toBeUndefined();
  api.clock.advance(5);
  expect((await beat(api, attempt)).status).toBe(204);
  const { time: _, ...said } = SAID;
  const record = { received: '2026-11-20T12:00:05Z', generation: 1, ...said };
  expect(await shown(api, attempt)).toEqual(record);
  const list = await signIn(api, 'JoinBroker.Reader').request(
    'GET',
    '/v1/instances?owner=bot:example',
  );
  expect(list.body).toMatchObject({ items: [{ heartbeat: record }] });
  expect((list.body as { items: unknown[] }).items).toHaveLength(1);
});

test('the newest one counts, and it goes with its instance', async () => {
  const { api, vm } = await createScene();
  const attempt = await join(api, vm);
  await beat(api, attempt);
  expect((await beat(api, attempt, { said: { version: '2.0.0' } })).status).toBe(204);
  expect(await shown(api, attempt)).toMatchObject({ version: '2.0.0' });
  api.clock.advance(7 * 86_400);
  await api.broker.sweep();
  expect(await api.tables.instances.list({})).toEqual([]);
});

test('it costs one read and one write', async () => {
  const watched = watchTables();
  const { api, vm } = await createScene({ tables: watched.tables });
  const attempt = await join(api, vm);
  const before = watched.count('instances');
  await beat(api, attempt);
  expect(watched.count('instances') - before).toBe(2);
});

test("that of another broker's instance costs neither, and leaves no line", async () => {
  const watched = watchTables();
  const { api } = await createScene({ tables: watched.tables });
  await api.ready();
  const other = await createScene();
  const stranger = await join(other.api, other.vm);
  await api.broker.trust();
  const tables = Object.keys(watched.tables) as (keyof typeof watched.tables)[];
  const asked = () => tables.map(watched.count);
  const [before, told] = [asked(), api.audit.length];
  expect(await beat(api, stranger)).toBeProblem('instance_unknown');
  await api.broker.flush();
  expect(asked()).toEqual(before);
  expect(api.audit.slice(told)).toEqual([]);
});

describe('is refused, and nothing is kept, where', () => {
  async function refused(bend: (attempt: Attempt) => Bent | Promise<Bent>): Promise<Answer> {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm);
    const answer = await beat(api, attempt, await bend(attempt));
    expect(await shown(api, attempt)).toBeUndefined();
    return answer;
  }

  test.each<[string, (attempt: Attempt) => Bent]>([
    ['another key signs', () => ({ proofKey: newKey() })],
    ['the signature is one of a join', (attempt) => ({ proof: joinProof(attempt) })],
    [
      'the text names another instance',
      () => ({ said: { instance: { id: '1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11', generation: 1 } } }),
    ],
    [
      'the text names another generation',
      (attempt) => ({ said: { instance: { id: joined(attempt).instance_id, generation: 2 } } }),
    ],
    [
      'the issuing certificate speaks for an instance',
      (attempt) => ({ certificates: [shownChain(attempt)[1] ?? '', shownChain(attempt)[1] ?? ''] }),
    ],
    [
      'an instance issues',
      (attempt) => ({ certificates: [shownChain(attempt)[0] ?? '', shownChain(attempt)[0] ?? ''] }),
    ],
  ])('%s', async (_, bend) => {
    expect(await refused(bend)).toBeProblem('instance_unknown');
  });

  test("the certificate is another one of the instance's: whoever reads an output has its key", async () => {
    const { api, vm } = await createScene();
    const key = newKey();
    const attempt = await join(api, vm, {
      request: {
        certificates: [
          { name: 'identity', csr: certificationRequest(newKey()) },
          { name: 'output', csr: certificationRequest(key) },
        ],
      },
    });
    expect(await beat(api, attempt, { position: 1, proofKey: key })).toBeProblem(
      'instance_unknown',
    );
    expect(await shown(api, attempt)).toBeUndefined();
  });

  test('the certificate is over', async () => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm);
    api.clock.advance(3600);
    const said = { time: '2026-11-20T13:00:00Z' };
    expect(await beat(api, attempt, { said })).toBeProblem('instance_unknown');
    expect(await shown(api, attempt)).toBeUndefined();
  });

  test('the instance was removed', async () => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm);
    const path = `/v1/instances/bot:example/${joined(attempt).instance_id}`;
    await signIn(api, 'JoinBroker.Admin').request('DELETE', path);
    expect(await beat(api, attempt)).toBeProblem('instance_unknown');
  });

  test('the key is that of the generation before', async () => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm);
    await join(api, vm, { renews: attempt });
    expect(await beat(api, attempt)).toBeProblem('instance_unknown');
  });

  test.each<[string, Bent, string]>([
    [
      'its time is more than five minutes off',
      { said: { time: '2026-11-20T11:54:59Z' } },
      'heartbeat.time',
    ],
    [
      'its time is that of a clock that runs ahead',
      { said: { time: '2026-11-20T12:05:01Z' } },
      'heartbeat.time',
    ],
    ['a field is not known', { said: { more: 1 } }, 'heartbeat.more'],
    ['a name is too long', { said: { host: 'x'.repeat(254) } }, 'heartbeat.host'],
    [
      'there are too many outputs',
      { said: { outputs: Array(18).fill(SAID.outputs[0]) } },
      'heartbeat.outputs',
    ],
    ['it is no JSON', { text: '{' }, 'heartbeat'],
    ['a certificate is none', { certificates: ['AAAA', 'AAAA'] }, 'certificates[0]'],
    ['a certificate is no base64', { certificates: ['AAAA', '%'] }, 'certificates[0]'],
    ['the proof is no base64', { proof: '%' }, 'proof'],
  ])('%s', async (_, bent, field) => {
    expect(await refused(() => bent)).toBeProblem('bad_request', field);
  });
});

test('an instance that never stops is told to wait', async () => {
  const { api, vm } = await createScene();
  const attempt = await join(api, vm);
  for (let i = 0; i < 10; i += 1) expect((await beat(api, attempt)).status).toBe(204);
  const answer = await beat(api, attempt);
  expect(answer).toBeProblem('throttled');
  expect(answer.headers.get('retry-after')).toBe('60');
});

/** What a join or renewal would be proved with: the same key, over the same text, for another purpose. */
function joinProof(attempt: Attempt): string {
  const { heartbeat } = heartbeatBody(attempt) as { heartbeat: string };
  return sign('sha256', Buffer.from(`join-broker-v1\n${heartbeat}`), attempt.key).toString(
    'base64',
  );
}
