/** The real thing: several function instances of a broker on one storage, machines, secrets, and everything that was sent. */
import type { KeyObject } from 'node:crypto';
import type { Cloud } from '../../local/azure/cloud.ts';
import type { VirtualMachine } from '../../local/azure/virtual-machine.ts';
import { referenceOf } from '../../shared/protocol/join-secret.ts';
import { botExample, joinToken } from '../broker/fixtures.ts';
import { signIn } from '../broker/operators.ts';
import { type ScriptedTables, scriptTables } from '../broker/scripted-tables.ts';
import {
  type Answer,
  type Clock,
  createTestBroker,
  type TestBroker,
} from '../broker/test-broker.ts';
import { makeSecret } from '../broker/token-joiner.ts';
import { FUNCTION_INSTANCES } from './histories.ts';
import type { World } from './possible.ts';
import type { Rules, Sent } from './reference.ts';

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
