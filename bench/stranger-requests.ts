/** Every kind of request that somebody can send who must not join, a few of each kind. */
import { randomBytes, randomUUID } from 'node:crypto';
import { signedStsRequest } from '../agent/aws/signature.ts';
import { createKey } from '../agent/joining-keys.ts';
import type { Machine } from '../local/azure/machine.ts';
import { certificationRequest } from '../shared/encoding/certification-request-encode.ts';
import { requestDigest } from '../shared/protocol/join.ts';
import { referenceOf } from '../shared/protocol/join-secret.ts';
import { GLOBAL_STS } from '../shared/protocol/sts.ts';
import { type BenchBroker, CLUSTER } from './bench-broker.ts';
import { type JoinWishes, makeJoin } from './joiner.ts';

export interface Kind {
  readonly who: 'a stranger' | 'a machine of another subscription' | 'a machine that no rule names';
  readonly sends: string;
  /** All from one address, so that the limits hold. */
  readonly fromOneAddress?: true;
  readonly bodies: readonly string[];
}

/** So many machines that each stays below the limit of one machine. */
const MACHINES = 100;
const FORGED: JoinWishes = { evidence: { document: { changedSignature: true } } };
const NO_CLAIMS = { claims: { xms_mirid: null, xms_az_rid: null } };

export async function strangersKinds({
  cloud,
  tenant,
  subscription,
}: BenchBroker): Promise<readonly Kind[]> {
  const machines = (of: typeof subscription, resourceGroup: string): Machine[] =>
    Array.from({ length: MACHINES }, (_, i) =>
      of.virtualMachine(`${resourceGroup}-${i}`, { resourceGroup, systemAssigned: true }),
    );
  const elsewhere = machines(tenant.subscription(), 'group1');
  const unnamed = machines(subscription, 'group2');
  const named = machines(subscription, 'group1').slice(0, 10);
  const [captured] = elsewhere;
  if (!captured) throw new Error('no machine');
  const all = (from: readonly Machine[], wishes: JoinWishes = {}): Promise<string[]> =>
    Promise.all(
      from.map(async (machine) =>
        JSON.stringify(await makeJoin(machine, 'example-bot', CLUSTER, wishes)),
      ),
    );
  const stranger = (sends: string, bodies: readonly string[]): Kind => ({
    who: 'a stranger',
    sends,
    bodies,
  });
  const strange = elsewhere.slice(0, 10);
  const ownRoot = { evidence: { chain: cloud.signingChain({ root: 'look_alike' }) } };
  const circle = { evidence: { chain: cloud.signingChain({ root: 'circle' }) } };
  const iam = await Promise.all(Array.from({ length: 10 }, () => iamJoin()));
  const iamRenewals = await Promise.all(
    Array.from({ length: 10 }, () => iamJoin({ instance: { id: randomUUID(), generation: 1 } })),
  );
  return [
    stranger('no JSON', ['{']),
    stranger('64 KB of JSON: lists in each other, as a request', [
      JSON.stringify({ request: '['.repeat(60_000) }),
    ]),
    stranger('64 KB of JSON: names', [
      `{${Array.from({ length: 6500 }, (_, i) => `"n${i}":0`).join()}}`,
    ]),
    stranger('64 KB of JSON: escapes', [JSON.stringify({ request: '"'.repeat(30_000) })]),
    stranger('a join token that does not exist', await all(strange, other({ token: 'nobody' }))),
    stranger('a secret that nobody has', await Promise.all(Array.from({ length: 10 }, secretJoin))),
    stranger('a document whose signature is forged', await all(strange, FORGED)),
    stranger('the same, as of a machine that may join', await all(named, FORGED)),
    stranger('a document under a root of their own', await all(strange, ownRoot)),
    stranger('the same, as of a machine that may join', await all(named, ownRoot)),
    stranger(
      'a document under six authorities that vouch for each other',
      await all(strange, circle),
    ),
    stranger('the same, as of a machine that may join', await all(named, circle)),
    stranger(
      "a captured document of somebody else's request",
      await all(strange, { evidence: { nonce: randomBytes(16).toString('hex') } }),
    ),
    stranger(
      "a copy of a machine's own join, for another broker",
      await all(strange, other({ broker: 'other.example.org' })),
    ),
    { ...stranger('AWS credentials that are none', iam), fromOneAddress: true },
    { ...stranger("a renewal of somebody's AWS instance", iamRenewals), fromOneAddress: true },
    {
      ...stranger('anything, from one address', [JSON.stringify({ request: '['.repeat(60_000) })]),
      fromOneAddress: true,
    },
    {
      who: 'a machine of another subscription',
      sends: 'all its evidence, from one address',
      bodies: await all(elsewhere),
      fromOneAddress: true,
    },
    {
      who: 'a machine of another subscription',
      sends: 'all its evidence',
      bodies: await all(elsewhere),
    },
    {
      who: 'a machine of another subscription',
      sends: 'all its evidence, with sixteen CSRs',
      bodies: await all(elsewhere, { certificates: 16 }),
    },
    { who: 'a machine that no rule names', sends: 'all its evidence', bodies: await all(unnamed) },
    {
      who: 'a machine that no rule names',
      sends: 'a token that names no machine, and the name of one that may join',
      bodies: await all(unnamed, {
        evidence: {
          token: NO_CLAIMS,
          resourceId: subscription.virtualMachine('bait', { resourceGroup: 'group1' }).resourceId,
        },
      }),
    },
  ];
}

const other = (request: Readonly<Record<string, unknown>>): JoinWishes => ({ request });

const requestOf = async (
  token: string,
  join_method: string,
  members: object = {},
): Promise<string> =>
  JSON.stringify({
    broker: CLUSTER,
    id: randomUUID(),
    token,
    join_method,
    certificates: [{ name: 'identity', csr: certificationRequest(await createKey()) }],
    ...members,
  });

async function secretJoin(): Promise<string> {
  const secret = randomBytes(16).toString('hex');
  return JSON.stringify({ request: await requestOf(referenceOf(secret), 'token'), secret });
}

async function iamJoin(members: object = {}): Promise<string> {
  const request = await requestOf('example-aws', 'iam', members);
  const credentials = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'x'.repeat(40),
  };
  return JSON.stringify({
    request,
    iam: {
      sts_request: signedStsRequest(GLOBAL_STS, requestDigest(request), new Date(), credentials),
    },
    ...('instance' in members && { proof: 'AAAA' }),
  });
}
