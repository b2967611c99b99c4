/** A broker that admits hosts, and what a node asks for. */
import type { VirtualMachineOptions } from '../../local/azure/virtual-machine.ts';
import { createScene, joinToken } from './fixtures.ts';
import { type Attempt, type JoinOptions, joined } from './joiner.ts';
import type { TestBrokerOptions } from './test-broker.ts';

export const HOST: JoinOptions = {
  token: 'nodes',
  request: { role: 'Node' },
  wish: { type: 'host' },
};

/** A broker whose join token `nodes` admits nodes of the subscription, with these templates. */
export async function hostScene(host_names?: readonly string[], options: TestBrokerOptions = {}) {
  const scene = await createScene(options);
  const { api, subscription } = scene;
  const spec = { roles: ['Node', 'App'], bot_name: undefined, ...(host_names && { host_names }) };
  await api.put(joinToken({ name: 'nodes', allow: [{ subscription: subscription.id }], spec }));
  const machine = (name: string, more: Partial<VirtualMachineOptions> = {}) =>
    subscription.virtualMachines.find(
      (known) => known.name === name && known.resourceGroup === (more.resourceGroup ?? 'group1'),
    ) ??
    subscription.virtualMachine(name, { resourceGroup: 'group1', systemAssigned: true, ...more });
  return { ...scene, machine };
}

export const namesOf = (attempt: Attempt): readonly string[] =>
  joined(attempt).certificates[0]?.names ?? [];
