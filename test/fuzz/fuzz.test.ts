/**
 * Mutants of everything that a stranger, a machine or an operator sends, through the broker in process. None may end in an
 * unexpected error or cost a second of processor time, none may be admitted that is not as good as what it was made of, and
 * what a broker has in memory stays bounded. A few thousand here, a million by `npm run fuzz`. Each input has a seed of its
 * own, which a finding names: `npm run fuzz -- 1 <seed>` makes the same change again (keys are new in every run, so the
 * finding shows the bytes, too).
 */
import { afterAll, describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { verifyAttestedDocument } from '../../shared/attestation/azure/attested-document.ts';
import { decodeBase64, encodeBase64 } from '../../shared/encoding/base64.ts';
import { parseCertificationRequest } from '../../shared/encoding/certification-request.ts';
import { decodeSinglePem, encodePem } from '../../shared/encoding/pem.ts';
import { parseSshPublicKeyLine } from '../../shared/encoding/ssh-public-key.ts';
import type { JoinBody } from '../../shared/protocol/join.ts';
import { createScene, joinToken } from '../broker/fixtures.ts';
import { makeJoin } from '../broker/joiner.ts';
import { hasProgram } from '../programs.ts';
import { mutateDer } from './der-mutation.ts';
import { mutateJson } from './json-mutation.ts';
import { opensslAccepts, opensslReadsRequest, sshReadsKey } from './openssl.ts';
import { createProgress, heapInUse } from './progress.ts';
import { createRandom, type Random } from './random.ts';

const INPUTS = Number(process.env['FUZZ_INPUTS'] ?? 2400);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
/** The audit of a broker in memory grows: every so often comes a new one. */
const BATCH = 20_000;
const MOST_CPU_MS = 1000;
/** In use, at the end of each batch. `npm run fuzz` gives the process twice as much, and not more. */
const MOST_HEAP_BYTES = 512 * 1024 ** 2;
/** Of one kind of input; then the next kind has its turn. */
const MOST_FINDINGS = 5;
/** Of one kind of input: starting a program takes longer than a hundred inputs. */
const MOST_COMPARISONS = INPUTS > 10_000 ? 1000 : 20;

const SSH_KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEX/DHHul2qA7RNqCfVwPtf42aU1Nc5CAs2ntWNX8XKP somebody@example';

/** One input: what is sent, and what must be so if it is admitted. */
interface Input {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** What is wrong with an admission; `undefined` where it is right. */
  readonly wrong: () => string | undefined;
}

const NEVER = () => 'admitted';
const hasPrograms = hasProgram('openssl') && hasProgram('ssh-keygen');
const comparisons = { left: 0 };

/** Mutants fail by the thousand from one address and one machine, and each is to be read. */
const settings = {
  JOIN_BROKER_FAILED_JOINS_PER_ADDRESS: '0',
  JOIN_BROKER_FAILED_JOINS_PER_MACHINE: '0',
  JOIN_BROKER_UNPROVED_JOINS_PER_ADDRESS: '0',
};

async function createBatch() {
  const scene = await createScene({ settings });
  const { api, vm, subscription } = scene;
  const wish = { ssh_public_key: SSH_KEY };
  const body = (await makeJoin(api, vm, {
    wish,
    evidence: { document: { digest: 'sha256' } },
  })) as JoinBody;
  const { azure } = body;
  if (!azure) throw new Error('no evidence');
  const admitted = await api.request('POST', '/v1/join', { body });
  expect(admitted).toBeAdmitted();
  const admin = `Bearer ${api.tenant.operators[0]?.accessToken()}`;
  const resources = [
    joinToken({
      name: 'fuzzed',
      allow: [{ subscription: subscription.id, resource_groups: ['a'] }],
    }),
    { kind: 'bot', version: 'v1', metadata: { name: 'fuzzed' }, spec: { roles: ['access'] } },
    {
      kind: 'lock',
      version: 'v1',
      metadata: { name: 'fuzzed', expires: '2027-01-01T00:00:00Z' },
      spec: { target: { bot: 'nobody' } },
    },
  ];
  return { scene, body, azure, admin, resources };
}
type Batch = Awaited<ReturnType<typeof createBatch>>;

const bytesOf = (text: string): Uint8Array => decodeBase64(text) ?? new Uint8Array();

/** What is wrong with accepted evidence: OpenSSL must accept the document, too, over the chain that we found. */
function compared(
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
  return opensslAgrees(() => opensslAccepts(document, between, cloud.roots, at))
    ? undefined
    : 'admitted, and refused by OpenSSL';
}

const MUTATIONS: Readonly<Record<string, (batch: Batch, random: Random) => Input>> = {
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
    expect(readsRequest(mutant) && !opensslAgrees(() => opensslReadsRequest(mutant))).toBe(false);
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
    if (parseSshPublicKeyLine(line)) expect(opensslAgrees(() => sshReadsKey(line))).toBe(true);
    return { body: { ...body, request: JSON.stringify(request) }, wrong: NEVER };
  },
  body({ body }, random) {
    // Members that say nothing may change: a hint left out, a chain twice.
    return { body: mutateJson(JSON.stringify(body), random), wrong: () => undefined };
  },
  resource({ admin, resources }, random) {
    const resource = random.pick(resources);
    const { kind } = resource as { kind: string };
    const text = mutateJson(JSON.stringify(resource), random);
    return {
      method: 'PUT',
      path: `/v1/resources/${kind}/fuzzed`,
      headers: {
        authorization: admin,
        ...random.pick([{ 'if-match': '*' }, { 'if-none-match': '*' }]),
      },
      body: text,
      wrong: () => wrongRule(text),
    };
  },
};

const readsRequest = (der: Uint8Array): boolean => {
  try {
    return parseCertificationRequest(der).verifySignature();
  } catch {
    return false;
  }
};

function opensslAgrees(ask: () => boolean): boolean {
  if (comparisons.left <= 0) return true;
  comparisons.left -= 1;
  return ask();
}

/** A rule that would admit more than anybody may want. */
function wrongRule(text: string): string | undefined {
  const { spec } = JSON.parse(text) as { spec?: { azure?: { allow?: Record<string, unknown>[] } } };
  const loose = spec?.azure?.allow?.find(
    (rule) =>
      (rule['tenant'] === undefined && rule['subscription'] === undefined) ||
      (rule['resource_groups'] !== undefined && rule['subscription'] === undefined),
  );
  return loose && 'a rule without limits was accepted';
}

/** What a caller may be told, besides an admission. */
const EXPECTED = new Set([200, 201, 204, 400, 403, 404, 409, 412, 413, 428, 503]);

async function tryInput(batch: Batch, seed: number, name: string): Promise<string | undefined> {
  const input = MUTATIONS[name]?.(batch, createRandom(seed));
  if (!input) return 'no such mutation';
  const { method = 'POST', path = '/v1/join', headers = {}, body } = input;
  const before = process.cpuUsage();
  const { status } = await batch.scene.api.request(method, path, { body, headers });
  const { user, system } = process.cpuUsage(before);
  const problem = () => {
    if (!EXPECTED.has(status)) return `answered ${status}`;
    if ((user + system) / 1000 > MOST_CPU_MS) return `took ${(user + system) / 1000} ms`;
    return status < 300 ? input.wrong() : undefined;
  };
  const found = problem();
  return found && `${found}: ${typeof body === 'string' ? body : JSON.stringify(body)}`;
}

describe('mutants are answered as they should be', { timeout: 0 }, () => {
  const names = Object.keys(MUTATIONS);
  const inputs = Math.ceil(INPUTS / names.length);
  const isLong = process.env['FUZZ_INPUTS'] !== undefined;
  const progress = createProgress(inputs * names.length, SEED, (line) => {
    if (isLong) process.stderr.write(`${line}\n`);
  });
  afterAll(() => progress.end());

  test.each(names)(`of %s (seed ${SEED}, ${INPUTS} inputs in all)`, async (name) => {
    comparisons.left = hasPrograms ? MOST_COMPARISONS : 0;
    let batch = await createBatch();
    const findings: string[] = [];
    for (let i = 0; i < inputs && findings.length < MOST_FINDINGS; i += 1) {
      if (i > 0 && i % BATCH === 0) batch = await createBatch();
      const seed = SEED + i;
      const problem = await tryInput(batch, seed, name).catch(({ message }) => String(message));
      progress.tried(name);
      if (problem) {
        findings.push(`seed ${seed}: ${problem}`);
        progress.found(`${name}, seed ${seed}: ${problem}`);
      }
      if ((i + 1) % BATCH === 0 || i + 1 === inputs)
        expect(heapInUse()).toBeLessThan(MOST_HEAP_BYTES);
    }
    expect(findings).toEqual([]);
  });
});
