import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import { problemAnswer } from './fake-broker.ts';
import { createRig, guideConfig } from './rig.ts';

test('sends all evidence, the nonce being the hash of the request', async () => {
  const rig = await createRig();
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(0);
  const { body } = rig.broker.joins[0] ?? {};
  expect(body?.azure?.resource_id).toBe(rig.vm.resourceId);
  expect(body?.azure?.intermediates).toEqual(rig.vm.intermediates.map(encodeBase64));
  const hash = createHash('sha256').update(`join-broker-v1\n${body?.request}`).digest('hex');
  const document = Buffer.from(body?.azure?.attested_data.signature ?? '', 'base64');
  expect(document.includes(`"nonce":"${hash.slice(0, 32)}"`)).toBe(true);
});

test('asks for the audience and the identity that the config names', async () => {
  const rig = await createRig();
  const subscription = rig.vm.subscription;
  rig.vm.assign(
    subscription.userAssignedIdentity('bot', {
      resourceGroup: 'ids',
      clientId: '22222222-2222-2222-2222-222222222222',
    }),
  );
  const azure =
    'azure :\n    client_id: 22222222-2222-2222-2222-222222222222\n    audience: api://example\n';
  expect(await rig.start(guideConfig(`  ${azure}`), '--oneshot')).toBe(0);
  const claims = rig.broker.joins[0]?.body.azure?.access_token.split('.')[1] ?? '';
  expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
    aud: 'api://example',
    appid: '22222222-2222-2222-2222-222222222222',
  });
});

test('sends the very same request again when the answer was lost', async () => {
  const rig = await createRig();
  rig.broker.next['/v1/join'].push('lost', () => problemAnswer('unavailable'));
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(0);
  const sent = rig.broker.calls.filter(({ path }) => path === '/v1/join').map(({ body }) => body);
  expect(sent).toHaveLength(3);
  expect(new Set(sent).size).toBe(1);
});

test.each([
  ['another request was faster', 'try_again', {}],
  ['the broker has too much to do', 429, { 'retry-after': '7' }],
] as const)('makes a new request when %s', async (_, answer, headers) => {
  const rig = await createRig();
  rig.broker.next['/v1/join'].push(() =>
    answer === 429 ? new Response('', { status: 429, headers }) : problemAnswer(answer, headers),
  );
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(0);
  const sent = rig.broker.calls.filter(({ path }) => path === '/v1/join').map(({ body }) => body);
  expect(sent).toHaveLength(2);
  expect(new Set(sent).size).toBe(2);
  expect(rig.clock.sleeps).toEqual([answer === 429 ? 7000 : 0]);
});

test('waits as long as the broker asks, then tries again', async () => {
  const rig = await createRig();
  rig.broker.next['/v1/trust'].push(() => problemAnswer('unavailable', { 'retry-after': '9' }));
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(0);
  expect(rig.clock.sleeps).toEqual([9000]);
  expect(rig.output.join('')).toContain("the broker can't do its work at the moment");
});

test('makes a new request when the document would be too old by the time the broker wants to be asked again', async () => {
  const rig = await createRig();
  for (let i = 0; i < 3; i += 1) {
    rig.broker.next['/v1/join'].push(() => problemAnswer('unavailable', { 'retry-after': '120' }));
  }
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(0);
  const sent = rig.broker.calls.filter(({ path }) => path === '/v1/join').map(({ body }) => body);
  expect(sent.map((body) => sent.indexOf(body))).toEqual([0, 0, 2, 2]);
});

test('does not try again what is refused', async () => {
  const rig = await createRig();
  rig.broker.next['/v1/join'].push(() => problemAnswer('bad_request'));
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(1);
  expect(rig.broker.calls).toHaveLength(2);
  expect(rig.output.at(-1)).toContain(
    'the broker refused the request: The request is not what was expected (request id request-1)',
  );
});

test('gives up in the end when nobody answers', async () => {
  const rig = await createRig();
  for (let i = 0; i < 6; i += 1) {
    rig.broker.next['/v1/trust'].push(() => {
      throw Object.assign(new TypeError('fetch failed'), {
        cause: Object.assign(new Error('x'), { code: 'ENOTFOUND' }),
      });
    });
  }
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(1);
  expect(rig.output.at(-1)).toBe(
    "joinbot: the broker at https://broker.example.com can't be reached: there is no such host name\n",
  );
  expect(rig.broker.calls).toHaveLength(6);
  expect(rig.clock.sleeps).toHaveLength(5);
});

test('asks again after 404 without an explanation: the function app is starting', async () => {
  const rig = await createRig();
  const starting = () => new Response('<html>', { status: 404 });
  rig.broker.next['/v1/trust'].push(starting, starting);
  rig.broker.next['/v1/join'].push(starting, starting);
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(0);
  expect(rig.broker.joins).toHaveLength(1);
});

test.each([
  [
    'text',
    () => new Response('<html>', { status: 200 }),
    'is not what this version of joinbot understands: expected JSON text',
  ],
  [
    'a page that is not there',
    () => new Response('<html>', { status: 404 }),
    'answered with status 404 and no explanation: is this the address of a join broker?',
  ],
  [
    'a redirect',
    () => new Response(null, { status: 302, headers: { location: 'http://169.254.169.254/' } }),
    'answered with status 302 and no explanation',
  ],
  ['a large answer', () => new Response('x'.repeat(2_000_000)), 'the answer is larger than'],
])('refuses %s in place of an answer', async (_, answer, said) => {
  const rig = await createRig();
  for (let i = 0; i < 6; i += 1) rig.broker.next['/v1/trust'].push(answer);
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(1);
  expect(rig.output.at(-1)).toContain(said);
});

test.each([
  [
    'another instance',
    (answer: { instance_id: string }) => ({
      ...answer,
      instance_id: '11111111-1111-4111-8111-111111111111',
    }),
    'answered a renewal with another instance',
  ],
  [
    'no certificate',
    (answer: object) => ({ ...answer, certificates: [] }),
    'granted other certificates than were asked for',
  ],
])('refuses a renewal that is answered with %s', async (_, bend, said) => {
  const rig = await createRig();
  const calls = () => rig.broker.joins.length;
  rig.broker.bend = (answer) =>
    calls() > 1 ? ({ ...answer, ...bend(answer) } as typeof answer) : answer;
  rig.stopAfterWaits(2);
  await rig.start(guideConfig());
  expect(rig.output.join('')).toContain(said);
});

test('joins afresh when the answer to a renewal was lost for good', async () => {
  const rig = await createRig();
  rig.broker.next['/v1/join'].push('right', 'lost', 'lost', 'lost', 'lost');
  rig.stopAfterWaits(6);
  await rig.start(guideConfig());
  // The broker knows the instance by the key of the lost answer, which the agent can't use.
  expect(rig.output.join('')).toContain("the broker doesn't renew this instance");
  expect(rig.output.join('').match(/INFO {2}joined as bot example/g)).toHaveLength(2);
});

test('a first join that is answered like an unknown renewal is not tried once more', async () => {
  const rig = await createRig();
  rig.broker.next['/v1/join'].push(() => problemAnswer('instance_unknown'));
  expect(await rig.start(guideConfig(), '--oneshot')).toBe(1);
  expect(rig.output.at(-1)).toContain("the broker doesn't renew this instance");
  expect(rig.output.join('')).not.toContain('joining afresh');
});

test.each([
  ['renews until the last second of its certificates', 3_599_000, 1],
  ['joins afresh from the moment in which they are over', 3_600_000, undefined],
])('%s', async (_, laterMs, generation) => {
  const rig = await createRig();
  const storage = `storage: {type: directory, path: ${join(rig.folder, 'bot')}}\n`;
  expect(await rig.start(guideConfig(storage), '--oneshot')).toBe(0);
  await rig.clock.sleep(laterMs, rig.stop.signal);
  expect(await rig.start(guideConfig(storage), '--oneshot')).toBe(0);
  expect(rig.broker.joins.map(({ request }) => request.instance?.generation)).toEqual([
    undefined,
    generation,
  ]);
});

test('does not join afresh in place of a renewal that is denied: the instance may be locked', async () => {
  const rig = await createRig();
  rig.broker.next['/v1/join'].push('right', () => problemAnswer('access_denied'));
  rig.stopAfterWaits(2);
  await rig.start(guideConfig());
  expect(rig.broker.joins).toHaveLength(1);
  expect(rig.output.join('')).toContain('ERROR the broker refused the join');
});

test('asks for the trust bundle when it holds none, and again when the bundle wants to be refreshed', async () => {
  const rig = await createRig();
  const asked = () => rig.broker.calls.map(({ path }) => path).join(' ');
  rig.stopAfterWaits(2);
  await rig.start(guideConfig());
  expect(asked()).toBe('/v1/trust /v1/join /v1/join');
});

test('names the cluster of the bundle that it verified, the instance and the generation that it replaces', async () => {
  const rig = await createRig();
  rig.stopAfterWaits(2);
  await rig.start(guideConfig());
  const [first, second] = rig.broker.joins.map(({ request }) => request);
  expect(first).toMatchObject({ broker: 'test.example.com', id: expect.any(String) });
  expect(first).not.toHaveProperty('instance');
  expect(second).toMatchObject({ instance: { id: expect.any(String), generation: 1 } });
  expect(second?.id).not.toBe(first?.id);
});
