/** Mutants of a join of a machine of Azure, which anybody may send. */
import { expect } from 'vitest';
import { verifyAttestedDocument } from '../../shared/attestation/azure/attested-document.ts';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import { parseCertificationRequest } from '../../shared/encoding/certification-request.ts';
import { decodeSinglePem, encodePem } from '../../shared/encoding/pem.ts';
import { parseSshPublicKeyLine } from '../../shared/encoding/ssh-public-key.ts';
import { agrees } from './comparisons.ts';
import { mutateDer } from './der-mutation.ts';
import { mutateJson } from './json-mutation.ts';
import { bytesOf, type Mutations, NEVER } from './mutation.ts';
import { opensslAccepts, opensslReadsRequest, sshReadsKey } from './openssl.ts';
import { type Batch, SSH_KEY } from './seeds.ts';

export const STRANGERS_MUTATIONS: Mutations = {
  document(batch, random) {
    const { azure, body } = batch;
    const intermediates = azure.intermediates.map(bytesOf);
    const donor = intermediates[0] ?? new Uint8Array();
    const document = mutateDer(bytesOf(azure.attested_data.signature), donor, random);
    const attested_data = { ...azure.attested_data, signature: encodeBase64(document) };
    return {
      body: { ...body, azure: { ...azure, attested_data } },
      wrong: () => compared(batch, document, intermediates),
    };
  },
  intermediates(batch, random) {
    const { azure, body } = batch;
    const document = bytesOf(azure.attested_data.signature);
    const right = azure.intermediates.map(bytesOf);
    const mutant = mutateDer(random.pick(right), document, random);
    const intermediates = random.below(2) ? [mutant] : [mutant, ...right];
    return {
      body: { ...body, azure: { ...azure, intermediates: intermediates.map(encodeBase64) } },
      wrong: () => compared(batch, document, intermediates),
    };
  },
  token({ azure, body }, random) {
    const parts = azure.access_token.split('.');
    const at = random.below(3);
    const part = parts[at] ?? '';
    const where = random.below(part.length);
    const mutant = random.pick([
      () =>
        part.slice(0, where) +
        random.pick(['', 'A', '=', ' ', '\n', '.', '-']) +
        part.slice(where + 1),
      () => part.slice(0, where),
      () => part + random.pick(['=', '==', 'A', '\n']),
      () =>
        at === 2
          ? encodeBase64(random.bytes(256))
          : Buffer.from(mutateJson(Buffer.from(part, 'base64url').toString(), random)).toString(
              'base64url',
            ),
    ])();
    parts[at] = mutant;
    const access_token = parts.join('.');
    const same = access_token === azure.access_token;
    return {
      body: { ...body, azure: { ...azure, access_token } },
      wrong: () => (same ? undefined : 'admitted with another token'),
    };
  },
  request({ body }, random) {
    const request = mutateJson(body.request, random);
    return {
      body: { ...body, request },
      wrong: request === body.request ? () => undefined : NEVER,
    };
  },
  csr({ body }, random) {
    const request = JSON.parse(body.request);
    const der =
      decodeSinglePem('CERTIFICATE REQUEST', request.certificates[0].csr) ?? new Uint8Array();
    const mutant = mutateDer(der, der, random);
    request.certificates[0].csr = encodePem('CERTIFICATE REQUEST', mutant);
    expect(readsRequest(mutant) && !agrees(() => opensslReadsRequest(mutant))).toBe(false);
    return {
      body: { ...body, request: JSON.stringify(request) },
      wrong: Buffer.compare(der, mutant) === 0 ? () => undefined : NEVER,
    };
  },
  ssh({ body }, random) {
    const request = JSON.parse(body.request);
    const [type = '', key = ''] = SSH_KEY.split(' ');
    const bytes = Buffer.from(key, 'base64');
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    const line = random.pick([
      `${type} ${encodeBase64(bytes)}`,
      `${type} ${encodeBase64(bytes.subarray(0, at))}`,
      `${random.pick(['ssh-rsa', 'ssh-dss', 'ecdsa-sha2-nistp256', ''])} ${key}`,
      `${SSH_KEY}${random.pick(['\n', '\0', ' x', '\nssh-ed25519 AAAA'])}`,
      `command="x" ${SSH_KEY}`,
    ]);
    request.certificates[0].ssh_public_key = line;
    if (parseSshPublicKeyLine(line)) expect(agrees(() => sshReadsKey(line))).toBe(true);
    return { body: { ...body, request: JSON.stringify(request) }, wrong: NEVER };
  },
  body({ body }, random) {
    // Members that say nothing may change: a hint left out, a chain twice.
    return { body: mutateJson(JSON.stringify(body), random), wrong: () => undefined };
  },
};

/** What is wrong with accepted evidence: OpenSSL must accept the document, too, over the chain that we found. */
export function compared(
  { scene }: Batch,
  document: Uint8Array,
  intermediates: readonly Uint8Array[],
): string | undefined {
  const { cloud, clock } = scene.api;
  const at = clock.now();
  const domains = cloud.profile.attested_domains;
  const { path } = verifyAttestedDocument(document, {
    roots: cloud.roots,
    intermediates,
    domains,
    at,
  });
  const between = path.slice(1, -1).map(({ der }) => der);
  return agrees(() => opensslAccepts(document, between, cloud.roots, at))
    ? undefined
    : 'admitted, and refused by OpenSSL';
}

const readsRequest = (der: Uint8Array): boolean => {
  try {
    return parseCertificationRequest(der).verifySignature();
  } catch {
    return false;
  }
};
