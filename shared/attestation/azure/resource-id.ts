/**
 * Azure resource ids of machines, parsed whole and anchored (rule 3). Everything is compared in lower case, since
 * Azure itself writes groups and names in any case.
 */
import { foldAzureName } from '../../encoding/azure-name.ts';

/** A virtual machine, a uniform scale set's instance, or a scale set. All text is in lower case. */
export type MachineId =
  | {
      readonly kind: 'vm';
      readonly subscription: string;
      readonly group: string;
      readonly vm: string;
    }
  | {
      readonly kind: 'instance';
      readonly subscription: string;
      readonly group: string;
      readonly set: string;
      readonly instance: string;
    }
  | {
      readonly kind: 'set';
      readonly subscription: string;
      readonly group: string;
      readonly set: string;
    };

const GUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** Names of groups and machines: letters of any script, digits, and these; never `/`, and never dots alone. */
const NAME = '(?!\\.+(?:/|$))[\\p{L}\\p{N}._()-]{1,90}';
const GROUP = `/subscriptions/(?<subscription>${GUID})/resourcegroups/(?<group>${NAME})`;
const COMPUTE = `${GROUP}/providers/microsoft\\.compute`;

const VM = new RegExp(`^${COMPUTE}/virtualmachines/(?<vm>${NAME})$`, 'u');
const SET = new RegExp(
  `^${COMPUTE}/virtualmachinescalesets/(?<set>${NAME})(?:/virtualmachines/(?<instance>${NAME}))?$`,
  'u',
);
const IDENTITY = new RegExp(
  `^${GROUP}/providers/microsoft\\.managedidentity/userassignedidentities/${NAME}$`,
  'u',
);

/** The machine that a resource id names; `undefined` for anything else. */
export function parseMachineId(text: string): MachineId | undefined {
  const id = foldAzureName(text);
  if (id === undefined) return undefined;
  const vm = VM.exec(id)?.groups;
  if (vm)
    return {
      kind: 'vm',
      subscription: `${vm['subscription']}`,
      group: `${vm['group']}`,
      vm: `${vm['vm']}`,
    };
  const found = SET.exec(id)?.groups;
  if (!found) return undefined;
  const set = {
    subscription: `${found['subscription']}`,
    group: `${found['group']}`,
    set: `${found['set']}`,
  };
  const instance = found['instance'];
  return instance === undefined ? { kind: 'set', ...set } : { kind: 'instance', ...set, instance };
}

/** The resource id of a user-assigned identity, in lower case; `undefined` for anything else. */
export function parseIdentityId(text: string): string | undefined {
  const id = foldAzureName(text);
  return id !== undefined && IDENTITY.test(id) ? id : undefined;
}

/** The resource id in the form in which everything here compares it: lower case. */
export function formatMachineId(id: MachineId): string {
  const provider = `/subscriptions/${id.subscription}/resourcegroups/${id.group}/providers/microsoft.compute`;
  if (id.kind === 'vm') return `${provider}/virtualmachines/${id.vm}`;
  const set = `${provider}/virtualmachinescalesets/${id.set}`;
  return id.kind === 'set' ? set : `${set}/virtualmachines/${id.instance}`;
}
