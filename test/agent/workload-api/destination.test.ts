/** What a workload is told of a certificate, and who gets to ask. */
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import type { Effects } from '../../../agent/effects.ts';
import type { IssuedCertificate } from '../../../agent/issued-certificate.ts';
import type { Material } from '../../../agent/outputs/output.ts';
import { workloadApiAt } from '../../../agent/workload-api/destination.ts';
import { svidResponse } from '../../../agent/workload-api/messages.ts';
import {
  issueHostTlsCertificate,
  randomSerialNumber,
} from '../../../shared/authority/tls-certificate.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import { createAuthorities } from '../authorities.ts';
import { START } from '../clock.ts';
import { temporaryFolder } from '../folder.ts';

const { issuing, roots } = await createAuthorities(START);
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const root = roots[0]?.certificate ?? new Uint8Array();
const ID = 'spiffe://test.example.com/host/vm/1';
const leaf = issueHostTlsCertificate(
  {
    serialNumber: randomSerialNumber(),
    notBefore: START,
    notAfter: new Date(START.getTime() + 3600_000),
    names: ['vm.test.example.com'],
    uri: ID,
    publicKeyInfo: publicKey.export({ format: 'der', type: 'spki' }),
  },
  issuing,
);

const material = (...chain: readonly Uint8Array[]): Material => ({
  certificate: {
    privateKey,
    tls: chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
  } as IssuedCertificate,
  trust: { tls: { roots: encodePem('CERTIFICATE', root) } } as Material['trust'],
  owner: 'vm',
});

async function place(readers?: readonly { readonly kind: 'user'; readonly name: string }[]) {
  const path = join(await temporaryFolder(), 'w.sock');
  const commands: string[] = [];
  const run = async (program: string, args: readonly string[]) => {
    commands.push([program, ...args].join(' '));
    return { code: 0, stdout: '', stderr: '' };
  };
  const effects = { programs: { run }, log: { warn: () => undefined } };
  const socket = { type: 'workload_api', path, mode: 0o600, ...(readers && { readers }) } as const;
  const api = workloadApiAt(socket, effects as unknown as Effects);
  onTestFinished(() => api.close());
  return { api, path, commands };
}

test('it is told the certificate with its key, its SPIFFE ID and whom to trust', async () => {
  const { api, path, commands } = await place([{ kind: 'user', name: 'envoy' }]);
  await api.tell(material(leaf, issuing.certificate));
  const client = new Client(`unix:${path}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  const same = (bytes: Buffer): Buffer => bytes;
  const method = '/SpiffeWorkloadAPI/FetchX509SVID';
  const stream = client.makeServerStreamRequest(method, same, same, Buffer.alloc(0), metadata);
  stream.on('error', () => undefined);
  const answer = await new Promise((resolve) => stream.once('data', resolve));
  expect(answer).toEqual(
    svidResponse({
      id: ID,
      chain: [leaf, issuing.certificate],
      key: privateKey.export({ format: 'der', type: 'pkcs8' }),
      authorities: [root],
    }),
  );
  expect(commands).toEqual(['setfacl -m u:envoy:rw- -- s']);
});

test('without readers nobody else is let in', async () => {
  const { api, commands } = await place();
  await api.tell(material(leaf));
  expect(commands).toEqual([]);
});

test('a certificate without a SPIFFE ID is a mistake of ours', async () => {
  const { api } = await place();
  const wrong = 'every certificate of the broker has a SPIFFE ID';
  await expect(api.tell(material(issuing.certificate))).rejects.toThrow(wrong);
});

test('it is checked beforehand whether a socket can be made there', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'file'), '');
  const effects = {} as Effects;
  const at = (path: string) => workloadApiAt({ type: 'workload_api', path, mode: 0o600 }, effects);
  await at(join(folder, 'new', 'w.sock')).check();
  await expect(at(join(folder, 'file', 'w.sock')).check()).rejects.toMatchObject({ code: 'files' });
});
