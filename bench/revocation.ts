/**
 * How long the revocation lists take, and how large they are, with 100,000 live certificates: after locks on 1,000 instances, and
 * after one lock on all of them. In memory; what storage adds is its pages of 1,000 rows.
 */

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { authoritiesOf } from '../shared/authority/authorities.ts';
import { openGenuineKeys } from '../shared/authority/genuine-keys.ts';
import { createKeyStore } from '../shared/authority/key-store.ts';
import { openLocalCustody } from '../shared/authority/local-custody.ts';
import { foundKeys } from '../shared/authority/rotate.ts';
import { ROTATION_POLICY } from '../shared/authority/rotation-policy.ts';
import { randomSerialNumber } from '../shared/authority/tls-certificate.ts';
import { listName } from '../shared/authority/x509.ts';
import { dueRevocations, type RevocationTarget } from '../shared/revocation/due-revocations.ts';
import { makeLists } from '../shared/revocation/make-lists.ts';
import { makeRootList } from '../shared/revocation/root-list.ts';
import type { CertifiedInstance } from '../shared/storage/instances.ts';
import { createMemoryTable } from '../shared/storage/memory-tables.ts';
import { createRevocations } from '../shared/storage/revoked.ts';

const CERTIFICATES = 100_000;
const EACH = 4;
const LOCKS = 1000;

const at = new Date();
const now = Math.floor(at.getTime() / 1000);
const folder = await mkdtemp(join(tmpdir(), 'bench-revocation-'));
try {
  const parts = {
    store: createKeyStore(createMemoryTable()),
    custody: openLocalCustody(join(folder, 'key')),
    policy: ROTATION_POLICY,
    cluster: 'bench.example.org',
  };
  await foundKeys(parts, at);
  const genuine = await openGenuineKeys(await parts.store.list(), parts, at);
  const authorities = genuine && authoritiesOf(genuine, parts.policy, at);
  if (!authorities) throw new Error('the authorities do not open');

  const instances = Array.from(
    { length: CERTIFICATES / EACH },
    (): CertifiedInstance => ({
      id: randomUUID(),
      owner: 'bot:bench',
      joinToken: 'bench',
      machine: { method: 'azure' },
      serials: Array.from({ length: EACH }, (_, i) => ({
        serial: Buffer.from(randomSerialNumber()).toString('hex'),
        expires: now + 900 * (i + 1),
      })),
    }),
  );
  const subjectOf = ({ id }: CertifiedInstance) => ({ instance: id, bot: 'bench' });
  const lock = (kind: 'instance' | 'bot', value: string): RevocationTarget => ({
    ...{ kind, value, reason: 'lock', by: 'bench' },
  });
  for (const [what, targets] of [
    [
      `${LOCKS} locks on instances`,
      instances.slice(0, LOCKS).map(({ id }) => lock('instance', id)),
    ],
    ['one lock on everything', [lock('bot', 'bench')]],
  ] as const) {
    const revocations = createRevocations(createMemoryTable());
    for (const root of authorities.roots) {
      const list = await makeRootList(root, [], undefined, parts.custody, at);
      await revocations.writeRootList(listName(root.publicKeyInfo), list, at);
    }
    const started = performance.now();
    const known = await revocations.read();
    const due = dueRevocations(instances, targets, subjectOf, [], at);
    const searched = performance.now();
    await revocations.keep(due, known, at);
    const kept = performance.now();
    const rows = await revocations.read();
    const read = performance.now();
    const lists = await makeLists(rows, now, authorities, 'bench.example.org', at);
    const made = performance.now();
    const crl = Math.max(...[...lists.crls.values()].map(({ length }) => length));
    process.stdout.write(
      `${what}: ${lists.certificates} certificates of ${due.length} instances; search ${ms(searched - started)}, keep ${ms(kept - searched)}, read ${ms(read - kept)}, make ${ms(made - read)}; CRL ${kb(crl)}, KRL ${kb(lists.krl.length)}, signed JSON ${kb(lists.json.length)}\n`,
    );
  }
} finally {
  await rm(folder, { recursive: true });
}

function ms(milliseconds: number): string {
  return `${Math.round(milliseconds)} ms`;
}

function kb(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KB`;
}
