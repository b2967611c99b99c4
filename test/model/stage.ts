/** The real thing: several function instances of a broker on one storage, machines, secrets, and everything that was sent. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { Cloud } from '../../local/azure/cloud.ts';
import type { VirtualMachine } from '../../local/azure/virtual-machine.ts';
import {
  imdsNonce,
  instanceIdOf,
  type JoinAnswer,
  requestDigest,
} from '../../shared/protocol/join.ts';
import { instanceIdOfSecret, referenceOf } from '../../shared/protocol/join-secret.ts';
import { botExample, joinToken } from '../broker/fixtures.ts';
import { type Attempt, CLUSTER, certificationRequest, makeJoin, newKey } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { type ScriptedTables, scriptTables } from '../broker/scripted-tables.ts';
import {
  type Answer,
  type Clock,
  createTestBroker,
  type TestBroker,
} from '../broker/test-broker.ts';
import { makeRenewal, makeSecret } from '../broker/token-joiner.ts';
import { FUNCTION_INSTANCES } from './histories.ts';
import type { World } from './possible.ts';
import type { MachineFacts, Rules, Sent } from './reference.ts';

/** The one join token of method `azure`. */
export const JOIN_TOKEN = 'machines';
const GROUPS = ['group1', 'group2', 'group1'];
const NAMES = ['web', 'web', 'db'];
const SECRET_NAMES = ['s0', 's1'];
const MONTH_SECONDS = 2_592_000;
const DAY_SECONDS = 86_400;

/** A request that was sent, or is about to be. */
export interface Message {
  readonly sent: Sent;
  readonly body: Readonly<Record<string, unknown>>;
  readonly key: KeyObject;
  readonly vm?: VirtualMachine;
  readonly secret?: string;
}

/** Who was admitted: what a machine knows of itself, and what a copy of its disk knows. */
export interface Identity {
  readonly message: Message;
  readonly answer: Answer;
}

export interface Stage {
  readonly clock: Clock;
  readonly storage: ScriptedTables;
  readonly functions: readonly TestBroker[];
  readonly admin: (fn: number) => ReturnType<typeof signIn>;
  readonly machines: VirtualMachine[];
  /** By the name of the join token. */
  readonly secrets: Map<string, string>;
  /** The newest first. */
  readonly messages: Message[];
  readonly identities: Identity[];
  readonly subscription: string;
  readonly role: { readonly spec: object };
}

export const secondsOf = (clock: Clock): number => clock.now().getTime() / 1000;
export const textOf = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

export async function setStage(cloud: Cloud, clock: Clock): Promise<[Stage, World]> {
  const storage = scriptTables();
  const first = createTestBroker({ cloud, clock, tables: storage.tables });
  const functions = [first];
  while (functions.length < FUNCTION_INSTANCES) functions.push(first.another());
  const subscription = first.tenant.subscription();
  const machines = NAMES.map((name, i) =>
    subscription.virtualMachine(name, { resourceGroup: GROUPS[i] ?? '', systemAssigned: true }),
  );
  await first.put(botExample());
  const made = await Promise.all(
    SECRET_NAMES.map(
      async (name) => [name, await makeSecret(first, { name, life: DAY_SECONDS })] as const,
    ),
  );
  const start = secondsOf(clock);
  const rules: Rules = {
    locks: {},
    allow: { groups: ['group1', 'group2'], ends: start + MONTH_SECONDS },
    secrets: Object.fromEntries(
      made.map(([name, secret]) => [
        name,
        { reference: referenceOf(secret), ends: start + DAY_SECONDS },
      ]),
    ),
    roleSeconds: DAY_SECONDS,
  };
  await first.put(joinTokenOf(subscription.id, rules.allow));
  const row = await storage.stored.resources.read('config', 'role!access');
  const admins = functions.map((api) => signIn(api, 'JoinBroker.Admin'));
  const stage: Stage = {
    clock,
    storage,
    functions,
    admin: (fn) => admins[fn] ?? signIn(first, 'JoinBroker.Admin'),
    machines,
    secrets: new Map(made),
    messages: [],
    identities: [],
    subscription: subscription.id,
    role: JSON.parse(String(row?.values['json'])),
  };
  await first.put(roleOf(stage, rules.roleSeconds));
  // Every function instance has signing keys, and knows nothing older than these rules.
  clock.advance(5);
  for (const api of functions) await api.request('GET', '/readyz');
  const world: World = {
    state: { at: secondsOf(clock), instances: {}, names: {} },
    versions: [{ rules, since: secondsOf(clock) - 5 }],
    seen: {},
    machines: Object.fromEntries(machines.map(({ resourceId, vmId }) => [resourceId, vmId])),
    bound: {},
  };
  return [stage, world];
}

export const joinTokenOf = (subscription: string, { groups, ends }: Rules['allow']): object =>
  joinToken({
    name: JOIN_TOKEN,
    expires: textOf(ends),
    allow: [
      groups === 'elsewhere'
        ? { subscription: '00000000-0000-4000-8000-000000000001' }
        : { subscription, resource_groups: groups },
    ],
    spec: { roles: ['Bot', 'Node'], host_names: ['{{vm_name}}.{{cluster}}'] },
  });

export const roleOf = ({ role }: Stage, seconds: number): object => ({
  ...role,
  spec: { ...role.spec, options: { max_session_ttl: `${seconds}s` } },
});

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
