/** The broker's own identity on Azure, through `@azure/identity`. A bundle of its own. */
import { ManagedIdentityCredential, type TokenCredential } from '@azure/identity';

/** The managed identity: the user-assigned one with this client id, else the system-assigned one. */
export const openAzureCredential = (clientId: string | undefined): TokenCredential =>
  clientId === undefined
    ? new ManagedIdentityCredential()
    : new ManagedIdentityCredential({ clientId });
