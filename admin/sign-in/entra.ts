/** Signs in at Entra ID. The library behind it is large, so this file is loaded only when a sign-in is due. */
import {
  AzureAuthorityHosts,
  AzureCliCredential,
  AzureDeveloperCliCredential,
  DeviceCodeCredential,
  EnvironmentCredential,
  InteractiveBrowserCredential,
  WorkloadIdentityCredential,
} from '@azure/identity';
import { systemAuthorities } from '../../shared/http/system-authorities.ts';
import type { SignInMethod, SignInOutcome, SignInRequest } from './sign-in.ts';

/** One way to get a token. */
export interface SignInWay {
  readonly name: string;
  readonly credential: () => {
    readonly getToken: (
      scope: string,
    ) => Promise<{ readonly token: string; readonly expiresOnTimestamp: number } | null>;
  };
  /** Said instead of the library's own words where the way is not set up at all. */
  readonly unavailable?: string;
}

/** Asks Entra ID for a token, with the first of the method's ways that has one. */
export async function signInWithEntra(request: SignInRequest): Promise<SignInOutcome> {
  const authorityHost = AUTHORITY_HOSTS[request.cloud];
  return authorityHost === undefined
    ? {
        ok: false,
        reasons: [`the broker's cloud "${request.cloud}" has no directory to sign in at`],
      }
    : firstToken(waysOf(request, authorityHost)[request.method], `${request.clientId}/.default`);
}

/**
 * Tries one way after the other; if none works, says what was wrong with each. A way that is set up and fails is the
 * last one, so that nobody acts under another identity than the one that was meant.
 */
export async function firstToken(
  ways: readonly SignInWay[],
  scope: string,
): Promise<SignInOutcome> {
  const reasons: string[] = [];
  for (const { name, credential, unavailable } of ways) {
    try {
      const got = await credential().getToken(scope);
      if (got) {
        return { ok: true, token: { text: got.token, expires: new Date(got.expiresOnTimestamp) } };
      }
      reasons.push(`${name}: no token`);
    } catch (error) {
      const isUnavailable = error instanceof Error && error.name === 'CredentialUnavailableError';
      reasons.push(`${name}: ${(isUnavailable && unavailable) || reasonOf(error)}`);
      if (!isUnavailable) break;
    }
  }
  return { ok: false, reasons };
}

/** The library's message without its pointers to web pages and trace ids. */
const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .replace(/\s*To (?:troubleshoot|mitigate).*?\/troubleshoot\.?/s, '')
    .replace(/\s*Trace ID:.*/s, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 500);

const AUTHORITY_HOSTS: Readonly<Record<string, string>> = {
  AzurePublic: AzureAuthorityHosts.AzurePublicCloud,
  AzureUSGovernment: AzureAuthorityHosts.AzureGovernment,
  AzureChina: AzureAuthorityHosts.AzureChina,
};

function waysOf(
  { tenant: tenantId, clientId, user, say }: SignInRequest,
  authorityHost: string,
): Readonly<Record<SignInMethod, readonly SignInWay[]>> {
  const ca = systemAuthorities(process.env);
  const network = { authorityHost, ...(ca && { tlsOptions: { ca: ca.join('\n') } }) };
  const azureCli = {
    name: 'Azure CLI (az)',
    credential: () => new AzureCliCredential({ tenantId }),
  };
  return {
    default: [
      {
        name: 'environment',
        unavailable: 'AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret or certificate are not set',
        credential: () => new EnvironmentCredential(network),
      },
      {
        name: 'workload identity',
        unavailable: 'AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE are not set',
        credential: () => new WorkloadIdentityCredential(network),
      },
      azureCli,
      {
        name: 'Azure Developer CLI (azd)',
        credential: () => new AzureDeveloperCliCredential({ tenantId }),
      },
    ],
    'azure-cli': [azureCli],
    browser: [
      {
        name: 'browser',
        credential: () =>
          new InteractiveBrowserCredential({
            ...network,
            tenantId,
            clientId,
            ...(user !== undefined && { loginHint: user }),
          }),
      },
    ],
    'device-code': [
      {
        name: 'device code',
        credential: () =>
          new DeviceCodeCredential({
            ...network,
            tenantId,
            clientId,
            userPromptCallback: ({ message }) => say(message),
          }),
      },
    ],
  };
}
