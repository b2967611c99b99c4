import { describe, expect, it } from 'vitest';
import { brokerClient } from '../../admin/broker-client.ts';
import { patientHttp } from '../../admin/http.ts';
import { type FakeBroker, fakeBroker, problem, secretOf } from './fake-broker.ts';
import { BOT, ROLES, TOKEN } from './samples.ts';

const SECRET_TOKEN = {
  ...TOKEN,
  metadata: { name: 'example-bot', expires: '2026-11-20T13:00:00Z' },
  spec: { roles: ['Bot'], bot_name: 'example', join_method: 'token' },
};
const ORIGIN = 'https://broker.example.com';

function clientOf({ fetch }: FakeBroker) {
  let time = 0;
  const http = patientHttp({
    fetch,
    now: () => new Date(time),
    after: () => () => {},
    sleep: async (milliseconds) => {
      time += milliseconds;
    },
  });
  return brokerClient(http, ORIGIN, 'the-token');
}

/** Lets the broker do what was asked, and answers that it is busy. */
const loseAnswer = (broker: FakeBroker): void =>
  broker.intercept(async ({ url, method, headers, body }) => {
    await broker.fetch(url, { method, headers, ...(body && { body }) });
    return problem('unavailable', 'storage is slow');
  });

describe('brokerClient', () => {
  it('sends the operator’s token with every request', async () => {
    const broker = fakeBroker({ token: 'the-token' });
    await clientOf(broker).create(BOT);
    expect(broker.requests[0]?.headers.get('authorization')).toBe('Bearer the-token');
  });

  it('collects all pages of a list', async () => {
    const broker = fakeBroker({ pageSize: 2 });
    for (const role of ROLES) broker.put(role);
    expect(await clientOf(broker).list('role')).toEqual(ROLES);
    expect(broker.requests).toHaveLength(2);
  });

  it('stops where a list never ends', async () => {
    const broker = fakeBroker();
    for (let page = 0; page < 3; page += 1) {
      broker.intercept(() => Response.json({ items: [], next: 'x' }));
    }
    await expect(clientOf(broker).list('role')).rejects.toThrow('the same page again and again');
  });

  it('stops where a list of joins never ends', async () => {
    const broker = fakeBroker();
    for (let page = 0; page < 3; page += 1) {
      broker.intercept(() =>
        Response.json({ items: [], next: '01a214e6-a52d-7ecd-9c88-2880325a0217' }),
      );
    }
    await expect(clientOf(broker).joins({ since: '2026-11-20T00:00:00Z' }, 10)).rejects.toThrow(
      'the same page again and again',
    );
  });

  it('creates only what is not there, and replaces only the version it knows', async () => {
    const broker = fakeBroker();
    const client = clientOf(broker);
    expect(await client.create(BOT)).toEqual({ resource: BOT });
    expect(await client.create(BOT)).toBeUndefined();
    const stored = await client.get('bot', 'example');
    expect(await client.replace({ ...BOT, spec: { roles: [] } }, stored?.etag ?? '')).toBe(true);
    expect(await client.replace(BOT, stored?.etag ?? '')).toBe(false);
    expect(await client.replace(TOKEN, '*')).toBe(false);
    expect(await client.remove('bot', 'example')).toBe(true);
    expect(await client.remove('bot', 'example')).toBe(false);
    expect(await client.get('bot', 'example')).toBeUndefined();
  });

  it('knows its own write again when the answer was lost', async () => {
    const broker = fakeBroker();
    const client = clientOf(broker);
    loseAnswer(broker);
    expect(await client.create(BOT)).toEqual({ resource: BOT });
    const stored = await client.get('bot', 'example');
    loseAnswer(broker);
    expect(await client.replace({ ...BOT, spec: { roles: [] } }, stored?.etag ?? '')).toBe(true);
    loseAnswer(broker);
    expect(await client.remove('bot', 'example')).toBe(true);
  });

  it('knows a join token of its own again, and that its secret is lost', async () => {
    const broker = fakeBroker();
    loseAnswer(broker);
    await expect(clientOf(broker).create(SECRET_TOKEN)).rejects.toThrow(
      'token "example-bot" has been created, but the answer with its secret was lost',
    );
    loseAnswer(broker);
    const other = { ...SECRET_TOKEN, metadata: { name: 'other' } };
    broker.put({ ...other, spec: { ...other.spec, roles: ['Node'] } });
    expect(await clientOf(broker).create(other)).toBeUndefined();
  });

  it('gives the secret of a new join token, and wants one', async () => {
    const broker = fakeBroker();
    expect(await clientOf(broker).create(SECRET_TOKEN)).toEqual({
      resource: broker.stored('token', 'example-bot'),
      secret: secretOf('example-bot'),
    });
    const old = { ...SECRET_TOKEN, metadata: { name: 'old' } };
    broker.intercept(() => Response.json(old, { status: 201 }));
    await expect(clientOf(broker).create(old)).rejects.toThrow('without the secret');
  });

  it('does not take another’s write for its own', async () => {
    const broker = fakeBroker();
    broker.put({ ...BOT, spec: { roles: ['other'] } });
    broker.intercept(() => problem('unavailable', 'storage is slow'));
    expect(await clientOf(broker).create(BOT)).toBeUndefined();
  });

  it('tries once more after a lost race', async () => {
    const broker = fakeBroker();
    broker.intercept(() => problem('try_again', 'another was faster'));
    expect(await clientOf(broker).create(BOT)).toEqual({ resource: BOT });
  });

  it.each([
    [
      problem('unauthenticated', 'expired'),
      'The broker wants a sign-in (expired): run joinctl login.',
    ],
    [problem('forbidden', 'Readers may not write.'), 'Readers may not write.'],
    [problem('bad_request', 'expected a GUID', 'spec.x'), 'spec.x: expected a GUID.'],
    [problem('bad_request', 'spec.x: expected a GUID', 'spec.x'), 'spec.x: expected a GUID.'],
    [problem('internal', 'oops'), 'oops (request r-1): try again in a minute.'],
    [problem('bad_request', 'a\u001b[31mb'), 'a\u{fffd}[31mb.'],
    [
      new Response('<html>', { status: 404 }),
      'as a Join Broker does (HTTP 404): is the address right?',
    ],
    [new Response('', { status: 302 }), 'as a Join Broker does (HTTP 302): is the address right?'],
    [new Response('', { status: 500 }), 'as a Join Broker does (HTTP 500): try again in a minute'],
    [new Response('<html>'), 'does not answer as a Join Broker does: expected JSON text.'],
    [Response.json({ items: [{}] }), 'does not answer as a Join Broker does: items[0].kind'],
  ])('turns a bad answer into a sentence (%#)', async (answer, message) => {
    const broker = fakeBroker();
    broker.intercept(() => answer);
    await expect(clientOf(broker).list('bot')).rejects.toThrow(message);
  });
});
