/** What `/metadata/instance` says of a machine. */
import type { Machine } from '../machine.ts';

export const instanceMetadata = (machine: Machine) => ({
  compute: {
    azEnvironment: 'AzurePublicCloud',
    customData: '',
    evictionPolicy: '',
    extendedLocation: { name: '', type: '' },
    isHostCompatibilityLayerVm: 'false',
    licenseType: '',
    location: machine.location,
    name: machine.name,
    offer: 'ubuntu-24_04-lts',
    osProfile: {
      adminUsername: 'azureuser',
      computerName: machine.name,
      disablePasswordAuthentication: 'true',
    },
    osType: 'Linux',
    placementGroupId: '',
    plan: { name: '', product: '', publisher: '' },
    platformFaultDomain: '0',
    platformUpdateDomain: '0',
    priority: '',
    provider: 'Microsoft.Compute',
    publicKeys: [],
    publisher: 'canonical',
    resourceGroupName: machine.resourceGroup,
    resourceId: machine.resourceId,
    securityProfile: { secureBootEnabled: 'true', virtualTpmEnabled: 'true' },
    sku: 'server',
    subscriptionId: machine.subscription.id,
    tags: Object.entries(machine.tags)
      .map(([name, value]) => `${name}:${value}`)
      .join(';'),
    tagsList: Object.entries(machine.tags).map(([name, value]) => ({ name, value })),
    userData: '',
    version: '24.04.202607010',
    virtualMachineScaleSet: { id: machine.scaleSet?.resourceId ?? '' },
    vmId: machine.vmId,
    vmScaleSetName: machine.scaleSet?.name ?? '',
    vmSize: 'Standard_B2s',
    zone: '',
  },
  network: {
    interface: [
      {
        ipv4: {
          ipAddress: [{ privateIpAddress: '10.0.0.4', publicIpAddress: '' }],
          subnet: [{ address: '10.0.0.0', prefix: '24' }],
        },
        ipv6: { ipAddress: [] },
        macAddress: '0022484A0001',
      },
    ],
  },
});
