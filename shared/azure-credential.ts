/** The broker's own identity on Azure, through `@azure/identity`. A bundle of its own. */
import {
  ManagedIdentityCredential,
  type TokenCredential,
  type TokenCredentialOptions,
} from '@azure/identity';
import { withDeadline } from './deadline.ts';
import { fetchHttpClient } from './fetch-http-client.ts';

/** The managed identity: the user-assigned one with this client id, else the system-assigned one. */
export function openAzureCredential(
  clientId: string | undefined,
  fetch: typeof globalThis.fetch,
): TokenCredential {
  const options: TokenCredentialOptions = {
    httpClient: fetchHttpClient(fetch),
    // The library would sleep between its tries while joiners wait.
    retryOptions: { maxRetries: 0 },
  };
  return endingCredential(
    clientId === undefined
      ? new ManagedIdentityCredential(options)
      : new ManagedIdentityCredential({ clientId, ...options }),
  );
}

/** The same, which always ends: the SDKs let all their callers wait for one token, and would for ever. */
export const endingCredential = (
  credential: TokenCredential,
  milliseconds?: number,
): TokenCredential => ({
  getToken: (scopes, options) =>
    withDeadline(
      (abortSignal) => credential.getToken(scopes, { ...options, abortSignal }),
      "the broker's own identity gets no token now",
      milliseconds,
    ),
});
