import { describe, expect, test } from 'vitest';
import {
  imdsNonce,
  instanceIdOf,
  joinBody,
  joinRequest,
  proofMessage,
  requestDigest,
} from '../../../shared/protocol/join.ts';
import { STRANGERS } from '../../../shared/protocol/json.ts';
import { parseJsonWith, parseWith } from '../../../shared/protocol/schema.ts';
import { hasProgram } from '../../programs.ts';
import { textOf } from '../run-program.ts';

const requests = [
  '{"broker":"example.org","token":"example-bot"}',
  '',
  ' {"spaces" : "kept"}\n\n',
  '{"quotes":"\\"\'`$(id) %s %% \\\\ \\n"}',
  '{"text":"héllo ✓ 𝄞"}',
];

describe.skipIf(!hasProgram('bash') || !hasProgram('sha256sum'))('in a shell', () => {
  // The very line of the protocol's document.
  const line = `nonce=$(printf 'join-broker-v1\\n%s' "$request" | sha256sum | cut -c1-32)`;

  test.each(requests)('the nonce of %j', (request) => {
    const script = `request=$(cat request; echo .); request=\${request%.}; ${line}; printf %s "$nonce"`;
    expect(textOf('bash', ['-c', script], { files: { request } })).toBe(imdsNonce(request));
  });
});

test('the message of every proof is the context, a line feed and the bytes of the request', () => {
  expect(Buffer.from(proofMessage('{"é"}')).toString('utf8')).toBe('join-broker-v1\n{"é"}');
});

test('the nonce is the beginning of the digest', () => {
  expect(requestDigest('{}')).toMatch(/^[0-9a-f]{64}$/);
  expect(imdsNonce('{}')).toBe(requestDigest('{}').slice(0, 32));
  expect(imdsNonce('{} ')).not.toBe(imdsNonce('{}'));
});

const certificate = { name: 'identity', csr: 'PEM' };
const request = {
  broker: 'example.org',
  id: 'a-request-of-ours',
  token: 'example-bot',
  join_method: 'azure',
  certificates: [certificate],
};

describe('a request', () => {
  test('is for a bot unless it says otherwise', () => {
    expect(parseWith(joinRequest, request)).toEqual({
      ok: true,
      value: { ...request, role: 'Bot' },
    });
  });

  test('may say everything about a certificate', () => {
    const full = {
      ...certificate,
      type: 'user',
      ssh_public_key: 'ssh-ed25519 AAAA',
      roles: [],
      ttl: '1h30m',
    };
    expect(parseWith(joinRequest, { ...request, certificates: [full] }).ok).toBe(true);
  });

  test.each([
    ['broker', { broker: '' }],
    ['broker', { broker: 'Example.org' }],
    ['id', { id: 'a'.repeat(15) }],
    ['id', { id: 'a'.repeat(65) }],
    ['instance.key', { instance: { id: crypto.randomUUID(), generation: 1, key: 1 } }],
    ['time', { time: '2026-11-20' }],
    ['token', { token: '../x' }],
    ['join_method', { join_method: 'password' }],
    ['role', { role: 'Admin' }],
    ['certificates', { certificates: [] }],
    ['certificates', { certificates: Array(17).fill(certificate) }],
    ['certificates[0].csr', { certificates: [{ name: 'a' }] }],
    ['certificates[0].csr', { certificates: [{ ...certificate, csr: 'x'.repeat(8193) }] }],
    ['certificates[0].type', { certificates: [{ ...certificate, type: 'both' }] }],
    [
      'certificates[0].ssh_public_key',
      { certificates: [{ ...certificate, ssh_public_key: 'x'.repeat(4097) }] },
    ],
    ['certificates[0].roles', { certificates: [{ ...certificate, roles: Array(33).fill('a') }] }],
    ['certificates[0].roles[0]', { certificates: [{ ...certificate, roles: ['*'] }] }],
    ['certificates[0].ttl', { certificates: [{ ...certificate, ttl: 'forever' }] }],
    ['certificates[0].principals', { certificates: [{ ...certificate, principals: ['root'] }] }],
    ['extra', { extra: 1 }],
  ])('is refused at %s', (field, change) => {
    expect(parseWith(joinRequest, { ...request, ...change })).toMatchObject({
      ok: false,
      problem: { field },
    });
  });
});

describe('a body', () => {
  const body = {
    request: '{}',
    azure: { attested_data: { encoding: 'pkcs7', signature: 'AA==' }, access_token: 'a.b.c' },
  };
  const azure = (change: object) => ({ azure: { ...body.azure, ...change } });

  test('needs no intermediates', () => {
    expect(parseWith(joinBody, body)).toMatchObject({
      ok: true,
      value: { azure: { intermediates: [] } },
    });
  });

  test.each([
    ['request', { request: {} }],
    ['request', { request: 'x'.repeat(61_441) }],
    ['azure.attested_data', azure({ attested_data: undefined })],
    [
      'azure.attested_data.encoding',
      azure({ attested_data: { encoding: 'pkcs12', signature: '' } }),
    ],
    [
      'azure.attested_data.signature',
      azure({ attested_data: { encoding: 'pkcs7', signature: 'x'.repeat(16_385) } }),
    ],
    ['azure.intermediates', azure({ intermediates: Array(7).fill('') })],
    ['azure.intermediates[0]', azure({ intermediates: ['x'.repeat(8193)] })],
    ['azure.access_token', azure({ access_token: 'x'.repeat(16_385) })],
    ['azure.resource_id', azure({ resource_id: 'x'.repeat(1025) })],
    ['azure.client_id', azure({ client_id: 'x' })],
    ['proof', { proof: 'x'.repeat(1025) }],
    ['secret', { secret: 'x' }],
  ])('is refused at %s', (field, change) => {
    expect(parseWith(joinBody, { ...body, ...change })).toMatchObject({
      ok: false,
      problem: { field },
    });
  });
});

test('an instance gets its id from the half of the digest that is no nonce', () => {
  const digest = `${'0'.repeat(32)}f00dfacef00dfacef00dfacef00dface`;
  expect(instanceIdOf(digest)).toBe('f00dface-f00d-8ace-b00d-facef00dface');
});

test('the largest honest request, laid out in lines, and its body are within the limits for strangers', () => {
  const line = `${'A'.repeat(64)}\n`;
  const csr = `-----BEGIN CERTIFICATE REQUEST-----\n${line.repeat(27)}-----END CERTIFICATE REQUEST-----\n`;
  const roles = Array.from({ length: 32 }, (_, i) => `role-${i}`);
  const certificates = Array.from({ length: 16 }, (_, i) => ({
    name: `output-${i}`,
    type: 'user',
    csr,
    ssh_public_key: `ssh-rsa ${'A'.repeat(724)}`,
    roles,
    ttl: '1h30m',
  }));
  const instance = { id: '01a1fa95-c122-4a58-aa32-c69cc852cfc7', generation: 1_000_000 };
  const text = JSON.stringify({ ...request, role: 'Bot', instance, certificates }, null, 2);
  expect(parseJsonWith(joinRequest, text, STRANGERS)).toMatchObject({ ok: true });
  const azure = {
    attested_data: { encoding: 'pkcs7', signature: 'A'.repeat(4000) },
    intermediates: Array.from({ length: 6 }, () => 'A'.repeat(2000)),
    access_token: 'A'.repeat(2000),
    resource_id: '/subscriptions/x',
  };
  const body = JSON.stringify({ request: text, azure, proof: 'A'.repeat(344) }, null, 2);
  expect(parseJsonWith(joinBody, body, STRANGERS)).toMatchObject({ ok: true });
});
