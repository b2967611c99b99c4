/** The real thing: several function instances of a broker on one storage, machines, secrets, and everything that was sent. */
import type { KeyObject } from 'node:crypto';
import { createAwsCloud } from '../../local/aws/cloud.ts';
import type { AwsCredentials } from '../../local/aws/credentials.ts';
import type { Cloud } from '../../local/azure/cloud.ts';
import type { VirtualMachine } from '../../local/azure/virtual-machine.ts';
import type { Custody } from '../../shared/authority/custody.ts';
import { referenceOf } from '../../shared/protocol/join-secret.ts';
import { unavailable } from '../../shared/refusal.ts';
import { botExample, joinToken } from '../broker/fixtures.ts';
import { createMemoryCustody } from '../broker/memory-custody.ts';
import { signIn } from '../broker/operators.ts';
import { type ScriptedTables, scriptTables } from '../broker/scripted-tables.ts';
import {
  type Answer,
  type Clock,
  createTestBroker,
  type TestBroker,
} from '../broker/test-broker.ts';
import { makeSecret } from '../broker/token-joiner.ts';
import { FUNCTION_INSTANCES, type Outage } from './histories.ts';
import type { World } from './possible.ts';
import type { Places, Rules, Sent } from './terms.ts';

/** The one join token of method `azure`. */
export const JOIN_TOKEN = 'machines';
/** The one of method `iam`. */
export const AWS_TOKEN = 'cloud';
const ACCOUNT = '111111111111';
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
  readonly session?: Session;
  readonly secret?: string;
}

/** A machine of AWS: its role's credentials, fresh ones each time. */
export interface Session {
  readonly arn: string;
  readonly credentials: () => AwsCredentials;
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
  readonly sessions: readonly Session[];
  /** By the name of the join token. */
  readonly secrets: Map<string, string>;
  /** The newest first. */
  readonly messages: Message[];
  readonly identities: Identity[];
  /** By a request's digest: the instances that were known to be there when it was sent first. */
  readonly admittedBefore: Map<string, ReadonlySet<string>>;
  readonly subscription: string;
  readonly role: { readonly spec: object };
  /** Runs something while this can't be asked. */
  withOutage<T>(outage: Outage | undefined, work: () => Promise<T>): Promise<T>;
  /** Another process takes the place of this function instance, and remembers nothing. */
  restart(fn: number): void;
}

export const secondsOf = (clock: Clock): number => clock.now().getTime() / 1000;
export const textOf = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

export async function setStage(cloud: Cloud, clock: Clock): Promise<[Stage, World]> {
  const storage = scriptTables();
  const aws = createAwsCloud({ now: clock.now });
  let vault: 'up' | 'down' = 'up';
  const custody = failing(createMemoryCustody(), () => vault === 'down');
  const first = createTestBroker({ cloud, clock, aws, custody, tables: storage.tables });
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
  const role = aws.account(ACCOUNT).role('machines');
  const sessions = ['i-1', 'i-2'].map((name) => ({
    arn: `arn:aws:sts::${ACCOUNT}:assumed-role/machines/${name}`,
    credentials: () => role.session(name),
  }));
  await first.put(awsTokenOf(undefined));
  const start = secondsOf(clock);
  const rules: Rules = {
    locks: {},
    allow: { groups: ['group1', 'group2'], ends: start + MONTH_SECONDS, places: undefined },
    awsPlaces: undefined,
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
    sessions,
    secrets: new Map(made),
    messages: [],
    identities: [],
    admittedBefore: new Map(),
    subscription: subscription.id,
    role: JSON.parse(String(row?.values['json'])),
    async withOutage(outage, work) {
      if (outage === 'management') cloud.faults.management.set({ status: 500 });
      if (outage === 'vault') vault = 'down';
      try {
        return await work();
      } finally {
        cloud.faults.management.clear();
        vault = 'up';
      }
    },
    restart(fn) {
      functions[fn] = first.another();
      admins[fn] = signIn(functions[fn], 'JoinBroker.Admin');
    },
  };
  await first.put(roleOf(stage, rules.roleSeconds));
  // Every function instance has signing keys, and knows nothing older than these rules.
  clock.advance(5);
  for (const api of functions) await api.request('GET', '/readyz');
  const world: World = {
    state: { at: secondsOf(clock), instances: {}, names: {}, halfWay: {} },
    versions: [{ rules, since: secondsOf(clock) - 5 }],
    seen: {},
    machines: Object.fromEntries(machines.map(({ resourceId, vmId }) => [resourceId, vmId])),
    bound: {},
  };
  return [stage, world];
}

/** A vault that can't be asked at times. */
function failing(custody: Custody, isDown: () => boolean): Custody {
  const ask =
    <A extends unknown[], T>(method: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      if (isDown()) throw unavailable('the vault can not be asked now');
      return method(...args);
    };
  return {
    wrapDataKey: ask(custody.wrapDataKey),
    unwrapDataKey: ask(custody.unwrapDataKey),
    createRootKey: ask(custody.createRootKey),
    publicKeyOfRoot: ask(custody.publicKeyOfRoot),
    rememberedRoot: ask(custody.rememberedRoot),
    signWithRoot: ask(custody.signWithRoot),
  };
}

export const awsTokenOf = (places: Places): object => ({
  kind: 'token',
  version: 'v2',
  metadata: { name: AWS_TOKEN },
  spec: {
    roles: ['Bot'],
    bot_name: 'example',
    join_method: 'iam',
    allow: [{ aws_account: ACCOUNT }],
    max_machines: places,
  },
});

export const joinTokenOf = (
  subscription: string,
  { groups, ends, places }: Rules['allow'],
): object =>
  joinToken({
    name: JOIN_TOKEN,
    expires: textOf(ends),
    allow: [
      groups === 'elsewhere'
        ? { subscription: '00000000-0000-4000-8000-000000000001' }
        : { subscription, resource_groups: groups },
    ],
    spec: {
      roles: ['Bot', 'Node'],
      host_names: ['{{vm_name}}.{{cluster}}'],
      max_machines: places,
    },
  });

export const roleOf = ({ role }: Stage, seconds: number): object => ({
  ...role,
  spec: { ...role.spec, options: { max_session_ttl: `${seconds}s` } },
});
