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
import { iamEvidence, makeIamJoin } from '../broker/aws-joiner.ts';
import { type Attempt, CLUSTER, certificationRequest, makeJoin, newKey } from '../broker/joiner.ts';
import { makeRenewal } from '../broker/token-joiner.ts';
import {
  AWS_TOKEN,
  type Identity,
  JOIN_TOKEN,
  type Message,
  type Session,
  type Stage,
  secondsOf,
} from './stage.ts';
import type { MachineFacts, Sent } from './terms.ts';

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
  readonly ttls: Sent['ttls'];
  readonly key?: KeyObject;
}

/** The first one is for the instance key. */
const certificatesOf = (key: KeyObject, ttls: Sent['ttls'], more: object = {}): object[] =>
  ttls.map((ttl, i) => ({
    name: i === 0 ? 'identity' : `output-${i}`,
    csr: certificationRequest(i === 0 ? key : newKey()),
    ...more,
    ...(ttl !== undefined && { ttl: `${ttl}s` }),
  }));

/** A machine's first join, or its renewal of this identity. */
export async function machineJoins(
  stage: Stage,
  vm: VirtualMachine,
  owner: Sent['owner'],
  { ttls, key = newKey() }: Wish,
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
    request: {
      ...(isHost && { role: 'Node' }),
      certificates: certificatesOf(key, ttls, isHost ? { type: 'host' } : {}),
    },
  })) as Message['body'];
  const digest = requestDigest(String(body['request']));
  const sent: Sent = {
    method: 'azure',
    digest,
    token: JOIN_TOKEN,
    owner,
    machine: factsOf(vm),
    made: secondsOf(stage.clock),
    ttls,
    key: nameOf(key),
    makes: instanceIdOf(digest),
    ...(renews && proofKey && { renews: renewalOf(renews, proofKey) }),
  };
  return { sent, body, key, vm };
}

/** The same from AWS: always as a bot. */
export function awsJoins(
  { clock }: Stage,
  session: Session,
  { ttls, key = newKey() }: Wish,
  renews?: Identity,
  proofKey = renews?.message.key,
): Message {
  const { body } = makeIamJoin(clock, session.credentials(), {
    token: AWS_TOKEN,
    key,
    ...(renews && { renews: attemptOf(renews) }),
    ...(proofKey && { proofKey }),
    request: { certificates: certificatesOf(key, ttls) },
  });
  const digest = requestDigest(String(body['request']));
  const sent: Sent = {
    method: 'iam',
    digest,
    token: AWS_TOKEN,
    owner: 'bot:example',
    arn: session.arn,
    made: secondsOf(clock),
    ttls,
    key: nameOf(key),
    makes: instanceIdOf(digest),
    ...(renews && proofKey && { renews: renewalOf(renews, proofKey) }),
  };
  return { sent, body, key, session };
}

/** A first join with a secret. */
export function secretJoins({ clock }: Stage, secret: string, { ttls }: Wish): Message {
  const key = newKey();
  const reference = referenceOf(secret);
  const request = JSON.stringify({
    broker: CLUSTER,
    id: crypto.randomUUID(),
    token: reference,
    join_method: 'token',
    certificates: certificatesOf(key, ttls),
  });
  const sent: Sent = {
    method: 'token',
    digest: requestDigest(request),
    token: reference,
    owner: 'bot:example',
    made: secondsOf(clock),
    ttls,
    key: nameOf(key),
    makes: instanceIdOfSecret(reference),
  };
  return { sent, body: { request, secret }, key, secret };
}

/** A renewal by the key alone. */
export function keyRenews(
  { clock }: Stage,
  identity: Identity,
  { ttls, key = newKey() }: Wish,
  proofKey = identity.message.key,
): Message {
  const { secret = '', sent: before } = identity.message;
  const attempt = { ...attemptOf(identity), key: proofKey };
  const options = { key, request: { certificates: certificatesOf(key, ttls) } };
  const { body } = makeRenewal(clock, { secret, attempt }, options);
  const sent: Sent = {
    ...before,
    digest: requestDigest(String(body['request'])),
    made: secondsOf(clock),
    ttls,
    key: nameOf(key),
    renews: renewalOf(identity, proofKey),
  };
  return { sent, body, key, secret };
}

/** The same request with evidence made anew. */
export function withNewEvidence({ clock }: Stage, message: Message): Message {
  const { vm, session, sent, body } = message;
  if (session) {
    const iam = iamEvidence(String(body['request']), clock, session.credentials());
    return { ...message, sent: { ...sent, made: secondsOf(clock) }, body: { ...body, iam } };
  }
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
