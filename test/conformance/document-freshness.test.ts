/** Conformance: a document is good for one request, and not for long (rows D8 and D9). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import type { EvidenceOptions } from '../../local/azure/machine.ts';
import type { DenialReason } from '../../shared/protocol/denial-reason.ts';
import { imdsNonce, type JoinRequest } from '../../shared/protocol/join.ts';
import { createScene } from '../broker/fixtures.ts';
import { certificationRequest, join, joined, newKey } from '../broker/joiner.ts';
import { NOON } from '../broker/test-broker.ts';

const changed =
  (change: (request: JoinRequest) => object) =>
  (text: string): string => {
    const request = JSON.parse(text) as JoinRequest;
    return JSON.stringify({ ...request, ...change(request) });
  };

/** Changes the first certificate's wish. */
const changedWish = (wish: object) =>
  changed(({ certificates: [first, ...rest] }) => ({
    certificates: [{ ...first, ...wish }, ...rest],
  }));

const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGSfql4WY0INkyiXkOsFvcG1XwW36LYqOiQhHDo6+osi';

describe('D8 denies a document of another request, in which', () => {
  test.each([
    ['the CSR was changed', changedWish({ csr: certificationRequest(newKey()) })],
    ['an SSH key was added', changedWish({ ssh_public_key: SSH_KEY })],
    ['a role was added', changedWish({ roles: ['access'] })],
    ['roles were taken away', changedWish({ roles: [] })],
    ['the lifetime was changed', changedWish({ ttl: '2h' })],
    ['the name of a certificate was changed', changedWish({ name: 'another' })],
    [
      'a certificate was added',
      changed(({ certificates }) => ({
        certificates: [...certificates, { name: 'more', csr: certificationRequest(newKey()) }],
      })),
    ],
    ['the system role was spelled out', changed(() => ({ role: 'Bot' }))],
    ['one space was added', (text: string) => text.replace('{', '{ ')],
    ['one space was added behind it', (text: string) => `${text} `],
    ['a line feed was added behind it', (text: string) => `${text}\n`],
    ['a letter was escaped', (text: string) => text.replace('"token"', '"\\u0074oken"')],
  ])('%s', async (_, changedRequest) => {
    const { api, vm } = await createScene();
    expect(await join(api, vm, { changedRequest })).toBeDenied(api, 'document_nonce');
  });

  test('the id is another', async () => {
    const { api, vm } = await createScene();
    const id = crypto.randomUUID();
    const attempt = await join(api, vm, { changedRequest: changed(() => ({ id })) });
    expect(attempt).toBeDenied(api, 'document_nonce');
  });

  test('the join token is another', async () => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, { changedRequest: changed(() => ({ token: 'another' })) });
    expect(attempt).toBeDenied(api, 'document_nonce');
  });
});

describe('D8 denies a document whose nonce', () => {
  const nonce = (value: unknown): EvidenceOptions => ({ document: { content: { nonce: value } } });
  test.each([
    ['is missing', nonce(null), 'document_malformed'],
    ['is no text', nonce(1234), 'document_malformed'],
    ['is empty', nonce(''), 'document_nonce'],
    ["is Azure's default, a date", nonce('20261120-180000'), 'document_nonce'],
    ['is longer than any', nonce('0'.repeat(65)), 'document_malformed'],
  ] satisfies [string, EvidenceOptions, DenialReason][])('%s', async (_, evidence, reason) => {
    const { api, vm } = await createScene();
    expect(await join(api, vm, { evidence })).toBeDenied(api, reason);
  });

  test.each([
    ['is in another case', (right: string) => right.toUpperCase()],
    ['has one digit less', (right: string) => right.slice(0, -1)],
    ['has a space behind it', (right: string) => `${right} `],
  ])('%s', async (_, bend) => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, {
      changedBody: (body) => {
        const nonce = bend(imdsNonce(String(body['request'])));
        return { ...body, azure: vm.evidence({ nonce }) };
      },
    });
    expect(attempt).toBeDenied(api, 'document_nonce');
  });
});

test('D8 document and token that were copied from a join are of no use for another key', async () => {
  const { api, vm } = await createScene();
  const victim = await join(api, vm);
  expect(victim).toBeAdmitted();
  const { azure } = victim.sent as { azure: object };
  const thief = await join(api, vm, { changedBody: (body) => ({ ...body, azure }) });
  expect(thief).toBeDenied(api, 'document_nonce');
});

test('D8 a copied join that is sent again only repeats what its keys can use', async () => {
  const { api, vm } = await createScene();
  const victim = await join(api, vm);
  const copy = await api.request('POST', '/v1/join', { body: victim.sent });
  expect(joined(copy)).toMatchObject({
    instance_id: joined(victim).instance_id,
    generation: 1,
    certificates: [{ tls: expect.stringContaining('BEGIN CERTIFICATE') }],
  });
});

const SKEW_SECONDS = 60;
const at = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);

describe('D9', () => {
  /** Joins at noon. */
  async function joinWith(document: { createdOn: Date; expiresOn?: Date }) {
    const { api, vm } = await createScene();
    return { api, attempt: await join(api, vm, { evidence: { document } }) };
  }

  test.each([
    ['created as long in the future as clocks may differ', { createdOn: at(SKEW_SECONDS) }],
    ['created now', { createdOn: at(0) }],
    ['five minutes and the skew old', { createdOn: at(-300 - SKEW_SECONDS) }],
    [
      'expired for as long as clocks may differ',
      { createdOn: at(-200), expiresOn: at(-SKEW_SECONDS) },
    ],
  ])('admits a document %s', async (_, document) => {
    const { attempt } = await joinWith(document);
    expect(attempt).toBeAdmitted();
  });

  test.each([
    ['created in the future beyond the skew', { createdOn: at(SKEW_SECONDS + 1) }],
    ['older than five minutes and the skew', { createdOn: at(-300 - SKEW_SECONDS - 1) }],
    ['that has expired beyond the skew', { createdOn: at(-200), expiresOn: at(-SKEW_SECONDS - 1) }],
    ['of yesterday', { createdOn: at(-24 * 3600) }],
    ['that expires before it was created', { createdOn: at(-10), expiresOn: at(-40) }],
    ['that expires as it is created', { createdOn: at(-10), expiresOn: at(-10) }],
    [
      'made last year, good until next',
      { createdOn: at(-365 * 86_400), expiresOn: at(365 * 86_400) },
    ],
  ])('denies a document %s', async (_, document) => {
    const { api, attempt } = await joinWith(document);
    expect(attempt).toBeDenied(api, 'document_times');
  });
});
