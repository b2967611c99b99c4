/** Whether this machine looks like an Azure VM, from what its firmware says. For messages only. */
import { readFile } from 'node:fs/promises';
import { printable } from './printable.ts';

/** The asset tag that every Azure VM's chassis carries. */
const AZURE_ASSET_TAG = '7783-7084-3265-9085-8269-3286-77';
const FIRMWARE = '/sys/class/dmi/id';

export async function describeMachine(firmware = FIRMWARE): Promise<string> {
  const [tag, vendor] = await Promise.all(
    ['chassis_asset_tag', 'sys_vendor'].map((name) =>
      // Absent on other systems and in containers: then nothing is known.
      readFile(`${firmware}/${name}`, 'utf8').then(
        (text) => text.trim(),
        () => '',
      ),
    ),
  );
  if (tag === AZURE_ASSET_TAG || vendor === 'Microsoft Corporation') {
    return 'This machine looks like an Azure VM, so something on it is in the way: allow 169.254.169.254, port 80, in its firewall and routes';
  }
  return vendor
    ? `This machine doesn't look like an Azure VM (its vendor is ${printable(vendor, 60)}), and join method azure works on Azure VMs only`
    : "Nothing here says that this is an Azure VM, and join method azure works on Azure VMs only (a container may need its host's network)";
}
