/** Resource ids as Azure writes them: in the management API and IMDS one way, in tokens another. */

export interface ResourcePlace {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
}

const group = ({ subscriptionId, resourceGroup }: ResourcePlace): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`;

export const virtualMachineId = (place: ResourcePlace, name: string): string =>
  `${group(place)}/providers/Microsoft.Compute/virtualMachines/${name}`;

export const scaleSetId = (place: ResourcePlace, name: string): string =>
  `${group(place)}/providers/Microsoft.Compute/virtualMachineScaleSets/${name}`;

export const userAssignedIdentityId = (place: ResourcePlace, name: string): string =>
  `${group(place)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;

export const webSiteId = (place: ResourcePlace, name: string): string =>
  `${group(place)}/providers/Microsoft.Web/sites/${name}`;

/** Tokens spell `resourcegroups` in lower case, and nothing else. */
export const asInTokens = (id: string): string =>
  id.replace('/resourceGroups/', '/resourcegroups/');

/** The group's name in upper case, as some of Azure's answers have it. */
export const withUpperCaseGroup = (id: string): string =>
  id.replace(/(?<=\/resourceGroups\/)[^/]+/, (name) => name.toUpperCase());

export const sameId = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
