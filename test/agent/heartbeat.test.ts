/** What the agent tells of itself, how often, and that nothing waits for it. */
import { createPublicKey, generateKeyPairSync, verify, X509Certificate } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Destination, Held } from '../../agent/destinations.ts';
import { Failure } from '../../agent/failure.ts';
import { heartbeatsTo, type Written } from '../../agent/heartbeat.ts';
import type { Log } from '../../agent/log.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import type { HeartbeatBody } from '../../shared/protocol/heartbeat.ts';
import { VERSION } from '../../shared/protocol/version.ts';
import { createClock, START } from './clock.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';
import { createSecretRig } from './secret-rig.ts';

const config = ({ folder }: Rig): string =>
  guideConfig(
    `outputs: ${JSON.stringify(
      ['a', 'b'].map((name) => ({
        type: 'identity',
        destination: { type: 'directory', path: join(folder, name) },
      })),
    )}\n`,
  );

const beatsOf = ({ broker }: Rig) =>
  broker.heartbeats.map((body) => JSON.parse(JSON.parse(body).heartbeat));

test('one after the first join, proved by the key of the certificate that it shows', async () => {
  const rig = await createRig();
  expect(await rig.start(config(rig), '--oneshot')).toBe(0);
  const [body] = rig.broker.heartbeats.map((text) => JSON.parse(text));
  expect(rig.broker.heartbeats).toHaveLength(1);
  expect(JSON.parse(body.heartbeat)).toEqual({
    instance: { id: expect.any(String), generation: 1 },
    time: '2026-11-20T19:05:00Z',
    version: VERSION,
    host: hostname(),
    os: expect.stringMatching(/^\S+ \S+ \S+$/),
    uptime_seconds: expect.any(Number),
    outputs: ['a', 'b'].map((name) => ({
      directory: join(rig.folder, name),
      state: 'written',
      expires: '2026-11-20T20:05:00Z',
    })),
  });
  const [leaf, issuing] = body.certificates.map(
    (text: string) => new X509Certificate(Buffer.from(text, 'base64')),
  );
  expect(leaf.verify(issuing.publicKey)).toBe(true);
  const message = Buffer.from(`join-broker-heartbeat-v1\n${body.heartbeat}`);
  const key = createPublicKey(leaf.publicKey.export({ format: 'pem', type: 'spki' }));
  expect(verify('sha256', message, key, Buffer.from(body.proof, 'base64'))).toBe(true);
});

test('again after six hours, and not with every renewal', async () => {
  const rig = await createRig();
  rig.stopAfterWaits(22);
  await rig.start(config(rig));
  const times = beatsOf(rig).map(({ time }) => time);
  expect(rig.broker.joins.length).toBe(22);
  expect(times).toEqual(['2026-11-20T19:05:00Z', '2026-11-21T01:05:00Z']);
});

test('at once when an output comes to fail, and when it works again', async () => {
  const rig = await createRig();
  rig.stopAfterWaits(4);
  const path = join(rig.folder, 'b');
  await writeFile(path, '');
  const { sleep } = rig.clock;
  rig.clock.sleep = async (ms, signal) => {
    if (rig.clock.sleeps.length === 2) await rm(path);
    await sleep(ms, signal);
  };
  await rig.start(config(rig));
  expect(
    beatsOf(rig).map(({ outputs }) => outputs.map(({ state }: { state: string }) => state)),
  ).toEqual([
    ['written', 'failed'],
    ['written', 'written'],
  ]);
});

describe('does no harm', () => {
  test.each([
    ['knows no heartbeats', 404],
    ['has trouble', 503],
    ['does not believe it', 409],
  ])('where the broker %s', async (_, status) => {
    const rig = await createRig();
    rig.broker.heartbeatAnswer = () => new Response('', { status });
    rig.stopAfterWaits(2);
    expect(await rig.start(config(rig), '-d')).toBe(0);
    // It is tried again with the next renewal.
    expect(rig.broker.heartbeats).toHaveLength(2);
    expect(rig.output.join('')).toContain('DEBUG no heartbeat: ');
    expect(rig.output.join('')).not.toMatch(/WARN|ERROR/);
  });

  test('where the connection is cut', async () => {
    const rig = await createRig();
    rig.broker.heartbeatAnswer = () => {
      throw new TypeError('fetch failed');
    };
    expect(await rig.start(config(rig), '--oneshot')).toBe(0);
  });
});

describe('alone', () => {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const END = new Date(START.getTime() + 3600_000);
  const LATER = new Date(START.getTime() + 7200_000);
  const destination = (name: string, wish: string) => ({ name, wish }) as Destination;
  const [first, second] = [destination('a\n\u001bb', 'own'), destination('x'.repeat(300), 'other')];
  const held = {
    instance: { id: 'id-1', generation: 2, key },
    own: { tls: encodePem('CERTIFICATE', Buffer.from('leaf')), expires: END },
    certificates: new Map([['other', { expires: LATER }]]),
  } as unknown as Held;
  const written = (...unwritten: readonly Destination[]): Written => ({
    held,
    destinations: [first, second, destination('\n', 'own')],
    unwritten,
  });

  function heartbeats(answer: () => Promise<void> = async () => undefined) {
    const clock = createClock();
    const bodies: HeartbeatBody[] = [];
    const said: string[] = [];
    const log = { debug: (message: string) => said.push(message) } as unknown as Log;
    const heartbeat = (body: HeartbeatBody) => {
      bodies.push(body);
      return answer();
    };
    const later = (ms: number) => clock.sleep(ms, new AbortController().signal);
    return { bodies, said, later, send: heartbeatsTo({ heartbeat }, { clock, log }) };
  }

  test('it says of each place what belongs there, in one line of at most 256 characters', async () => {
    const { bodies, send } = heartbeats();
    await send(written(second));
    const [body] = bodies;
    expect(JSON.parse(body?.heartbeat ?? '')).toMatchObject({
      instance: { id: 'id-1', generation: 2 },
      time: '2026-11-20T19:05:00Z',
      outputs: [
        { directory: 'a b', state: 'written', expires: '2026-11-20T20:05:00Z' },
        {
          directory: `${'x'.repeat(255)}…`,
          state: 'failed',
          expires: '2026-11-20T21:05:00Z',
        },
        { directory: '-', state: 'written', expires: '2026-11-20T20:05:00Z' },
      ],
    });
    // Without an issuer beside it: the broker will not believe it.
    expect(body?.certificates).toEqual([Buffer.from('leaf').toString('base64'), '']);
  });

  test('it is sent again after six hours, and once other places fail', async () => {
    const { bodies, send, later } = heartbeats();
    for (const [ms, failing] of [
      [0, []],
      [6 * 3600_000 - 1, []],
      [1, []],
      [0, [first]],
      [0, [second]],
      [0, [first, second]],
      [0, [first, second]],
    ] as const) {
      await later(ms);
      await send(written(...failing));
      bodies.push({} as HeartbeatBody);
    }
    const sent = bodies.map((body) => ('heartbeat' in body ? 'sent' : '|')).join('');
    expect(sent).toBe('sent||sent|sent|sent|sent||');
  });

  test('what the network says is for the debug log, and a mistake of ours is none of it', async () => {
    const failed = heartbeats(() => Promise.reject(new Failure('throttled', 'no')));
    await failed.send(written());
    await failed.send(written());
    expect(failed.said).toEqual(['no heartbeat: no', 'no heartbeat: no']);
    const mistake = new RangeError('x');
    const broken = heartbeats(() => Promise.reject(mistake));
    await expect(broken.send(written())).rejects.toBe(mistake);
  });
});

test('a real broker believes it', async () => {
  const rig = await createSecretRig();
  expect(await rig.once()).toBe(0);
  const rows = await rig.api.tables.instances.list({});
  const kept = rows.find(({ partition }) => partition.startsWith('heartbeat:'));
  expect(JSON.parse(String(kept?.values['record']))).toMatchObject({ host: hostname() });
});
