/** What machines, thieves and agents with a secret send, beside what the reference has to know of it. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { VirtualMachine } from '../../local/azure/virtual-machine.ts';
import {
  imdsNonce,
  instanceIdOf,
  type JoinAnswer,
  requestDigest,
} from '../../shared/protocol/join.ts';
import { instanceIdOfSecret, referenceOf } from '../../shared/protocol/join-secret.ts';
import { type Attempt, CLUSTER, certificationRequest, makeJoin, newKey } from '../broker/joiner.ts';
import { makeRenewal } from '../broker/token-joiner.ts';
import type { MachineFacts, Sent } from './reference.ts';
import { type Identity, JOIN_TOKEN, type Message, type Stage, secondsOf } from './stage.ts';

const factsOf = ({ resourceId, vmId, resourceGroup, name }: VirtualMachine): MachineFacts => ({
  resource: resourceId,
  vmId,
  group: resourceGroup,
  hostName: `${name}.${CLUSTER}`,
});

const nameOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(createPublicKey(key).export({ format: 'der', type: 'spki' }))
    .digest('hex');

interface Wish {
  readonly ttl: number | undefined;
  readonly key?: KeyObject;
}

const wishOf = (ttl: number | undefined): Record<string, unknown> =>
  ttl === undefined ? {} : { ttl: `${ttl}s` };

/** A machine's first join, or its renewal of this identity. */
export async function machineJoins(
  stage: Stage,
  vm: VirtualMachine,
  owner: Sent['owner'],
  { ttl, key = newKey() }: Wish,
  renews?: Identity,
  proofKey = renews?.message.key,
): Promise<Message> {
  const isHost = owner === 'host:Node';
  const [api] = stage.functions;
  if (!api) throw new Error('no function instance');
  const body = (await makeJoin(api, vm, {
    token: JOIN_TOKEN,
    key,
    ...(renews && { renews: attemptOf(renews) }),
    ...(proofKey && { proofKey }),
    request: isHost ? { role: 'Node' } : {},
    wish: { ...wishOf(ttl), ...(isHost && { type: 'host' }) },
  })) as Message['body'];
  const digest = requestDigest(String(body['request']));
  const sent: Sent = {
    method: 'azure',
    digest,
    token: JOIN_TOKEN,
    owner,
    machine: factsOf(vm),
    made: secondsOf(stage.clock),
    ttl,
    key: nameOf(key),
    makes: instanceIdOf(digest),
    ...(renews && proofKey && { renews: renewalOf(renews, proofKey) }),
  };
  return { sent, body, key, vm };
}

/** A first join with a secret. */
export function secretJoins({ clock }: Stage, secret: string, { ttl }: Wish): Message {
  const key = newKey();
  const reference = referenceOf(secret);
  const request = JSON.stringify({
    broker: CLUSTER,
    id: crypto.randomUUID(),
    token: reference,
    join_method: 'token',
    certificates: [{ name: 'identity', csr: certificationRequest(key), ...wishOf(ttl) }],
  });
  const sent: Sent = {
    method: 'token',
    digest: requestDigest(request),
    token: reference,
    owner: 'bot:example',
    made: secondsOf(clock),
    ttl,
    key: nameOf(key),
    makes: instanceIdOfSecret(reference),
  };
  return { sent, body: { request, secret }, key, secret };
}

/** A renewal by the key alone. */
export function keyRenews(
  { clock }: Stage,
  identity: Identity,
  { ttl, key: wanted }: Wish,
  proofKey = identity.message.key,
): Message {
  const { secret = '', sent: before } = identity.message;
  const attempt = { ...attemptOf(identity), key: proofKey };
  const options = { wish: wishOf(ttl), ...(wanted && { key: wanted }) };
  const { body, key } = makeRenewal(clock, { secret, attempt }, options);
  const sent: Sent = {
    ...before,
    digest: requestDigest(String(body['request'])),
    made: secondsOf(clock),
    ttl,
    key: nameOf(key),
    renews: renewalOf(identity, proofKey),
  };
  return { sent, body, key, secret };
}

/** The same request with evidence made anew. */
export function withNewEvidence({ clock }: Stage, message: Message): Message {
  const { vm, sent, body } = message;
  if (!vm || vm.removed) return message;
  const azure = vm.evidence({ nonce: imdsNonce(String(body['request'])) });
  return { ...message, sent: { ...sent, made: secondsOf(clock) }, body: { ...body, azure } };
}

const attemptOf = ({ message, answer }: Identity): Attempt => ({
  ...answer,
  sent: message.body,
  key: message.key,
});

function renewalOf({ answer }: Identity, proofKey: KeyObject): NonNullable<Sent['renews']> {
  const { instance_id: id, generation } = answer.body as JoinAnswer;
  return { id, generation, key: nameOf(proofKey) };
}
