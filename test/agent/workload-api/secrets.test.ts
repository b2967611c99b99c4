/** Envoy's secret discovery service on the Workload API's socket, message by message. Envoy itself: test/scenarios. */
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { Client, credentials, type Server, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { X509Svid } from '../../../agent/workload-api/messages.ts';
import {
  discoveryResponse,
  readDiscoveryRequest,
  SECRET_TYPE,
} from '../../../agent/workload-api/secret-messages.ts';
import { addSecretService } from '../../../agent/workload-api/secret-service.ts';
import { SecretRefusal } from '../../../agent/workload-api/secret-stream.ts';
import { secretsFor } from '../../../agent/workload-api/secrets.ts';
import { serveWorkloadApi } from '../../../agent/workload-api/server.ts';
import { type Field, message, readMessage } from '../../../agent/workload-api/wire.ts';
import { temporaryFolder } from '../folder.ts';

const ID = 'spiffe://example.org/bot/x/1';
const DOMAIN = 'spiffe://example.org';
const ALL = 'ALL';
const SVID: X509Svid = {
  id: ID,
  chain: [Buffer.from('leaf'), Buffer.from('issuing')],
  key: Buffer.from('key'),
  authorities: [Buffer.from('root')],
};
const NONE = Buffer.alloc(0);
const OTHER = { ...SVID, chain: [Buffer.from('another leaf')] };

interface Asked {
  readonly names?: readonly string[];
  readonly type?: string;
  readonly version?: string;
  readonly nonce?: string;
  readonly error?: string;
  /** The fields of `Node`. */
  readonly node?: readonly Field[];
}

const requestOf = ({ names = [], type = SECRET_TYPE, version, nonce, error, node }: Asked) =>
  message([
    ...(version === undefined ? [] : [[1, version] as const]),
    ...(node ? [[2, message(node)] as const] : []),
    ...names.map((name) => [3, name] as const),
    [4, type],
    ...(nonce === undefined ? [] : [[5, nonce] as const]),
    ...(error === undefined ? [] : [[6, message([[2, error]])] as const]),
  ]);

/** `Node` of an Envoy of this version: numbers are varints. */
const envoy = (major: number, minor: number): readonly Field[] => [
  [8, message([[1, Buffer.from([0x08, major, 0x10, minor])]])],
];

interface Response {
  readonly version: string;
  readonly nonce: string;
  readonly secrets: readonly Buffer[];
}

function responseOf(bytes: Buffer): Response {
  const read = readMessage(bytes, [1, 2, 5]);
  const text = (number: number) => read.bytes(number)[0]?.toString() ?? '';
  const secrets = read.bytes(2).flatMap((any) => readMessage(any, [2]).bytes(2));
  return { version: text(1), nonce: text(5), secrets };
}

/** The secrets themselves, as `secretsFor` makes them. */
const made = (names: readonly string[], svid = SVID): readonly Buffer[] => {
  const found = secretsFor(names, svid, undefined);
  if (!found.ok) throw new Error('there is no such secret');
  return found.secrets;
};

const same = (bytes: Buffer) => bytes;
const PATH = '/envoy.service.secret.v3.SecretDiscoveryService';

async function serve() {
  const path = join(await temporaryFolder(), 'w.sock');
  const warnings: string[] = [];
  const api = await serveWorkloadApi(
    { path, mode: 0o600 },
    async () => undefined,
    (said) => {
      warnings.push(said);
    },
  );
  const client = new Client(`unix:${path}`, credentials.createInsecure());
  onTestFinished(async () => {
    client.close();
    await api.close();
  });
  /** A stream: `next` gives what comes, one after the other. */
  const stream = (method = 'StreamSecrets') => {
    const call = client.makeBidiStreamRequest(`${PATH}/${method}`, same, same);
    const come: (Response | ServiceError)[] = [];
    let wake = (): void => undefined;
    const take = (one: Response | ServiceError): void => {
      come.push(one);
      wake();
    };
    call.on('data', (bytes: Buffer) => take(responseOf(bytes)));
    call.on('error', (error: ServiceError) => take(error));
    return {
      ask: (asked: Asked) => void call.write(requestOf(asked)),
      send: (bytes: Buffer) => void call.write(bytes),
      end: () => call.end(),
      ended: new Promise<void>((resolve) => call.on('end', resolve)),
      async next(): Promise<Response & ServiceError> {
        while (come.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        return come.shift() as Response & ServiceError;
      },
    };
  };
  const fetchOnce = (bytes: Buffer): Promise<Response & ServiceError> =>
    new Promise((resolve) => {
      client.makeUnaryRequest(`${PATH}/FetchSecrets`, same, same, bytes, (error, answer) =>
        resolve((error ?? responseOf(answer ?? Buffer.alloc(0))) as Response & ServiceError),
      );
    });
  /** What was asked before has come to the server: one connection keeps its order. */
  const settled = () => fetchOnce(requestOf({}));
  return { api, stream, fetchOnce, settled, warnings };
}

describe('the secrets', () => {
  const PEM = (der: string) =>
    `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;

  test.each(['default', ID])('%s is the certificate, its chain and its key', (name) => {
    const [secret = Buffer.alloc(0)] = made([name]);
    const [certificate = Buffer.alloc(0)] = readMessage(secret, [2]).bytes(2);
    const inline = (number: number) =>
      readMessage(readMessage(certificate, [number]).bytes(number)[0] ?? Buffer.alloc(0), [2])
        .bytes(2)
        .join('');
    expect(readMessage(secret, [1]).bytes(1).join('')).toBe(name);
    expect(inline(1)).toBe(PEM('leaf') + PEM('issuing'));
    expect(inline(2)).toBe('-----BEGIN PRIVATE KEY-----\na2V5\n-----END PRIVATE KEY-----\n');
  });

  test.each(['ROOTCA', 'ALL', DOMAIN])('%s has the authorities, and no key', (name) => {
    const [secret = Buffer.alloc(0)] = made([name]);
    expect(readMessage(secret, [1]).bytes(1).join('')).toBe(name);
    expect(readMessage(secret, [4]).bytes(4).join('')).toContain(PEM('root'));
    expect(secret.toString()).not.toContain('PRIVATE KEY');
  });

  test.each([
    [undefined, false],
    [{ major: 0, minor: 40 }, false],
    [{ major: 1, minor: 17 }, false],
    [{ major: 1, minor: 18 }, true],
    [{ major: 2, minor: 0 }, true],
  ])('for Envoy %j ask for a SPIFFE ID of the trust domain: %s', (version, asks) => {
    const found = secretsFor(['ROOTCA'], SVID, version);
    const text = found.ok ? found.secrets.join('') : '';
    expect(text.includes('envoy.tls.cert_validator.spiffe')).toBe(asks);
    expect(text.includes('\x0bexample.org')).toBe(asks);
  });

  test('for a newer Envoy have its validator of SPIFFE IDs, with the trust domain and its authorities', () => {
    const found = secretsFor(['ROOTCA'], SVID, { major: 1, minor: 18 });
    const inside = (bytes: Buffer | undefined, ...path: readonly number[]): string =>
      path
        .reduce((of, number) => readMessage(of, [number]).bytes(number)[0] ?? NONE, bytes ?? NONE)
        .toString();
    const [secret] = found.ok ? found.secrets : [];
    const types = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
    expect(inside(secret, 1)).toBe('ROOTCA');
    expect(inside(secret, 4, 12, 1)).toBe('envoy.tls.cert_validator.spiffe');
    expect(inside(secret, 4, 12, 2, 1)).toBe(`${types}.SPIFFECertValidatorConfig`);
    expect(inside(secret, 4, 12, 2, 2, 1, 1)).toBe('example.org');
    expect(inside(secret, 4, 12, 2, 2, 1, 2, 2)).toBe(PEM('root'));
  });
});

describe('a stream of secrets', () => {
  test('has what was asked for, and each renewal once the one before was taken', async () => {
    const { api, stream } = await serve();
    api.publish(SVID);
    const { ask, next } = stream();
    ask({ names: ['default', 'ROOTCA'] });
    const first = await next();
    expect(first.secrets).toEqual(made(['default', 'ROOTCA']));
    expect(first.version).toMatch(/^[0-9a-f]{16}$/);
    ask({ names: ['default', 'ROOTCA'], version: first.version, nonce: first.nonce });
    api.publish(OTHER);
    const second = await next();
    expect(second.secrets).toEqual(made(['default', 'ROOTCA'], OTHER));
    expect(second.version).not.toBe(first.version);
    expect(second.nonce).not.toBe(first.nonce);
  });

  test('that was opened before there was anything has it once there is', async () => {
    const { api, stream, settled } = await serve();
    const { ask, next } = stream();
    ask({ names: ['default'] });
    await settled();
    api.publish(SVID);
    expect((await next()).secrets).toEqual(made(['default']));
  });

  test('is not sent again what was refused, but is sent what comes next; the log says so', async () => {
    const { api, stream, warnings, settled } = await serve();
    api.publish(SVID);
    const { ask, next } = stream();
    ask({ names: ['default'] });
    const first = await next();
    ask({ names: ['default'], nonce: first.nonce, error: 'no good\u001b[31m' });
    ask({ names: ['default'], nonce: first.nonce, error: 'again' });
    // A change of names is answered: so what came before it was not.
    ask({ names: ['ROOTCA'], nonce: first.nonce });
    const second = await next();
    expect(second.secrets).toEqual(made(['ROOTCA']));
    expect(second.version).toBe(first.version);
    expect(warnings).toEqual(['Envoy did not take a secret: no good [31m']);
    ask({ names: ['ROOTCA'], nonce: second.nonce, error: 'no better' });
    await settled();
    expect(warnings.slice(1)).toEqual(['Envoy did not take a secret: no better']);
    api.publish(OTHER);
    expect((await next()).secrets).toEqual(made(['ROOTCA'], OTHER));
  });

  test('ignores what answers something older', async () => {
    const { api, stream, warnings } = await serve();
    api.publish(SVID);
    const { ask, next } = stream();
    ask({ names: ['default'] });
    const first = await next();
    ask({ names: ['ROOTCA'], nonce: 'older', error: 'older' });
    ask({ names: ['ROOTCA'] });
    ask({ names: ['default', 'ROOTCA'], nonce: first.nonce });
    expect((await next()).secrets).toEqual(made(['default', 'ROOTCA']));
    expect(warnings).toEqual([]);
  });

  test('without names has everything; with none any more, nothing', async () => {
    const { api, stream, settled } = await serve();
    api.publish(SVID);
    const { ask, next } = stream();
    ask({ type: '' });
    const all = await next();
    expect(all.secrets).toEqual(made([ID, DOMAIN]));
    // It has been taken: nothing is to be sent.
    ask({ nonce: all.nonce });
    ask({ names: ['default'], nonce: all.nonce });
    const one = await next();
    ask({ names: [], nonce: one.nonce });
    await settled();
    api.publish(OTHER);
    ask({ names: [DOMAIN], nonce: one.nonce });
    expect((await next()).secrets).toEqual(made([DOMAIN], OTHER));
  });

  test('without names has each renewal of everything', async () => {
    const { api, stream, settled } = await serve();
    api.publish(SVID);
    const { ask, next } = stream();
    ask({});
    ask({ nonce: (await next()).nonce });
    await settled();
    api.publish(OTHER);
    expect((await next()).secrets).toEqual(made([ID, DOMAIN], OTHER));
  });

  test('is answered though its first request names what another stream was sent', async () => {
    const { api, stream } = await serve();
    api.publish(SVID);
    const { ask, next } = stream();
    ask({ names: ['default'], nonce: 'older' });
    expect((await next()).secrets).toEqual(made(['default']));
  });

  test('has fewer names, others, and each once, as it asks', async () => {
    const { api, stream } = await serve();
    api.publish(SVID);
    const { ask, next } = stream();
    let nonce: string | undefined;
    for (const names of [['default', 'ROOTCA'], ['default', ALL, ALL], ['default']]) {
      ask({ names, ...(nonce !== undefined && { nonce }) });
      const answer = await next();
      expect(answer.secrets).toEqual(made([...new Set(names)]));
      nonce = answer.nonce;
    }
  });

  test('is not sent again what has been taken, in whatever order it is named', async () => {
    const { api, stream, settled } = await serve();
    api.publish(SVID);
    const { ask, next } = stream();
    ask({ names: ['default', 'ROOTCA'] });
    const { nonce } = await next();
    ask({ names: ['ROOTCA', 'default'], nonce });
    await settled();
    ask({ names: [ALL], nonce });
    expect((await next()).secrets).toEqual(made([ALL]));
  });

  test("that has asked for nothing yet is sent nothing, and is in nobody's way", async () => {
    const { api, stream, settled } = await serve();
    const { ask, next } = stream();
    await settled();
    api.publish(SVID);
    ask({ names: ['default'] });
    expect((await next()).secrets).toEqual(made(['default']));
  });

  test('has another version for other authorities', async () => {
    const { api, stream } = await serve();
    api.publish(SVID);
    const { ask, next } = stream();
    ask({ names: ['ROOTCA'] });
    const first = await next();
    api.publish({ ...SVID, authorities: [Buffer.from('another root')] });
    expect((await next()).version).not.toBe(first.version);
  });

  test('may name sixteen secrets, and in 2048 characters one that there is not', async () => {
    const { api, fetchOnce } = await serve();
    api.publish(SVID);
    const most = await fetchOnce(requestOf({ names: Array(16).fill('default') }));
    expect(most.secrets).toEqual(made(['default']));
    const ask = (length: number) =>
      fetchOnce(requestOf({ names: ['default', 'x'.repeat(length)] }));
    expect((await ask(2048)).details).toContain('there is no secret "x');
    expect((await ask(2049)).details).toContain('of at most 2048 characters');
    const two = await fetchOnce(requestOf({ names: ['x', 'y'] }));
    expect(two.details).toBe(
      `there is no secret "x", "y": expected default, ROOTCA, ALL, ${ID} or its trust domain`,
    );
  });

  test('remembers which Envoy it is from its first request', async () => {
    const { api, stream } = await serve();
    api.publish(SVID);
    const { ask, next } = stream();
    ask({ names: ['ROOTCA'], node: envoy(1, 40) });
    const first = await next();
    expect(first.secrets.join('')).toContain('envoy.tls.cert_validator.spiffe');
    ask({ names: [DOMAIN], nonce: first.nonce });
    expect((await next()).secrets.join('')).toContain('envoy.tls.cert_validator.spiffe');
  });

  test('has the same version for the same content, in another agent too', async () => {
    const versions: string[] = [];
    for (let agents = 0; agents < 2; agents += 1) {
      const { api, stream } = await serve();
      api.publish(SVID);
      const { ask, next } = stream();
      ask({ names: ['default'] });
      versions.push((await next()).version);
    }
    expect(versions[0]).toBe(versions[1]);
  });

  test.each([
    [
      'an unknown name',
      requestOf({ names: ['default', 'other'] }),
      'there is no secret "other": expected default, ROOTCA, ALL,',
    ],
    [
      'another trust domain',
      requestOf({ names: ['spiffe://other.org'] }),
      'there is no secret "spiffe://other.org"',
    ],
    [
      'a name of every object',
      requestOf({ names: ['constructor'] }),
      'there is no secret "constructor"',
    ],
    ['another type', requestOf({ type: 'type.googleapis.com/x' }), 'expected the type'],
    [
      'too many names',
      requestOf({ names: Array(17).fill('default') }),
      'expected at most 16 names',
    ],
    ['a long name', requestOf({ names: ['x'.repeat(3000)] }), 'of at most 2048 characters'],
    ['what is no message', Buffer.from([0x0a, 0x05, 0x41]), 'the message is cut off'],
    ['what is no text', Buffer.from([0x1a, 0x01, 0xff]), 'a text is not UTF-8'],
  ])('ends with %s', async (_, bytes, said) => {
    const { api, stream, fetchOnce } = await serve();
    api.publish(SVID);
    const { send, next } = stream();
    send(bytes);
    expect(await next()).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(said),
    });
    expect(await fetchOnce(bytes)).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(said),
    });
  });

  test('ends when its names mean nothing any more, and when the client ends it', async () => {
    const { api, stream } = await serve();
    api.publish(SVID);
    const one = stream();
    one.ask({ names: [ID] });
    await one.next();
    api.publish({ ...OTHER, id: 'spiffe://example.org/bot/x/2' });
    expect(await one.next()).toMatchObject({ code: status.INVALID_ARGUMENT });
    const two = stream();
    two.ask({ names: ['default'] });
    await two.next();
    two.end();
    await two.ended;
  });

  test('takes the large first request of an Envoy, and no larger one', async () => {
    const { api, stream } = await serve();
    api.publish(SVID);
    const { ask, next } = stream();
    ask({ names: ['default'], node: [[9, Buffer.alloc(200 * 1024)]] });
    expect((await next()).secrets).toHaveLength(1);
    const other = stream();
    other.ask({ names: ['default'], node: [[9, Buffer.alloc(300 * 1024)]] });
    expect(await other.next()).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });
});

test('a question without a stream has an answer without a nonce', async () => {
  const { api, fetchOnce } = await serve();
  expect(await fetchOnce(requestOf({}))).toMatchObject({
    code: status.UNAVAILABLE,
    details: 'there was no join yet',
  });
  api.publish(SVID);
  const answer = await fetchOnce(requestOf({ names: ['ROOTCA'] }));
  expect(answer.secrets).toEqual(made(['ROOTCA']));
  expect(answer.nonce).toBe('');
});

test('the incremental form is not implemented', async () => {
  const { stream } = await serve();
  const { ask, next } = stream('DeltaSecrets');
  ask({});
  expect(await next()).toMatchObject({ code: status.UNIMPLEMENTED });
});

/** The service with streams that only write down what is written to them. */
function serveAlone() {
  const handlers: Partial<Record<'StreamSecrets' | 'FetchSecrets', (...args: unknown[]) => void>> =
    {};
  const server = { addService: (_: unknown, made: object) => Object.assign(handlers, made) };
  const { publish } = addSecretService(server as unknown as Server, () => undefined);
  const open = () => {
    const written: string[] = [];
    const end = (): void => void written.push('the end');
    const write = (bytes: Buffer): void => void written.push(responseOf(bytes).secrets.join());
    const stream = Object.assign(new EventEmitter(), { write, end });
    stream.on('error', ({ code }: ServiceError) => written.push(`error ${code}`));
    handlers.StreamSecrets?.(stream);
    return { stream, written, ask: (asked: Asked) => stream.emit('data', requestOf(asked)) };
  };
  return { publish, open, handlers };
}

describe('a stream that is over', () => {
  const DEFAULT = made(['default']).join();

  test.each(['cancelled', 'close', 'error'])('(%s) is sent nothing more', (event) => {
    const { publish, open } = serveAlone();
    publish(SVID);
    const { stream, written, ask } = open();
    const other = open();
    for (const one of [{ ask }, other]) one.ask({ names: ['default'] });
    stream.emit(event, { code: 'x' });
    publish(OTHER);
    ask({ names: ['ROOTCA'] });
    expect(written).toEqual([DEFAULT, ...(event === 'error' ? ['error x'] : [])]);
    expect(other.written).toEqual([DEFAULT, made(['default'], OTHER).join()]);
  });

  test('because the client ends it is sent nothing more', () => {
    const { publish, open } = serveAlone();
    publish(SVID);
    const { stream, written, ask } = open();
    ask({ names: ['default'] });
    stream.emit('end');
    publish(OTHER);
    expect(written).toEqual([DEFAULT, 'the end']);
  });

  test('because of a wrong request has no right one', () => {
    const { publish, open } = serveAlone();
    publish(SVID);
    const { written, ask } = open();
    ask({ names: ['x'] });
    ask({ names: ['default'] });
    publish(OTHER);
    expect(written).toEqual([`error ${status.INVALID_ARGUMENT}`]);
  });
});

test("a mistake of ours is no client's", () => {
  const { publish, open, handlers } = serveAlone();
  publish({ ...SVID, key: undefined } as unknown as X509Svid);
  const { written, ask } = open();
  expect(() => ask({ names: ['default'] })).toThrow(TypeError);
  const answer = () => expect.unreachable('it is answered');
  const request = requestOf({ names: ['default'] });
  expect(() => handlers.FetchSecrets?.({ request }, answer)).toThrow(TypeError);
  expect(written).toEqual([]);
});

describe('messages', () => {
  test('are those of discovery.proto', () => {
    expect(discoveryResponse('v', 'n', [Buffer.from('s')]).toString('latin1')).toBe(
      `\x0a\x01v\x12\x49\x0a\x44${SECRET_TYPE}\x12\x01s\x22\x44${SECRET_TYPE}\x2a\x01n`,
    );
    expect(readDiscoveryRequest(requestOf({ names: ['a', '', 'b'], node: envoy(1, 40) }))).toEqual({
      envoy: { major: 1, minor: 40 },
      names: ['a', 'b'],
      type: SECRET_TYPE,
      nonce: '',
      error: undefined,
    });
    expect(discoveryResponse('v', '', []).toString('latin1')).toBe(
      `\x0a\x01v\x22\x44${SECRET_TYPE}`,
    );
    const text = (bytes: Buffer) => readDiscoveryRequest(bytes).nonce;
    const twice = message([
      [5, 'a'],
      [5, 'b'],
    ]);
    expect([message([]), twice].map(text)).toEqual(['', 'b']);
    const errors = [message([[2, 'a']]), message([[2, 'b']])].map((one) => [6, one] as const);
    expect(readDiscoveryRequest(message(errors)).error).toBe('b');
    const nodes = [envoy(1, 17), envoy(1, 18)].map((one) => [2, message(one)] as const);
    expect(readDiscoveryRequest(message(nodes)).envoy).toEqual({ major: 1, minor: 18 });
  });

  test('with a text that is none are refused, with the reason', () => {
    expect(() => readDiscoveryRequest(message([[5, Buffer.of(0xff)]]))).toThrow(
      expect.objectContaining({ name: 'RangeError', cause: expect.any(TypeError) }),
    );
    expect(new SecretRefusal('x').name).toBe('SecretRefusal');
  });

  test.each([
    ['a number of ten bytes', [0x08, ...Array(9).fill(0xff), 0x01]],
    ['a number that never ends', [0x08, ...Array(20).fill(0x80)]],
    ['a number that is longer than it has to be', [0x08, ...Array(12).fill(0x80), 0x00]],
    ['a number that is cut off', [0x08, 0x80]],
    ['a length beyond its end', [0x0a, 0x02, 0x41]],
    ['a fixed number that is cut off', [0x09, 0, 0, 0]],
    ['a number beyond 2^53', [0x08, ...Array(7).fill(0x80), 0x10]],
    ['a group', [0x0b, 1, 2, 3, 4]],
    ['the end of a group', [0x0c, 1, 2, 3, 4]],
    ['the wire type 6', [0x0e, 1, 2, 3, 4]],
    ['the wire type 7', [0x0f, 1, 2, 3, 4]],
    ['a field without a number', [0x02, 0x00]],
  ])('with %s are refused', (_, bytes) => {
    expect(() => readMessage(Buffer.from(bytes), [1])).toThrow(RangeError);
  });

  test('may have the largest number that there is, and one in nine bytes', () => {
    const read = (...bytes: readonly number[]) =>
      readMessage(Buffer.from([0x08, ...bytes]), []).number(1);
    expect(read(...Array(7).fill(0xff), 0x0f)).toBe(Number.MAX_SAFE_INTEGER);
    expect(read(0x81, ...Array(7).fill(0x80), 0x00)).toBe(1);
  });

  test('may have fields that mean nothing here', () => {
    const bytes = [0x09, ...Array(8).fill(1), 0x0d, 1, 2, 3, 4, 0x10, 0xac, 0x02, 0x1a, 1, 0x41];
    const read = readMessage(Buffer.from(bytes), [1, 3]);
    expect(read.number(2)).toBe(300);
    expect(read.bytes(3).join('')).toBe('A');
    expect(read.bytes(1)).toEqual([]);
    expect(readMessage(Buffer.from(bytes), []).bytes(3)).toEqual([]);
  });

  test('repeat a field that counts 256 times at most, and any other as often as they like', () => {
    const times = (many: number, number: number) =>
      message(Array.from({ length: many }, () => [number, ''] as const));
    expect(readMessage(times(256, 3), [3]).bytes(3)).toHaveLength(256);
    expect(() => readMessage(times(257, 3), [3])).toThrow('a field is repeated too often');
    // Where each one copied all before it, this took minutes.
    const [most, other] = [256 * 1024, Buffer.from([0xa2, 0x06, 0])];
    expect(readDiscoveryRequest(Buffer.alloc(most - (most % 3), other)).names).toEqual([]);
  });
});
