/** Mutants of what machines send: heartbeats, joins by AWS and with a secret, renewals. */
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import { makeIamJoin } from '../broker/aws-joiner.ts';
import { mutateDer } from './der-mutation.ts';
import { mutateJson } from './json-mutation.ts';
import { bytesOf, type Input, type Mutations, onlySame } from './mutation.ts';
import type { Random } from './random.ts';
import {
  type Batch,
  type Heartbeat,
  heartbeatSeed,
  type Renewals,
  renewalSeeds,
  secretSeed,
} from './seeds.ts';

const heartbeats = new WeakMap<Batch, Promise<Heartbeat>>();
const identities = new WeakMap<Batch, Promise<Renewals>>();

/** Each batch has one, until it is removed. */
function ofBatch<T>(
  known: WeakMap<Batch, Promise<T>>,
  batch: Batch,
  make: (batch: Batch) => Promise<T>,
): Promise<T> {
  const made = known.get(batch) ?? make(batch);
  known.set(batch, made);
  return made;
}

const identitiesOf = (batch: Batch): Promise<Renewals> => ofBatch(identities, batch, renewalSeeds);

export const MACHINES_MUTATIONS: Mutations = {
  async heartbeat(batch, random) {
    const seed = await ofBatch(heartbeats, batch, heartbeatSeed);
    const path = '/v1/heartbeat';
    // One instance says only so much in a minute.
    const next = (wrong: () => string | undefined) => () => {
      heartbeats.delete(batch);
      return wrong();
    };
    return random.pick<() => Input>([
      () => {
        const heartbeat = mutateJson(seed.heartbeat, random);
        return {
          path,
          body: { ...seed, heartbeat },
          wrong: next(onlySame(heartbeat === seed.heartbeat)),
        };
      },
      () => {
        const proof = mutatedProof(seed.proof, random);
        return { path, body: { ...seed, proof }, wrong: next(onlySame(proof === seed.proof)) };
      },
      () => {
        const [own = '', issuing = ''] = seed.certificates;
        const certificate = encodeBase64(mutateDer(bytesOf(own), bytesOf(issuing), random));
        return {
          path,
          body: { ...seed, certificates: [certificate, issuing] },
          wrong: next(onlySame(certificate === own)),
        };
      },
      () => ({
        path,
        body: mutateJson(JSON.stringify(seed), random),
        wrong: next(() => undefined),
      }),
    ])();
  },
  iam({ scene: { api }, credentials }, random) {
    // So many may be asked of AWS in a minute, and evidence is good for a few.
    api.clock.advance(0.2);
    const { body } = makeIamJoin(api.clock, credentials);
    const { sts_request: right } = body['iam'] as { readonly sts_request: string };
    const sts_request = Buffer.from(
      mutateText(Buffer.from(right, 'base64').toString('latin1'), random),
      'latin1',
    ).toString('base64');
    return {
      body: { ...body, iam: { sts_request } },
      // In the names of headers case says nothing.
      wrong: onlySame(foldedOf(sts_request) === foldedOf(right)),
    };
  },
  async secret(batch, random) {
    const { body } = await secretSeed(batch);
    const secret = mutateText(body.secret, random);
    return random.pick<() => Input>([
      () => ({ body: { ...body, secret }, wrong: onlySame(secret === body.secret) }),
      // Whoever has the secret may ask for anything.
      () => ({
        body: { ...body, request: mutateJson(body.request, random) },
        wrong: () => undefined,
      }),
      () => ({ body: mutateJson(JSON.stringify(body), random), wrong: () => undefined }),
    ])();
  },
  async renewal(batch, random) {
    const { azure, byKey } = await identitiesOf(batch);
    const seed = await random.pick([azure, byKey])();
    // What was answered once is proved: mutants of the next generation are made then.
    const next =
      (wrong: () => string | undefined = () => undefined) =>
      () => {
        identities.delete(batch);
        return wrong();
      };
    return random.pick<() => Input>([
      () => {
        const request = mutateJson(seed.request, random);
        return { body: { ...seed, request }, wrong: next(onlySame(request === seed.request)) };
      },
      () => {
        const proof = mutatedProof(seed.proof, random);
        return { body: { ...seed, proof }, wrong: next(onlySame(proof === seed.proof)) };
      },
      () => ({ body: mutateJson(JSON.stringify(seed), random), wrong: next() }),
    ])();
  },
};

/** A signed request, with the names of its headers in lower case. */
const foldedOf = (request: string): string =>
  Buffer.from(request, 'base64')
    .toString('latin1')
    .replace(/^[^:\n]*:/gm, (name) => name.toLowerCase());

/** A signature of ECDSA is DER. */
const mutatedProof = (proof: string, random: Random): string =>
  random.below(2)
    ? encodeBase64(mutateDer(bytesOf(proof), bytesOf(proof), random))
    : mutateText(proof, random);

function mutateText(text: string, random: Random): string {
  const at = random.below(text.length);
  const lines = text.split('\n');
  const line = random.below(lines.length);
  return random.pick([
    () => text.slice(0, at),
    () => text.slice(0, at) + text.slice(at + 1),
    () =>
      text.slice(0, at) +
      random.pick(['A', '=', ' ', '\r', '\n', ':', '\0', '\xe9']) +
      text.slice(at),
    () =>
      text.slice(0, at) +
      String.fromCharCode(text.charCodeAt(at) ^ (1 << random.below(8))) +
      text.slice(at + 1),
    () => lines.toSpliced(line, 1).join('\n'),
    () => lines.toSpliced(line, 0, random.pick(lines)).join('\n'),
  ])();
}
