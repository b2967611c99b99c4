/** The resources that most tests start from: the guides' bot `example` and join token `example-bot`, and a machine that may join. */
import type { Subscription } from '../../local/azure/subscription.ts';
import type { VirtualMachine } from '../../local/azure/virtual-machine.ts';
import { createTestBroker, type TestBroker, type TestBrokerOptions } from './test-broker.ts';

export interface Scene {
  readonly api: TestBroker;
  readonly subscription: Subscription;
  /** In resource group `group1`, with a system-assigned identity. */
  readonly vm: VirtualMachine;
}

/** A broker with `example` and `example-bot`, which admits machines of `group1`. */
export async function createScene(options: TestBrokerOptions = {}): Promise<Scene> {
  const api = createTestBroker(options);
  const subscription = api.tenant.subscription();
  const vm = subscription.virtualMachine('vm-a', { resourceGroup: 'group1', systemAssigned: true });
  await api.put(botExample());
  await api.put(
    joinToken({ allow: [{ subscription: subscription.id, resource_groups: ['group1'] }] }),
  );
  return { api, subscription, vm };
}

export const botExample = (spec: object = {}): object => ({
  kind: 'bot',
  version: 'v1',
  metadata: { name: 'example' },
  spec: { roles: ['access'], traits: [{ name: 'logins', values: ['root', 'deploy'] }], ...spec },
});

/** Admits whatever of this AWS account signs in. */
export const iamToken = (account: string, spec: object = {}): object => ({
  kind: 'token',
  version: 'v2',
  metadata: { name: 'iam-token' },
  spec: {
    roles: ['Bot'],
    bot_name: 'example',
    join_method: 'iam',
    allow: [{ aws_account: account }],
    ...spec,
  },
});

export interface JoinTokenOptions {
  readonly name?: string;
  readonly expires?: string;
  readonly allow: readonly object[];
  readonly azure?: object;
  readonly spec?: object;
}

export const joinToken = ({
  name = 'example-bot',
  expires,
  allow,
  azure,
  spec,
}: JoinTokenOptions): object => ({
  kind: 'token',
  version: 'v2',
  metadata: { name, ...(expires !== undefined && { expires }) },
  spec: {
    roles: ['Bot'],
    bot_name: 'example',
    join_method: 'azure',
    azure: { allow, ...azure },
    ...spec,
  },
});
