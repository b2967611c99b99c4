/** A machine of Azure as the management API describes it, for `explain`: its facts as each of its identities. */
import type {
  MachineDescription,
  MachineDirectory,
} from '../attestation/azure/machine-directory.ts';
import { parseMachineId } from '../attestation/azure/resource-id.ts';
import type { ExplainRequest, Explanation } from '../protocol/explain.ts';
import { badInput } from '../refusal.ts';

type Step = Explanation['steps'][number];

export interface DescribedMachine {
  readonly steps: readonly Step[];
  /** Its facts, once for each identity that it could join as; none where nothing can join. */
  readonly facts: readonly MachineFactsOfOne[];
}

export type MachineFactsOfOne = ExplainRequest & { readonly identityNames: readonly string[] };

/** Asks the management API. Throws `bad_request` for what is the resource id of no machine, and `unavailable`. */
export async function describeMachine(
  asked: ExplainRequest,
  resourceId: string,
  { read }: Pick<MachineDirectory, 'read'>,
): Promise<DescribedMachine> {
  const id = parseMachineId(resourceId);
  if (!id || id.kind === 'set')
    throw badInput({
      field: 'resource_id',
      message: 'expected the resource id of a virtual machine, or of an instance of a scale set',
    });
  const machine = await read(id);
  if (!machine) {
    const detail = 'the management API knows no such machine';
    return { steps: [denied('machine_not_found', detail)], facts: [] };
  }
  const known = { step: 'machine', result: 'ok', detail: inWords(machine) } as const;
  if (machine.identities.length === 0) {
    const detail = 'it has no managed identity: it can get no access token';
    return { steps: [known, denied('machine_identity', detail)], facts: [] };
  }
  return { steps: [known], facts: factsOf(asked, machine) };
}

const denied = (reason: string, detail: string): Step => ({
  step: 'machine',
  result: 'denied',
  reason,
  detail,
});

function factsOf(
  { token, role, tenant, identity }: ExplainRequest,
  { id, vmId, scaleSet, location, identities, tags }: MachineDescription,
): readonly MachineFactsOfOne[] {
  const machine = {
    token,
    role,
    tenant,
    subscription: id.subscription,
    resource_group: id.group,
    vm_name: nameOf(id),
    vm_id: vmId,
    scale_set: (id.kind === 'instance' ? id.set : scaleSet) ?? '',
    location,
    tags: { ...tags },
  };
  const all = identities.map(({ principalId, clientId, resourceId }) => ({
    ...machine,
    identity: principalId,
    identityNames: [principalId, clientId, resourceId].flatMap((name) =>
      name === undefined ? [] : [name.toLowerCase()],
    ),
  }));
  const chosen = identity?.toLowerCase();
  return chosen === undefined
    ? all
    : all.filter(({ identityNames }) => identityNames.includes(chosen));
}

const nameOf = (id: MachineDescription['id']): string =>
  id.kind === 'vm' ? id.vm : id.kind === 'instance' ? `${id.set}_${id.instance}` : id.set;

function inWords({ id, vmId, location, identities, tags = {} }: MachineDescription): string {
  const labels = Object.entries(tags).map(([name, value]) => `${name}=${value}`);
  return [
    `${nameOf(id)} in ${id.group}`,
    ...(location === undefined ? [] : [location]),
    `vmId ${vmId}`,
    `${identities.length} ${identities.length === 1 ? 'identity' : 'identities'}`,
    ...(labels.length > 0 ? [`tags ${labels.join(' ')}`] : []),
  ].join(', ');
}
