/** What mutants are made of is accepted as it is: of anything else a mutant would test nothing. */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { decodeSinglePem } from '../../shared/encoding/pem.ts';
import { makeIamJoin } from '../broker/aws-joiner.ts';
import { hasProgram } from '../programs.ts';
import { allowComparisons } from './comparisons.ts';
import { bytesOf } from './mutation.ts';
import { opensslReadsRequest, sshReadsKey } from './openssl.ts';
import {
  acted,
  type Batch,
  createBatch,
  heartbeatSeed,
  renewalSeeds,
  resourceSent,
  restoreSeed,
  rotateSeed,
  type Sent,
  SSH_KEY,
  secretSeed,
} from './seeds.ts';
import { compared } from './stranger-mutations.ts';

async function statusOf({ scene: { api } }: Batch, sent: Sent): Promise<number> {
  const { method = 'POST', path = '/v1/join', headers = {}, body } = sent;
  return (await api.request(method, path, { body, headers })).status;
}

test('a join of a machine of Azure is admitted', async () => {
  const batch = await createBatch();
  expect(await statusOf(batch, { body: batch.body })).toBe(200);
});

test('a resource of each kind is created', async () => {
  const batch = await createBatch();
  for (const resource of batch.resources)
    expect(await statusOf(batch, resourceSent(batch, resource, resource)), resource.kind).toBe(201);
});

test.each<[string, (batch: Batch) => Promise<readonly Sent[]>, number]>([
  [
    'a heartbeat',
    async (batch) => [{ path: '/v1/heartbeat', body: await heartbeatSeed(batch) }],
    204,
  ],
  [
    'each question what would happen',
    async (batch) => batch.explained.map((body) => acted(batch, '/v1/explain', body)),
    200,
  ],
  [
    'a rotation',
    async (batch) => [acted(batch, '/v1/authorities/ssh-user/rotate', await rotateSeed(batch))],
    200,
  ],
  [
    'a restore',
    async (batch) => [acted(batch, '/v1/authorities/restore', await restoreSeed(batch))],
    200,
  ],
  [
    'a join by AWS',
    async ({ scene, credentials }) => [makeIamJoin(scene.api.clock, credentials)],
    200,
  ],
  ['a join with a secret', async (batch) => [await secretSeed(batch)], 200],
  [
    'each renewal',
    async (batch) => {
      const { azure, byKey } = await renewalSeeds(batch);
      return [{ body: await azure() }, { body: await byKey() }];
    },
    200,
  ],
])('%s is accepted', async (_, seedsOf, status) => {
  const batch = await createBatch();
  const seeds = await seedsOf(batch);
  for (const seed of seeds) expect(await statusOf(batch, seed)).toBe(status);
});

describe.skipIf(!hasProgram('openssl') || !hasProgram('ssh-keygen'))(
  'compared with what other programs say of the same,',
  () => {
    test('OpenSSL accepts the document', async () => {
      const batch = await createBatch();
      const { attested_data, intermediates } = batch.azure;
      allowComparisons(1);
      const document = bytesOf(attested_data.signature);
      expect(compared(batch, document, intermediates.map(bytesOf))).toBeUndefined();
    });

    test('OpenSSL reads the CSR, and ssh-keygen the key', async () => {
      const { body } = await createBatch();
      const { csr } = JSON.parse(body.request).certificates[0];
      expect(opensslReadsRequest(decodeSinglePem('CERTIFICATE REQUEST', csr) ?? Buffer.of())).toBe(
        true,
      );
      expect(sshReadsKey(SSH_KEY)).toBe(true);
    });
  },
);
